/**
 * Spinlock: for sections of a few hundred nanoseconds that never sleep. On real threads a holder can lose its core at any
 * moment, so a waiter spins at most about a microsecond and then sleeps (sync/ownerword.ts); the discipline is the
 * kernel's: while one is held, nothing may sleep, allocate with reclaim, or open a blockable window.
 *
 * One word, 0 when free; give each lock its own line where it is contended.
 */
import type { WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import type { LockClass } from './classes.ts'
import { checkOrder, popHeld, pushHeld } from './held.ts'
import { ownerDrop, ownerTake, ownerTry } from './ownerword.ts'

/** Returns with `lock` held. */
export function spinLock(task: Task, lock: WordAt, cls: LockClass): void {
  if (task.checked) checkOrder(task, cls, lock)
  ownerTake(task, lock)
  if (task.checked) pushHeld(task, cls, lock)
}

/** Returns true with `lock` held, or false at once. */
export function spinTryLock(task: Task, lock: WordAt, cls: LockClass): boolean {
  if (!ownerTry(task, lock)) return false
  if (task.checked) pushHeld(task, cls, lock)
  return true
}

/** Drops `lock`. Caller holds it. */
export function spinUnlock(task: Task, lock: WordAt): void {
  if (task.checked) popHeld(task, lock)
  ownerDrop(task, lock)
}
