/**
 * The end of an address space, when its last user is gone.
 *
 *     RELEASE to every interval subscriber, whole address space     devices stop
 *     release to every classic one
 *     UNMAP over everything                                          as a munmap of all areas
 *     tables and areas are freed; the record lives on while somebody grabs it
 *
 * Subscriptions may still be there: removing them later is legal, and finds nothing to do.
 */
import { reapDeferred } from '../frame/deferred.ts'
import { classicRelease } from '../notifier/classic.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { mmPutWith } from './mm.ts'
import { unmapLocked } from './munmap.ts'
import { LAST_VPN } from './vma.ts'

/** Tears the address space down. Nobody uses it any more; devices may still mirror it until RELEASE returns. May sleep. */
export function exitMm(task: Task, mm: Mm): void {
  const range = rangeInit(task, mm, 0, LAST_VPN, NOTIFY.release)
  invalidateRangeStart(task, range)
  invalidateRangeEnd(task, range)
  classicRelease(task, mm)
  downWrite(task, mmapSem(mm), MMAP_SEM)
  unmapLocked(task, mm, 0, LAST_VPN)
  upWrite(task, mmapSem(mm))
  reapDeferred(task)
}

/** Stops using `mm`; the last user tears it down. May sleep: not from a callback, not with a lock that a callback takes. */
export function mmPut(task: Task, mm: Mm): void {
  mmPutWith(task, mm, exitMm)
}
