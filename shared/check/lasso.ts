/**
 * PROG, the progress oracle: under a fair schedule the machine came back to a state that it was in before, with no operation of a
 * thread completed in between. It can go round for ever: a livelock.
 *
 * The state is the buffer and the access that each actor stands in front of, and the operations that threads have completed. Left
 * out is what only counts or remembers: the heartbeat, statistics, traces, the log, and how often a server has served. A protocol that counts its rounds (a sequence, a stamp) never comes back in this sense;
 * its livelock goes on to the step limit (check/standstill.ts).
 *
 * The same state has to come back three times at the same distance: what an actor has in local variables is not in the buffer.
 */
import { heapUsedWords } from '../frame/objects.ts'
import { type RegionName, regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt, type Words } from '../memory/words.ts'
import { ACTOR_KIND, ACTOR_WORDS, actorAt, KIND, OP, OP_DONE, STEPS } from '../seam/actors.ts'
import * as w from '../seam/batonword.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { describeActor } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'

/** Times the same state must come back at the same distance. */
const ROUNDS = 3

/** Looks at the state, once in each round of a fair schedule; reports a lasso. Costs as much as a reset. */
export function lookForLasso(task: Task): void {
  const { words } = task
  const header = regionAt(words, 'scheduler')
  const hash = stateHash(task)
  const step = words[header + w.STEP] as number
  if (hash === words[header + w.LASSO_HASH]) {
    const period = step - (words[header + w.LASSO_STEP] as number)
    const again = period === words[header + w.LASSO] ? (words[header + w.LASSO_ROUNDS] as number) + 1 : 1
    words[header + w.LASSO] = period
    words[header + w.LASSO_ROUNDS] = again
    words[header + w.LASSO_STEP] = step
    if (again >= ROUNDS) report(task, period)
    return
  }
  // Brent's way: one state is kept and compared with; another is taken after twice as many looks.
  const looks = (words[header + w.LASSO_LOOKS] as number) + 1
  words[header + w.LASSO_LOOKS] = looks
  if ((looks & (looks - 1)) !== 0) return
  words[header + w.LASSO_HASH] = hash
  words[header + w.LASSO_STEP] = step
  words[header + w.LASSO] = 0
  words[header + w.LASSO_ROUNDS] = 0
}

function report(task: Task, period: number): never {
  const operations = operationsInHand(task.words)
  violation(task, 'PROG', `livelock: the same ${period} steps repeat for ever, and nobody gets on (${operations.join('; ')})`, {
    operations,
  })
}

/** Of everybody who is in the middle of something. */
export function operationsInHand(words: Words): string[] {
  const operations: string[] = []
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number) - 1; id++) {
    if (words[actorAt(words, id) + OP] !== 0 || words[w.actorLineAt(words, id) + w.STATUS] === w.READY)
      operations.push(describeActor(words, id))
  }
  return operations
}

const COUNTED: readonly RegionName[] = ['windows', 'slots', 'devices', 'iommus', 'gathers', 'tlbs', 'programs', 'shadow']

function stateHash(task: Task): number {
  const { words } = task
  let hash = 0x811c9dc5
  const add = (from: WordAt, to: WordAt) => {
    hash = digest(words, from, to, hash)
  }
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number) - 1; id++) {
    const record = actorAt(words, id)
    add(record, record + STEPS)
    add(record + STEPS + 1, record + OP_DONE)
    // A server completes something in each round of a livelock: a fault that is raised again, an invalidation that is in the way.
    if (isThread(words[record + KIND] as number)) add(record + OP_DONE, record + OP_DONE + 1)
    add(record + OP_DONE + 1, record + ACTOR_WORDS)
    const line = w.actorLineAt(words, id)
    add(line + w.STATUS, line + LINE_WORDS)
  }
  for (const name of COUNTED) add(regionAt(words, name), regionAt(words, name) + regionWords(words, name))
  const heap = regionAt(words, 'heap')
  add(heap, heap + heapUsedWords(task))
  const frames = regionAt(words, 'frames')
  add(frames, frames + regionWords(words, 'frames'))
  return hash
}

/** Does an actor of this kind do operations of its own? */
export function isThread(kind: number): boolean {
  return kind === ACTOR_KIND.cpu || kind === ACTOR_KIND.engine
}

/** FNV-1a over words. */
function digest(words: Words, from: number, to: number, start: number): number {
  let hash = start
  for (let i = from; i < to; i++) hash = Math.imul(hash ^ (words[i] as number), 0x01000193)
  return hash
}
