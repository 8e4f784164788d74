/**
 * Page cleaning: pages of a file are written back, and are clean until somebody writes them again (msync, the kernel's flusher). Every
 * entry that maps them loses WRITE and DIRTY, with event PROTECTION_PAGE for each area; reads go on.
 *
 *     cleaning of page P                       device that may write P
 *     frame lock
 *     start: devices let go of writing, and
 *     tell the frame what they wrote
 *     entries lose WRITE and DIRTY, flush
 *     end
 *                                              writes: a fault, the entry has WRITE and DIRTY again
 *     takes the frame's DIRTY; unlock                                  [Required: one of the two says that P was written]
 *
 * So the frame's mark goes last: what was written before is in it by then, and what comes later is in an entry. The page cache itself is
 * where pages are stored, so nothing is copied. (Linux mm/rmap.c page_mkclean, mm/page-writeback.c clear_page_dirty_for_io, 5.2.)
 */
import {
  FRAME_DIRTY,
  type Frame,
  frameClearFlags,
  frameLock,
  frameMapping,
  frameMarkDirty,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { framePut } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY, PAGE_CLEANING } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicAnd } from '../seam/atomics.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { type File, findCached } from './file.ts'
import { eachMapping } from './migration.ts'
import { storeEntry } from './pagetable.ts'
import { PTE_DIRTY, PTE_WRITE, pteMapsFrame, ptePresent } from './pte.ts'
import { walkMappings } from './rmap.ts'
import { vmaIsShared, vmaMm } from './vma.ts'

/**
 * Cleans pages [begin, end] of a file that is not hugetlb's. Returns how many were dirty. Caller has a use of the file, and no lock that a
 * callback takes. Sleeps.
 */
export function cleanFile(task: Task, file: File, begin: number, end: number): number {
  let dirty = 0
  for (let index = begin; index <= end; index++) {
    const frame = findCached(task, file, index)
    if (frame === NO_FRAME) continue
    frameLock(task, frame)
    if (frameMapping(task, frame) === file && cleanFrame(task, frame)) dirty++
    frameUnlock(task, frame)
    framePut(task, frame)
  }
  return dirty
}

/** Frame lock and a reference held. Was it dirty? */
function cleanFrame(task: Task, frame: Frame): boolean {
  walkMappings(task, frame, (vma, first, last) => {
    if (!vmaIsShared(task, vma)) return // a private mapping reads the file's pages, and writes its own
    const range = rangeInit(task, vmaMm(task, vma), first, last, NOTIFY.protectionPage, PAGE_CLEANING)
    invalidateRangeStart(task, range)
    eachMapping(task, vma, first, last, frame, 1, (at, entry) => pteMapsFrame(entry) && cleanEntry(task, at, entry, frame))
    invalidateRangeEnd(task, range)
  })
  probe(task, PROBE.frameCleaned, frame)
  return (frameClearFlags(task, frame, FRAME_DIRTY) & FRAME_DIRTY) !== 0
}

/** Takes WRITE and DIRTY from an entry. True when it was present and had one of them. Leaf lock held. */
function cleanEntry(task: Task, at: WordAt, entry: number, frame: Frame): boolean {
  const present = ptePresent(entry)
  const before = present ? atomicAnd(task, at, ~(PTE_WRITE | PTE_DIRTY)) : entry
  if (!present) storeEntry(task, at, entry & ~PTE_DIRTY)
  if ((before & PTE_DIRTY) !== 0) frameMarkDirty(task, frame)
  return present && (before & (PTE_WRITE | PTE_DIRTY)) !== 0
}
