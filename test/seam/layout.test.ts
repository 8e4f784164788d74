/** Do the words of the seam keep out of each other's way, and does a task find them from the buffer alone? */
import t from 'tap'
import { RUN_AT, RUN_WORDS, regionAt, regionWords } from '../../shared/memory/regions.ts'
import { LINE_WORDS } from '../../shared/memory/words.ts'
import * as actors from '../../shared/seam/actors.ts'
import { CHANCE_WORDS } from '../../shared/seam/chance.ts'
import * as superblock from '../../shared/seam/superblock.ts'
import { Task } from '../../shared/seam/task.ts'
import { solo } from '../support/solo.ts'

t.test('run words are distinct and inside their part of the superblock', async (t) => {
  const places = Object.values(superblock)
  t.equal(new Set(places).size, places.length)
  for (const at of places) t.ok(at >= RUN_AT && at < RUN_AT + RUN_WORDS)
})

t.test('words that everybody hits have a line of their own', async (t) => {
  const line = (at: number) => Math.floor(at / LINE_WORDS)
  const { HALT_AT, AWAKE_AT, RCU_EPOCH_AT, CORES_AT } = superblock
  t.equal(new Set([HALT_AT, AWAKE_AT, RCU_EPOCH_AT, CORES_AT].map(line)).size, 4)
})

t.test('the words of an actor are distinct, and its held locks and chance streams fit', async (t) => {
  const { PARK, KIND, INDEX, PHASE, STEPS, WAIT_KIND, WAIT_ON, OP, OP_A, OP_B, OP_C, OP_DONE, ORIGIN, CALLBACK_DEPTH } = actors
  const { WINDOW_DEPTH, KILLED, Q_NEXT, Q_PREV, Q_MODE, Q_GRANT, Q_LOST, LOCK_NEXT, LOCK_QUEUED, INSIDE, CUR_MM, RCU } = actors
  const { HELD_COUNT, HELD, HELD_MAX, CHANCE, NOISE_CHANCE, ACTOR_WORDS } = actors
  const single = [PARK, KIND, INDEX, PHASE, STEPS, WAIT_KIND, WAIT_ON, OP, OP_A, OP_B, OP_C, OP_DONE, ORIGIN, CALLBACK_DEPTH]
  single.push(WINDOW_DEPTH, KILLED, Q_NEXT, Q_PREV, Q_MODE, Q_GRANT, Q_LOST, LOCK_NEXT, LOCK_QUEUED, INSIDE, CUR_MM, RCU)
  const spans = [[HELD, HELD_MAX] as const, [CHANCE, CHANCE_WORDS] as const, [NOISE_CHANCE, CHANCE_WORDS] as const]
  const taken = [...single, HELD_COUNT, ...spans.flatMap(([at, words]) => Array.from({ length: words }, (_, i) => at + i))]
  t.equal(new Set(taken).size, taken.length)
  t.ok(taken.every((at) => at < ACTOR_WORDS))
  t.ok(
    taken.every((at) => at === PARK || at >= LINE_WORDS),
    'the line that others write to wake an actor holds nothing else',
  )
})

t.test('a task is the buffer and a number: two of them see each other', async (t) => {
  const { task, other } = solo({ cpus: 3 })
  const cpu2 = other(2)
  t.equal(cpu2.record, regionAt(task.words, 'actors') + 2 * actors.ACTOR_WORDS)
  t.equal(cpu2.stepsAt, cpu2.record + actors.STEPS)
  t.equal(cpu2.checked, true)
  t.equal(solo({ checked: false }).task.checked, false)
  t.equal(cpu2.shadowLimit, regionAt(task.words, 'heap') + regionWords(task.words, 'heap'))
  cpu2.words[cpu2.record + actors.OP_DONE] = 5
  t.equal(task.words[actors.actorAt(task.words, 2) + actors.OP_DONE], 5)
})

t.test('actors have names, in the order of their numbers', async (t) => {
  const { task } = solo({ cpus: 2, notifiers: 1, devices: 1, notify: 'dispatcher' })
  t.same(
    [0, 1, 2, 3, 4, 5].map((id) => actors.actorName(task.words, id)),
    ['cpu 0', 'cpu 1', 'notifier 0', 'engine 0', 'service 0', 'main 0'],
  )
})

t.test('a buffer that is no machine is refused', async (t) => {
  t.throws(() => new Task({ buffer: new SharedArrayBuffer(65536), actor: 0, nowNs: () => 0 }), /it has no superblock/)
})
