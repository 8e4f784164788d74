/**
 * madvise pageout: puts the pages of a span out, if nobody else maps them. Private pages go to swap entries, page-cache pages
 * (shared memory, memfd, tmpfs) to their file's slots; both come back with the next fault.
 *
 *   left alone     pages that others map, too; the page of zeros; pages in device memory; exclusively held ones; a DAX file's
 *   huge pages     taken apart first; covered in part: only the part goes
 *   lazily freed   and still clean: dropped instead of put out, and read as zeros afterwards
 *
 * One page at a time, each with its own event CLEAR. (Linux mm/madvise.c madvise_cold_or_pageout_pte_range, 6.12.)
 */
import {
  BLOCK_FRAMES,
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_LAZY_FREE,
  type Frame,
  frameClearFlags,
  frameFlags,
  frameGet,
  frameHead,
  frameIsBlock,
  frameMapDec,
  frameMaps,
  framePins,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { framePut, ZERO_FRAME } from '../frame/zones.ts'
import { EINVAL } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { hugeStart, vmaIsHugetlb } from './huge.ts'
import { eachMapping } from './migration.ts'
import { mmRoot } from './mm.ts'
import { ENTRIES, entryAt, hugeWord, LEAF_LEVEL, lockSpot, NO_TABLE, type Table, unlockSpot } from './pagetable.ts'
import { PTE_DIRTY, pteFrame, ptePresent } from './pte.ts'
import { splitFolio, splitPartly } from './splitfolio.ts'
import { swapOut, swapOutCached } from './swap.ts'
import { type Vma, vmaMm } from './vma.ts'
import { clearEntry } from './zap.ts'

/** Applies the advice to [first, last] of `vma`. 0, or -EINVAL for hugetlb. MMAP_SEM held. */
export function pageOut(task: Task, vma: Vma, first: number, last: number): number {
  if (vmaIsHugetlb(task, vma)) return -EINVAL
  for (let begin = first; begin <= last; begin = hugeStart(begin) + ENTRIES) {
    const end = Math.min(last, hugeStart(begin) + ENTRIES - 1)
    splitPartly(task, vma, begin, end)
    for (let vpn = begin; vpn <= end; vpn++) {
      splitWhole(task, vma, vpn)
      putOut(task, vma, vpn)
    }
  }
  return 0
}

/** Takes a block apart that page `vpn` maps alone and whole: it goes page by page. */
function splitWhole(task: Task, vma: Vma, vpn: number): void {
  const frame = mappedFrame(task, vma, vpn, (frame, huge) => {
    return frameIsBlock(task, frame) && frameMaps(task, frame) === (huge ? 1 : BLOCK_FRAMES)
  })
  if (frame === NO_FRAME) return
  const head = frameHead(task, frame)
  if (frameTryLock(task, head)) {
    splitFolio(task, head, false)
    frameUnlock(task, head)
  }
  framePut(task, head)
}

function putOut(task: Task, vma: Vma, vpn: number): void {
  const frame = mappedFrame(task, vma, vpn, (frame) => !frameIsBlock(task, frame) && frameMaps(task, frame) === 1)
  if (frame === NO_FRAME) return
  const flags = frameFlags(task, frame)
  if ((flags & FRAME_LAZY_FREE) !== 0) dropLazy(task, vma, vpn, frame)
  else if ((flags & FRAME_ANON) !== 0) swapOut(task, frame)
  else swapOutCached(task, frame)
  framePut(task, frame)
}

/** The frame present at page `vpn`, with a reference, if `wanted` says so under the entry's lock; NO_FRAME otherwise. */
function mappedFrame(task: Task, vma: Vma, vpn: number, wanted: (frame: Frame, huge: boolean) => boolean): Frame {
  const spot = lockSpot(task, mmRoot(task, vmaMm(task, vma)), vpn)
  if (spot === NO_TABLE) return NO_FRAME
  const huge = hugeWord(spot)
  const entry = huge !== 0 ? get(task, huge) : get(task, entryAt(spot as Table, LEAF_LEVEL, vpn))
  const frame = pteFrame(entry)
  const taken = ptePresent(entry) && frame !== ZERO_FRAME && wanted(frame, huge !== 0)
  if (taken) frameGet(task, frame)
  unlockSpot(task, spot, vpn)
  return taken ? frame : NO_FRAME
}

/** Drops a lazily freed page that is still clean. One that was written since is an ordinary page again, and stays this time. */
function dropLazy(task: Task, vma: Vma, vpn: number, frame: Frame): void {
  const range = rangeInit(task, vmaMm(task, vma), vpn, vpn, NOTIFY.clear)
  invalidateRangeStart(task, range)
  eachMapping(task, vma, vpn, vpn, frame, 1, (at, entry) => {
    if (!ptePresent(entry) || framePins(task, frame) > 0) return false
    if (((entry & PTE_DIRTY) | (frameFlags(task, frame) & FRAME_DIRTY)) !== 0) {
      frameClearFlags(task, frame, FRAME_LAZY_FREE)
      return false
    }
    clearEntry(task, at)
    frameMapDec(task, frame)
    framePut(task, frame)
    return true
  })
  invalidateRangeEnd(task, range)
}
