/**
 * The dispatcher: actors that run the callbacks of an invalidation for whoever raises it. Each serves one request at a time
 * from its slot and has no queue.
 *
 *   slot, one line
 *   word   0       1       2        3           4
 *        +-------+-------+--------+-----------+--------+
 *        | STATE | RANGE | RESULT | DISPATCHER| ORIGIN |
 *        +-------+-------+--------+-----------+--------+
 *
 *   STATE    IDLE --origin, cas--> CLAIMED --origin--> REQUEST --dispatcher--> DONE --origin--> IDLE       Atomic.
 *   others   written by the origin while CLAIMED, RESULT by the dispatcher before DONE.
 *
 * The callbacks run inline, on the actor that changes the page table (as in the kernel), when the machine says so, when all
 * dispatchers are busy, when the call cannot block, and when it comes from a dispatcher or a callback: a dispatcher that
 * waited for a dispatcher could wait for itself.
 *
 * A request carries its origin: while it serves, the dispatcher's ORIGIN names that actor, so that held locks, lock order
 * and the wait-for graph are the origin's (sync/held.ts).
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt } from '../memory/words.ts'
import { ACTOR_KIND, CALLBACK_DEPTH, KIND, ORIGIN } from '../seam/actors.ts'
import { atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { park, WAIT, wake } from '../seam/park.ts'
import { tick } from '../seam/point.ts'
import { countStat, STAT } from '../seam/stats.ts'
import { NOTIFY_MODE_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import { type NotifierRange, rangeBlockable, rangeEvent, rangeLast, rangeStart } from './windows.ts'

export const SLOT_WORDS = LINE_WORDS
export const NOTIFY_DISPATCHER = 0
export const NOTIFY_INLINE = 1

const STATE = 0
const RANGE = 1
const RESULT = 2
const DISPATCHER = 3
const SLOT_ORIGIN = 4

const IDLE = 0
const CLAIMED = 1
const REQUEST = 2
const DONE = 3

export function slotAt(task: Task, index: number): WordAt {
  return regionAt(task.words, 'slots') + index * SLOT_WORDS
}

/** Gives slot `index` to dispatcher actor `actor`. Once, by the booting thread. */
export function createSlot(task: Task, index: number, actor: number): void {
  const slot = slotAt(task, index)
  task.words.fill(0, slot, slot + SLOT_WORDS)
  task.words[slot + DISPATCHER] = actor
}

/**
 * Runs `work` (the callbacks of `range`) on a dispatcher, or returns null when it must run inline. The result is what the
 * callbacks answered. Sleeps until they have all returned.
 */
export function dispatch(task: Task, range: NotifierRange): number | null {
  const { words } = task
  if (words[NOTIFY_MODE_AT] === NOTIFY_INLINE || !rangeBlockable(task, range)) return null
  if (words[task.record + KIND] === ACTOR_KIND.notifier || words[task.record + CALLBACK_DEPTH] !== 0) return null
  const slots = regionWords(words, 'slots') / SLOT_WORDS
  for (let i = 0; i < slots; i++) {
    const slot = slotAt(task, i)
    if (atomicLoad(task, slot + STATE) !== IDLE || atomicCas(task, slot + STATE, IDLE, CLAIMED) !== IDLE) continue
    words[slot + RANGE] = range
    words[slot + SLOT_ORIGIN] = task.id
    atomicStore(task, slot + STATE, REQUEST)
    wake(task, words[slot + DISPATCHER] as number)
    while (atomicLoad(task, slot + STATE) !== DONE) park(task, WAIT.dispatch, slot)
    const result = words[slot + RESULT] as number
    atomicStore(task, slot + STATE, IDLE)
    countStat(task, STAT.dispatched)
    return result
  }
  return null
}

/** Actors of all dispatchers that there are. */
export function dispatchers(task: Task): number[] {
  return Array.from({ length: regionWords(task.words, 'slots') / SLOT_WORDS }, (_, i) => dispatcherOf(task, slotAt(task, i)))
}

/** Actor behind a slot; for reports. */
export function dispatcherOf(task: Task, slot: WordAt): number {
  return task.words[slot + DISPATCHER] as number
}

/** One request of dispatcher `index`: waits for it, runs `work`, answers. The body of the notifier actor's loop. */
export function serveSlot(task: Task, index: number, work: (task: Task, range: NotifierRange) => number): void {
  const slot = slotAt(task, index)
  const { words } = task
  tick(task)
  while (atomicLoad(task, slot + STATE) !== REQUEST) park(task, WAIT.work, slot)
  const origin = words[slot + SLOT_ORIGIN] as number
  const range = words[slot + RANGE] as NotifierRange
  words[task.record + ORIGIN] = origin
  beginOp(
    task,
    OPERATION.callbacks,
    rangeStart(task, range),
    rangeLast(task, range) - rangeStart(task, range) + 1,
    rangeEvent(task, range),
  )
  words[slot + RESULT] = work(task, range)
  endOp(task)
  words[task.record + ORIGIN] = task.id
  atomicStore(task, slot + STATE, DONE)
  wake(task, origin)
}
