/**
 * RCU: readers of linked records take no lock; who unlinks a record frees it only after every reader that could have seen
 * it is gone. Epoch form. Nothing sleeps inside a section, and an actor outside one is quiescent even if it sleeps.
 *
 *   EPOCH    (superblock) the current epoch, starts at 1. Atomic.
 *   WAITERS  (superblock) actors inside rcuSynchronize. Atomic: a reader that leaves tests it, to wake them.
 *   RCU      (actor) 0 outside; inside: epoch at entry << 4 | nesting depth. Written by its actor only. Atomic.
 *            28 bits of epoch, which run over (after 268 s at one grace period per microsecond): epochs are compared by their
 *            distance, right as long as no section and no wait lasts for 2^27 grace periods.
 *
 *     reader                                   who frees
 *     RCU = epoch e
 *     loads a link to record R
 *                                              unlinks R
 *                                              EPOCH = e + 1
 *                                              sees RCU of an epoch below e + 1: waits
 *     uses R
 *     RCU = 0
 *                                              frees R          [Required: after the reader's last use]
 *
 * A reader that publishes an old epoch only after the scan passed it loads its links after the unlink, so it never sees R.
 */
import { actorAt, RCU } from '../seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { park, WAIT, wake } from '../seam/park.ts'
import { ACTOR_COUNT_AT, RCU_EPOCH_AT, RCU_WAITERS_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { RCU_SECTION } from './classes.ts'
import { assertMaySleep, checkOrder } from './held.ts'

/** Bits of the depth in RCU. */
export const NESTING_BITS = 4
const NESTING = (1 << NESTING_BITS) - 1

/** Enters a read section. Sections nest. */
export function rcuReadLock(task: Task): void {
  const at = task.record + RCU
  const own = task.words[at] as number // written by this actor only
  if (own !== 0) {
    assert((own & NESTING) < NESTING, 'rcu sections nest at most 15 deep')
    task.words[at] = own + 1
    return
  }
  atomicStore(task, at, (atomicLoad(task, RCU_EPOCH_AT) << NESTING_BITS) | 1)
}

/** Leaves a read section. */
export function rcuReadUnlock(task: Task): void {
  const at = task.record + RCU
  const own = task.words[at] as number
  if ((own & NESTING) > 1) {
    task.words[at] = own - 1
    return
  }
  assert(own !== 0 || task.halting, 'an rcu section is left by who entered it')
  atomicStore(task, at, 0)
  if (atomicLoad(task, RCU_WAITERS_AT) !== 0) rcuWakeWaiters(task)
}

/** True inside a read section of this actor. */
export function inRcuSection(task: Task): boolean {
  return task.words[task.record + RCU] !== 0
}

/** Starts a grace period and returns its number, to be given to `rcuPassed` later. Never waits. */
export function rcuStartGrace(task: Task): number {
  return atomicAdd(task, RCU_EPOCH_AT, 1) + 1
}

/** True once no reader of before `rcuStartGrace` returned `grace` is left. Never waits. */
export function rcuPassed(task: Task, grace: number): boolean {
  const { words } = task
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number); id++) {
    const section = atomicLoad(task, actorAt(words, id) + RCU)
    if (section !== 0 && isBefore(section, grace)) return false
  }
  return true
}

/** Waits for a grace period. May sleep: not inside a section, not under a spinlock, not in a notifier callback. */
export function rcuSynchronize(task: Task): void {
  if (task.checked) {
    if (inRcuSection(task)) violation(task, 'DLK', 'waiting for an rcu grace period inside an rcu section')
    assertMaySleep(task, 'waiting for an rcu grace period')
    checkOrder(task, RCU_SECTION, RCU_EPOCH_AT)
  }
  const grace = rcuStartGrace(task)
  atomicAdd(task, RCU_WAITERS_AT, 1)
  // WAITERS is raised before the scan: a reader that leaves after the scan saw it inside sees WAITERS and wakes us.
  while (!rcuPassed(task, grace)) park(task, WAIT.gracePeriod, RCU_EPOCH_AT)
  atomicAdd(task, RCU_WAITERS_AT, -1)
}

/** Readers do not know who waits, so they wake every actor that says it waits for a grace period. Rare by design. */
export function rcuWakeWaiters(task: Task): void {
  for (let id = 0; id < (task.words[ACTOR_COUNT_AT] as number); id++) if (id !== task.id) wake(task, id)
}

/** Did the section, as its actor published it, begin before grace period `grace`? Both run over; their distance counts. */
function isBefore(section: number, grace: number): boolean {
  return (((section & ~NESTING) - (grace << NESTING_BITS)) | 0) < 0
}
