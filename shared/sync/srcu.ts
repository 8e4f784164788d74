/**
 * SRCU: read sections that may sleep, one domain per record. Used for notifier lists, whose callbacks sleep.
 *
 *   word   0        1 .. 2             3         4 .. 6          7 .. 15
 *        +-------+-------------------+---------+---------------+----------+
 *        | INDEX | READERS[0..1]     | MUTEX   | wait queue    | pad      |
 *        +-------+-------------------+---------+---------------+----------+
 *
 *   INDEX     which counter new readers use: 0 or 1. Atomic, written under MUTEX.
 *   READERS   readers inside, by the index they entered with. Atomic.
 *   MUTEX     one grace period at a time.
 *
 * A grace period turns INDEX twice and waits each time for the counter that new readers no longer use: earlier readers may be
 * in either, because a reader may count itself by an index that was turned since it read it. One that counts itself so late
 * that this grace period misses it loads its links after the unlink, and the next grace period finds it in either counter.
 */
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { WAIT } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { SRCU } from './classes.ts'
import { assertMaySleep, checkOrder, popHeld, pushHeld } from './held.ts'
import { ownerDrop, ownerTake } from './ownerword.ts'
import { waitUntil, wakeAll } from './waitqueue.ts'

/** Words of an srcu domain. Zeroed, it has no readers. */
export const SRCU_WORDS = 16
const INDEX = 0
const READERS = 1
const MUTEX = 3
const QUEUE_AT = 4

/** Enters a read section of `domain`; hand the returned index to srcuReadUnlock. The holder may sleep. */
export function srcuReadLock(task: Task, domain: WordAt): number {
  const index = atomicLoad(task, domain + INDEX)
  atomicAdd(task, domain + READERS + index, 1)
  pushHeld(task, SRCU, domain, true)
  return index
}

/** Leaves the section entered with `index`. */
export function srcuReadUnlock(task: Task, domain: WordAt, index: number): void {
  popHeld(task, domain)
  const before = atomicAdd(task, domain + READERS + index, -1)
  assert(before > 0 || task.halting, 'an srcu section is left by who entered it')
  if (before === 1) wakeAll(task, domain + QUEUE_AT)
}

/** Returns once every reader that was inside when it was called has left. Sleeps: never inside a section of `domain`. */
export function srcuSynchronize(task: Task, domain: WordAt): void {
  if (task.checked) {
    assertMaySleep(task, 'waiting for an srcu grace period')
    checkOrder(task, SRCU, domain)
  }
  ownerTake(task, domain + MUTEX)
  for (let turn = 0; turn < 2; turn++) {
    const old = atomicLoad(task, domain + INDEX)
    atomicStore(task, domain + INDEX, old ^ 1)
    waitUntil(task, domain + QUEUE_AT, WAIT.gracePeriod, domain, () => atomicLoad(task, domain + READERS + old) === 0)
  }
  ownerDrop(task, domain + MUTEX)
}
