/**
 * Filling a range without holding mmap_sem (hmm_range_fault_unlocked_timeout, Linux 7.x): the whole first half of a driver's loop in
 * one call, with a deadline. What is new in it besides: while somebody else has a page (a migration, a swap-in, a device that has it
 * exclusively), mmap_sem is given up, and writers go on.
 *
 *     again:  begin a fill                          sleeps while an invalidation of the range runs
 *             mmap_sem read, killable               -EINTR
 *             deadline passed                       -EBUSY
 *             fault                                 had to wait, mmap_sem was given up: killed, -EINTR; otherwise the deadline
 *                                                   starts anew (that wait made progress), again
 *                                                   invalidated meanwhile: again
 *
 * The caller goes on as ever: update lock, rangeValid, install.
 */
import { EBUSY, EFAULT, EINTR } from '../memory/errno.ts'
import { mmapSem } from '../notifier/mmhead.ts'
import { isKilled } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downReadKillable, upRead } from '../sync/rwsem.ts'
import { rangeWait } from './protocol.ts'
import { type Range, rangeMm } from './range.ts'
import { MMAP_SEM_DROPPED, rangeFaultDroppable } from './rangefault.ts'

const NS_PER_MS = 1_000_000

/**
 * Fills every entry of a registered range. Returns the number of pages; -EBUSY when `timeoutMs` passed (0: never); -EINTR when this
 * actor was killed; -EFAULT also when the mirror is dead; otherwise as rangeFault. `onRetry` hears of each attempt that an
 * invalidation spoilt. Neither mmap_sem nor a lock that a callback takes is held; may sleep.
 */
export function rangeFaultUnlocked(task: Task, range: Range, timeoutMs: number, onRetry: () => void = () => {}): number {
  const sem = mmapSem(rangeMm(task, range))
  let since = task.nowNs()
  for (;;) {
    if (!rangeWait(task, range)) return -EFAULT
    if (downReadKillable(task, sem, MMAP_SEM) !== 0) return -EINTR
    if (timeoutMs > 0 && task.nowNs() - since >= timeoutMs * NS_PER_MS) {
      upRead(task, sem)
      return -EBUSY
    }
    const filled = rangeFaultDroppable(task, range)
    if (filled === MMAP_SEM_DROPPED) {
      if (isKilled(task)) return -EINTR
      since = task.nowNs()
      continue
    }
    upRead(task, sem)
    if (filled !== -EBUSY) return filled
    onRetry()
  }
}
