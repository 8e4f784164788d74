/**
 * The calls of March 2019 (Linux 5.2, include/linux/hmm.h), for code that wants them as they were: their return codes, and who still
 * holds mmap_sem. Drivers that are to run in every era use those of `dev` (hmm/protocol.ts); both work on the same ranges and states.
 * Era range-valid only.
 *
 *     hmmRangeRegister(task, range, mirror, start, end, PAGE_SHIFT)     0, -EINVAL, -EFAULT
 *     again:
 *       hmmRangeWaitUntilValid(task, range, HMM_RANGE_DEFAULT_TIMEOUT)  false: unregister; busy, or dead
 *       hmmMirrorMmDownRead(task, mirror)                               -EINVAL: unregister, the mirror is dead
 *       hmmRangeFault(task, range, true)                                -EAGAIN: mmap_sem is gone, again
 *       hmmMirrorMmUpRead(task, mirror)                                 -EBUSY: again; other errors: unregister
 *       mirrorLock
 *       hmmRangeValid? no: mirrorUnlock, again
 *       program the device from the entries
 *       mirrorUnlock
 *     hmmRangeUnregister(task, range)
 *
 * As in 5.3, a range belongs to a mirror and not to an mm, so that registering one never has to make the hmm. While it is registered,
 * the range is a user of the mm (section 4.9, row 4): the address space does not end under it.
 */
import { EINVAL } from '../memory/errno.ts'
import { PAGE_SHIFT } from '../memory/words.ts'
import { mmapSem, mmUsers } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { eraOf } from './era.ts'
import { type Mirror, mirrorIsLive, mirrorMm } from './mirror.ts'
import { rangeRegister, rangeUnregister, rangeValid } from './protocol.ts'
import { type Range, rangeIsRegistered, rangePageShift } from './range.ts'
import { rangeAwait } from './rangevalid.ts'

export { hmmRangeFault, hmmRangeSnapshot } from './hmmfault.ts'

/** Milliseconds. */
export const HMM_RANGE_DEFAULT_TIMEOUT = 1000

/**
 * Registers `range` for pages [start, end), which are numbers of 4 KiB pages. 0; -EINVAL when start or end is no multiple of
 * 1 << pageShift bytes, when start >= end, when the range has no room for it, or in another era; -EFAULT when the mirror or its mm is dead. Refused,
 * the range is registered with nobody. May sleep; neither mmap_sem nor the update lock is needed.
 */
export function hmmRangeRegister(
  task: Task,
  range: Range,
  mirror: Mirror,
  start: number,
  end: number,
  pageShift = PAGE_SHIFT,
): number {
  if (eraOf(task) !== 'range-valid') return -EINVAL
  return rangeRegister(task, range, mirror, start, end - start, pageShift)
}

/**
 * Waits until no invalidation that touched the range runs, `timeoutMs` at most. False when the time is over, or the mirror is dead. Best
 * before mmap_sem is taken; never with the update lock, which the callback that is waited for takes.
 */
export function hmmRangeWaitUntilValid(task: Task, range: Range, timeoutMs: number): boolean {
  return rangeAwait(task, range, timeoutMs * 1e6)
}

/** May the entries be used? Update lock held, and kept until they are. */
export function hmmRangeValid(task: Task, range: Range): boolean {
  return rangeValid(task, range)
}

/** Ends the registration; nothing to do for a range that is not registered. No lock held that a callback takes. */
export function hmmRangeUnregister(task: Task, range: Range): void {
  if (rangeIsRegistered(task, range)) rangeUnregister(task, range)
}

/** What one entry is about: bytes, as a power of two. */
export function hmmRangePageShift(task: Task, range: Range): number {
  return rangePageShift(task, range)
}

/** The same in bytes. */
export function hmmRangePageSize(task: Task, range: Range): number {
  return 2 ** rangePageShift(task, range)
}

/** Has the mirror's address space users, and is the mirror registered? A hint: no lock is taken, a yes may be old. */
export function hmmMirrorMmIsAlive(task: Task, mirror: Mirror): boolean {
  return mirrorIsLive(task, mirror) && mmUsers(task, mirrorMm(task, mirror)) > 0
}

/** Takes mmap_sem of the mirror's address space for reading: 0. Or -EINVAL, without it, when the mirror is dead. */
export function hmmMirrorMmDownRead(task: Task, mirror: Mirror): number {
  if (!hmmMirrorMmIsAlive(task, mirror)) return -EINVAL
  downRead(task, mmapSem(mirrorMm(task, mirror)), MMAP_SEM)
  return 0
}

/** The counterpart. */
export function hmmMirrorMmUpRead(task: Task, mirror: Mirror): void {
  upRead(task, mmapSem(mirrorMm(task, mirror)))
}
