/**
 * Wait queue: actors that wait for a condition over shared words, and the means to wake them after changing those words.
 *
 *     waiter                                   waker
 *     queue itself
 *     condition?  false
 *                                              make the condition true
 *                                              wakeAll: finds the waiter queued, leaves a token
 *     park: takes the token
 *     condition?  true                         [Required: the waiter does not sleep through the change]
 *     leave the queue
 *
 * A waker that finds the queue empty pays one atomic load.
 */
import type { WordAt } from '../memory/words.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { nap, park, wake } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { assertMaySleep } from './held.ts'
import { QUEUE_WORDS, queueAppend, queueFirst, queueLock, queueNext, queueRemove, queueUnlock } from './queue.ts'

/** Words of a wait queue. Zeroed, nobody waits. */
export const WAIT_QUEUE_WORDS = QUEUE_WORDS
const FIRST = 1
const MODE_WAITING = 1

/**
 * Returns once `condition()` is true; it is tested before sleeping and after every wake-up, with this actor already queued.
 * It may take spinlocks, not other queues. `kind` (a WAIT value) and `on` say in reports what is being waited for.
 */
export function waitUntil(task: Task, queue: WordAt, kind: number, on: WordAt, condition: () => boolean): void {
  if (condition()) return
  assertMaySleep(task, 'waiting for a condition')
  queueLock(task, queue)
  queueAppend(task, queue, MODE_WAITING)
  queueUnlock(task, queue)
  for (let parks = task.parks; !condition(); parks = task.parks) {
    // A condition that waited for a spinlock may have taken our token, for a change that it had looked for before: look again.
    if (task.parks === parks) park(task, kind, on)
  }
  queueLock(task, queue)
  queueRemove(task, queue, task.id)
  queueUnlock(task, queue)
}

/**
 * As waitUntil, but for `ns` at most: what the condition says then. The time is the machine's: in a controlled run it passes only when
 * nothing else can move.
 */
export function waitAtMost(task: Task, queue: WordAt, ns: number, condition: () => boolean): boolean {
  if (condition()) return true
  assertMaySleep(task, 'waiting for a condition')
  const until = task.nowNs() + ns
  queueLock(task, queue)
  queueAppend(task, queue, MODE_WAITING)
  queueUnlock(task, queue)
  let met = condition()
  for (let left = ns; !met && left > 0; left = until - task.nowNs()) {
    nap(task, left)
    met = condition()
  }
  queueLock(task, queue)
  queueRemove(task, queue, task.id)
  queueUnlock(task, queue)
  return met
}

/** Wakes every waiter. Call after the words of the condition were written. */
export function wakeAll(task: Task, queue: WordAt): void {
  if (atomicLoad(task, queue + FIRST) === 0) return
  queueLock(task, queue)
  for (let actor = queueFirst(task, queue); actor >= 0; actor = queueNext(task, actor)) wake(task, actor)
  queueUnlock(task, queue)
}
