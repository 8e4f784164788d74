/**
 * The OOM reaper: takes private memory away from a process that is to die, without ever waiting (kernel: __oom_reap_task_mm). An
 * area whose subscribers cannot answer at once is left alone; what was taken reads as zeros, and nobody will read it.
 *
 *     mmap_sem by trylock
 *     per area: start, non-blockable        refused: nothing of it is changed, and there is no end
 *               zap, end, flush, free
 */
import { EAGAIN } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStartNonblock } from '../notifier/invalidate.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downReadTry, upRead } from '../sync/rwsem.ts'
import { gatherBegin, gatherEnd } from './gather.ts'
import { vmaIsHugetlb } from './huge.ts'
import { findVma, NO_VMA, nextVma, type Vma, vmaIsShared, vmaLast, vmaStart } from './vma.ts'
import { zapRange } from './zap.ts'

/**
 * Zaps the private areas' part of pages [start, start + pages). 0; -EAGAIN when mmap_sem was not to be had, or a subscriber
 * refused an area: the others are done. Never sleeps for a lock of the address space or a driver's.
 */
export function reapRange(task: Task, mm: Mm, start: number, pages: number): number {
  tick(task)
  if (!downReadTry(task, mmapSem(mm), MMAP_SEM)) return -EAGAIN
  const last = start + pages - 1
  let result = 0
  for (let vma = findVma(task, mm, start); vma !== NO_VMA && vmaStart(task, vma) <= last; vma = nextVma(task, vma)) {
    if (vmaIsShared(task, vma) || vmaIsHugetlb(task, vma)) continue
    if (!reapArea(task, mm, vma, Math.max(start, vmaStart(task, vma)), Math.min(last, vmaLast(task, vma)))) result = -EAGAIN
  }
  upRead(task, mmapSem(mm))
  return result
}

/** False when the invalidation was refused. */
function reapArea(task: Task, mm: Mm, vma: Vma, first: number, last: number): boolean {
  const range = rangeInit(task, mm, first, last, NOTIFY.unmap)
  if (invalidateRangeStartNonblock(task, range) !== 0) return false
  gatherBegin(task, mm)
  zapRange(task, vma, first, last)
  invalidateRangeEnd(task, range)
  gatherEnd(task)
  return true
}
