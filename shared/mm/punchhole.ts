/**
 * madvise remove: pages of shared memory or a file are given up, for everybody who maps the file. They read as zeros afterwards.
 *
 *     remove, page P of the file               fault on P, in any process
 *     unmaps [first, last] everywhere,
 *     event CLEAR per area
 *                                              finds P's frame in the page cache, maps it
 *     frame lock; P leaves the cache;
 *     unmaps it again if it is mapped; unlock
 *                                              [or: frame lock; the frame is not the file's any more, looks again]
 *
 * so a frame is mapped under its lock, while it is the file's. (Linux mm/madvise.c madvise_remove, mm/shmem.c, 6.12.)
 */
import {
  FRAME_ANON,
  type Frame,
  frameClear,
  frameFlags,
  frameLock,
  frameMapDec,
  frameMaps,
  frameSetMapping,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { framePut, ZERO_FRAME } from '../frame/zones.ts'
import { EACCES, EINVAL } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { type File, findCached, NO_FILE, takeSwappedOrGet, uncache } from './file.ts'
import { hugeStart, vmaIsHugetlb } from './huge.ts'
import { mmRoot } from './mm.ts'
import {
  ENTRIES,
  entryAt,
  freeSpareLeaf,
  hugeWord,
  LEAF_LEVEL,
  lockSpot,
  NO_TABLE,
  skipMissing,
  type Table,
  takeLeaf,
  unlockSpot,
} from './pagetable.ts'
import { pteFrame, pteMapsFrame } from './pte.ts'
import { walkFileRange } from './rmap.ts'
import { flushTlb } from './shootdown.ts'
import { type Vma, vmaFile, vmaIndex, vmaIsShared, vmaMm } from './vma.ts'
import { clearEntry } from './zap.ts'

/** Gives up [first, last] of `vma`. 0; -EINVAL for memory without a file, -EACCES for a private mapping. MMAP_SEM held. */
export function punchHole(task: Task, vma: Vma, first: number, last: number): number {
  const file = vmaFile(task, vma)
  if (!vmaIsShared(task, vma)) return file === NO_FILE && !vmaIsHugetlb(task, vma) ? -EINVAL : -EACCES
  const begin = vmaIndex(task, vma, first)
  const end = vmaIndex(task, vma, last)
  if (vmaIsHugetlb(task, vma)) return punchHugetlb(task, file, begin, end)
  punchFile(task, file, begin, end)
  return 0
}

/** Gives up pages [begin, end] of a file that is not hugetlb's. Caller has a use of it, and no lock that a callback takes. Sleeps. */
export function punchFile(task: Task, file: File, begin: number, end: number): void {
  punch(task, file, begin, end, 1)
}

/** Gives up pages [begin, end] of a file, which are cached in steps of `step` pages. */
function punch(task: Task, file: File, begin: number, end: number, step: number): void {
  if (begin > end) return
  unmapFileRange(task, file, begin, end)
  for (let index = begin; index <= end; index += step) {
    const frame = takeSwappedOrGet(task, file, index)
    if (frame === NO_FRAME) continue
    dropCached(task, file, frame, index, index + step - 1)
    framePut(task, frame)
  }
}

/** Of hugetlb, blocks that are wholly inside are given up; of the others, the pages inside are cleared and stay mapped. */
function punchHugetlb(task: Task, file: File, begin: number, end: number): number {
  const firstBlock = Math.ceil(begin / ENTRIES) * ENTRIES
  const lastBlock = end + 1 - ((end + 1) % ENTRIES)
  for (let index = begin; index <= end; index++) {
    if (index >= firstBlock && index < lastBlock) continue
    const head = findCached(task, file, index - (index % ENTRIES))
    if (head === NO_FRAME) continue
    frameClear(task, (head + (index % ENTRIES)) as Frame)
    framePut(task, head)
  }
  punch(task, file, firstBlock, lastBlock - 1, ENTRIES)
  return 0
}

/** Takes a frame out of its file. Caller has a reference. */
function dropCached(task: Task, file: File, frame: Frame, first: number, last: number): void {
  frameLock(task, frame)
  if (uncache(task, file, frame)) {
    if (frameMaps(task, frame) > 0) unmapFileRange(task, file, first, last)
    frameSetMapping(task, frame, 0, 0)
    framePut(task, frame)
  }
  frameUnlock(task, frame)
}

/** Clears every entry of every process that maps pages [begin, end] of the file itself; private copies stay. */
function unmapFileRange(task: Task, file: File, begin: number, end: number): void {
  walkFileRange(task, file, begin, end - begin + 1, (vma, first, last) => {
    const range = rangeInit(task, vmaMm(task, vma), first, last, NOTIFY.clear)
    invalidateRangeStart(task, range)
    zapCached(task, vma, first, last)
    invalidateRangeEnd(task, range)
  })
}

/** Clears entries of page-cache frames in [first, last] of `vma`. Takes and drops page-table locks; TLBs are flushed under them. */
function zapCached(task: Task, vma: Vma, first: number, last: number): void {
  const mm = vmaMm(task, vma)
  for (let vpn = first; vpn <= last; ) {
    const spot = lockSpot(task, mmRoot(task, mm), vpn)
    if (spot === NO_TABLE) {
      vpn = skipMissing(task, mmRoot(task, mm), vpn)
      continue
    }
    const huge = hugeWord(spot)
    const end = Math.min(last, hugeStart(vpn) + ENTRIES - 1)
    const dropped: Frame[] = []
    for (let page = vpn; page <= end; page += huge !== 0 ? ENTRIES : 1) {
      const at = huge !== 0 ? huge : entryAt(spot as Table, LEAF_LEVEL, page)
      const entry = get(task, at)
      const frame = pteFrame(entry)
      if (entry === 0 || !pteMapsFrame(entry) || frame === ZERO_FRAME || (frameFlags(task, frame) & FRAME_ANON) !== 0) continue
      clearEntry(task, at)
      if (huge !== 0) freeSpareLeaf(task, takeLeaf(task, huge, page))
      frameMapDec(task, frame)
      dropped.push(frame)
    }
    if (dropped.length > 0) flushTlb(task, mm)
    unlockSpot(task, spot, vpn)
    for (const frame of dropped) framePut(task, frame)
    vpn = end + 1
  }
}
