/**
 * Mutex: a sleeping lock, for sections that may sleep, copy pages or wait for hardware: a driver's update lock, a frame's
 * lock. One word, 0 when free, the same owner word as a spinlock; what differs is what a holder may do.
 */
import type { WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import type { LockClass } from './classes.ts'
import { assertMaySleep, checkOrder, popHeld, pushHeld } from './held.ts'
import { ownerDrop, ownerTake, ownerTry } from './ownerword.ts'

/** Returns with `lock` held. May sleep. */
export function mutexLock(task: Task, lock: WordAt, cls: LockClass): void {
  if (task.checked) {
    assertMaySleep(task, `taking ${cls.name}`)
    checkOrder(task, cls, lock)
  }
  ownerTake(task, lock)
  if (task.checked) pushHeld(task, cls, lock)
}

/** Returns true with `lock` held, or false at once: the only way to take a mutex where sleeping is forbidden. */
export function mutexTryLock(task: Task, lock: WordAt, cls: LockClass): boolean {
  if (!ownerTry(task, lock)) return false
  if (task.checked) pushHeld(task, cls, lock)
  return true
}

/** Drops `lock`. Caller holds it. */
export function mutexUnlock(task: Task, lock: WordAt): void {
  if (task.checked) popHeld(task, lock)
  ownerDrop(task, lock)
}
