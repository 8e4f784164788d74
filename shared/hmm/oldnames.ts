/**
 * The calls of 4.14 to 5.1 by their old names, over those of 2019: kept for one release while drivers were converted. They take the
 * range and what it is for in one call, and the array is the request: every entry says what is asked of its page.
 *
 *     hmmVmaFault(task, range, { mirror, start, pages }, true)     0: filled, registered, mmap_sem held
 *     mmap_sem dropped, update lock
 *     hmmVmaRangeDone(task, range)? no: drop the lock, begin again
 *     program the device, drop the lock
 *
 *   result            mmap_sem    range
 *   0                 held        registered, until hmmVmaRangeDone
 *   -EAGAIN           released    not registered: an invalidation ran for too long
 *   -EBUSY            released    not registered: begin again
 *   any other error   held        not registered
 *
 * So for an old driver -EAGAIN and -EBUSY both say that mmap_sem is gone. (Linux 5.2 left the range registered on a timeout: section
 * 4.9, row 13.)
 */
import { EAGAIN, EBUSY } from '../memory/errno.ts'
import { mmapSem } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { upRead } from '../sync/rwsem.ts'
import {
  HMM_RANGE_DEFAULT_TIMEOUT,
  hmmRangeFault,
  hmmRangeRegister,
  hmmRangeUnregister,
  hmmRangeValid,
  hmmRangeWaitUntilValid,
} from './hmmrange.ts'
import { type Mirror, mirrorMm } from './mirror.ts'
import { type Range, rangeRequest } from './range.ts'

/** What an old range is for: it had its area and its bounds in it. */
export interface OldSpan {
  readonly mirror: Mirror
  readonly start: number
  readonly pages: number
}

const ALL_BITS = (1n << 64n) - 1n

/** Registers, waits and faults. The table above says what is left behind. Caller is a user of the mm and holds mmap_sem for reading. */
export function hmmVmaFault(
  task: Task,
  range: Range,
  span: OldSpan,
  block: boolean,
  timeoutMs = HMM_RANGE_DEFAULT_TIMEOUT,
): number {
  rangeRequest(task, range, 0n, ALL_BITS)
  const registered = hmmRangeRegister(task, range, span.mirror, span.start, span.start + span.pages)
  if (registered !== 0) return registered
  const sem = mmapSem(mirrorMm(task, span.mirror))
  if (!hmmRangeWaitUntilValid(task, range, timeoutMs)) {
    upRead(task, sem)
    hmmRangeUnregister(task, range)
    return -EAGAIN
  }
  const result = hmmRangeFault(task, range, block)
  if (result > 0) return 0
  const again = result === -EBUSY || result === -EAGAIN || result === 0
  if (again && result !== -EAGAIN) upRead(task, sem)
  hmmRangeUnregister(task, range)
  return again ? -EBUSY : result
}

/** Unregisters, and says whether the entries may be used. Exactly once after each success, under the update lock. */
export function hmmVmaRangeDone(task: Task, range: Range): boolean {
  const valid = hmmRangeValid(task, range)
  hmmRangeUnregister(task, range)
  return valid
}
