/** Does everybody come out of a halted machine, whatever they wait for, and is the first cause the one that is told? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { HELD_COUNT } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad } from '../../shared/seam/atomics.ts'
import { HALT_CAUSE, type HaltCause, HaltSignal, haltMachine, haltState } from '../../shared/seam/halt.ts'
import { nap, park, WAIT } from '../../shared/seam/park.ts'
import { tick } from '../../shared/seam/point.ts'
import { ACTOR_COUNT_AT, HALT_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER, MMAP_SEM, ZONE } from '../../shared/sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { rcuReadLock, rcuReadUnlock, rcuSynchronize } from '../../shared/sync/rcu.ts'
import { createRing, ringWait } from '../../shared/sync/ring.ts'
import { downRead, downWrite, upRead, upWrite } from '../../shared/sync/rwsem.ts'
import { seqBegin, seqWriteBegin } from '../../shared/sync/seqcount.ts'
import { spinLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { srcuReadLock, srcuReadUnlock, srcuSynchronize } from '../../shared/sync/srcu.ts'
import { waitUntil } from '../../shared/sync/waitqueue.ts'
import { startCrew } from '../support/crew.ts'
import { meet, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'

const START = 0
const RETURNED = 1
/** Records to wait for, one line each. */
const LOCK = 16
const SEM = 32
const QUEUE = 48
const RING = 64
const DOMAIN = 160
const SEQ = 176
const SPIN = 192

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** What cpu 0 has or is in, so that each of the others waits for ever in its own way. */
const WAYS: ((task: Task, at: number) => unknown)[] = [
  (task, at) => park(task, WAIT.work, at),
  (task, at) => mutexLock(task, at + LOCK, DRIVER),
  (task, at) => downRead(task, at + SEM, MMAP_SEM),
  (task, at) => downWrite(task, at + SEM, MMAP_SEM),
  (task, at) => waitUntil(task, at + QUEUE, WAIT.work, at, () => false),
  (task, at) => ringWait(task, createRing(task, at + RING, { slots: 4, slotWords: 2, consumer: task.id })),
  (task) => rcuSynchronize(task),
  (task, at) => srcuSynchronize(task, at + DOMAIN),
  (task) => nap(task, 3_600e9),
  (task, at) => seqBegin(task, at + SEQ),
  (task) => {
    for (;;) tick(task)
  },
]
const SLEEPS = [
  'work',
  'lock',
  'rwsemRead',
  'rwsemWrite',
  'work',
  'ring',
  'gracePeriod',
  'gracePeriod',
  'nap',
  null,
  null,
] as const

/** cpu 0 stands in everybody's way and halts the machine once all who sleep are asleep. The others say how they came out. */
export function comeOut(task: Task): string {
  const at = words(task)
  if (task.id === 0) {
    downWrite(task, at + SEM, MMAP_SEM)
    mutexLock(task, at + LOCK, DRIVER)
    srcuReadLock(task, at + DOMAIN)
    rcuReadLock(task)
    seqWriteBegin(task, at + SEQ)
  }
  meet(task, at + START, WAYS.length + 1)
  if (task.id === 0) {
    for (const [i, kind] of SLEEPS.entries()) if (kind !== null) untilAsleep(task, i + 1, kind)
    haltMachine(task.words, 'interrupted', task.id)
    return 'halted it'
  }
  try {
    WAYS[task.id - 1]?.(task, at)
    return 'came back'
  } catch (thrown) {
    return thrown instanceof HaltSignal && task.halting ? 'unwound' : String(thrown)
  } finally {
    atomicAdd(task, at + RETURNED, 1)
  }
}

/** All threads halt the machine at the same moment, each for a reason of its own. */
export function raceToHalt(task: Task): boolean {
  meet(task, words(task) + START, 4)
  return haltMachine(task.words, (Object.keys(HALT_CAUSE) as HaltCause[])[task.id + 1] as HaltCause, task.id)
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test(`${WAYS.length} ways to wait: a halt ends them all by unwinding`, async (t) => {
    const crew = startCrew(t, { cpus: WAYS.length + 1 })
    t.same(await crew.run(import.meta.url, 'comeOut'), ['halted it', ...WAYS.map(() => 'unwound')])
    t.same(haltState(crew.task.words), { cause: 'interrupted', actor: 0 })
    t.equal(atomicLoad(crew.task, words(crew.task) + RETURNED), WAYS.length)
  })

  t.test('of four that halt it at once one is told that it was first, and its cause stays', async (t) => {
    const crew = startCrew(t)
    const first = await crew.run(import.meta.url, 'raceToHalt')
    t.equal(first.filter((one) => one === true).length, 1)
    const actor = first.indexOf(true)
    t.same(haltState(crew.task.words), { cause: Object.keys(HALT_CAUSE)[actor + 1], actor })
  })

  t.test('every cause comes back from its word, with the actor, the booting thread as -1', async (t) => {
    for (const cause of Object.keys(HALT_CAUSE) as HaltCause[]) {
      for (const actor of [-1, 0, 253]) {
        const { task } = solo()
        t.equal(haltState(task.words), null)
        t.equal(haltMachine(task.words, cause, actor), true)
        t.equal(haltMachine(task.words, 'hung', 7), false)
        t.same(haltState(task.words), { cause, actor })
      }
    }
  })

  t.test('while an actor unwinds, unlocking does nothing: locks stay as they are', async (t) => {
    const { task } = solo()
    const at = words(task)
    downRead(task, at + SEM, MMAP_SEM)
    mutexLock(task, at + LOCK, DRIVER)
    const index = srcuReadLock(task, at + DOMAIN)
    rcuReadLock(task)
    spinLock(task, at + SPIN, ZONE)
    const before = task.words.slice(at, at + 256)
    const held = task.words[task.record + HELD_COUNT]
    haltMachine(task.words, 'failure', 1)
    t.throws(() => tick(task), new HaltSignal())
    spinUnlock(task, at + SPIN)
    mutexUnlock(task, at + LOCK)
    upRead(task, at + SEM)
    t.same(task.words.slice(at + LOCK, at + DOMAIN), before.slice(LOCK, DOMAIN))
    t.equal(task.words[at + SPIN], before[SPIN])
    t.equal(task.words[task.record + HELD_COUNT], held)
    t.doesNotThrow(() => srcuReadUnlock(task, at + DOMAIN, index), 'nor does leaving a section complain')
    t.doesNotThrow(() => rcuReadUnlock(task))
    t.doesNotThrow(() => upWrite(task, at + SEM), 'nor dropping what was never taken')
  })

  t.test('nobody falls asleep in a halted machine, and the tokens reach every actor', async (t) => {
    const { task, other } = solo({ cpus: 3 })
    haltMachine(task.words, 'finished', -1)
    for (let id = 0; id < (task.words[ACTOR_COUNT_AT] as number); id++) {
      const actor = other(id)
      t.throws(() => park(actor, WAIT.work, 0), new HaltSignal())
      t.throws(() => nap(actor, 3_600e9), new HaltSignal())
      t.throws(() => mutexLock(other(id), words(task) + LOCK, DRIVER), new HaltSignal())
    }
    t.equal(task.words[HALT_AT], HALT_CAUSE.finished << 8)
  })
}
