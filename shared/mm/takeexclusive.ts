/**
 * Taking pages exclusively for a device (make_device_exclusive_range, Linux 5.14 to 6.12); the other half, giving them back,
 * is mm/exclusive.ts, which also draws how the two meet.
 */
import {
  BLOCK_FRAMES,
  FRAME_ANON,
  type Frame,
  frameFlags,
  frameHead,
  frameIsBlock,
  frameMapDec,
  frameMaps,
  frameMarkDirty,
  frameTryLock,
  frameUnlock,
} from '../frame/frames.ts'
import { framePut } from '../frame/zones.ts'
import { EFAULT } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import type { Task } from '../seam/task.ts'
import { getUserPage } from './gup.ts'
import { vmaIsHugetlb } from './huge.ts'
import { eachMapping } from './migration.ts'
import { storeEntry } from './pagetable.ts'
import { makeEntry, PTE_DIRTY, PTE_KIND, PTE_SOFT_DIRTY, PTE_WRITE, pteFrame, ptePresent, pteWritable } from './pte.ts'
import { walkMappings } from './rmap.ts'
import { vmaMm } from './vma.ts'
import { clearEntry } from './zap.ts'

const CARRIED = PTE_WRITE | PTE_SOFT_DIRTY

/** What taking a span exclusively came to. */
export interface ExclusivePages {
  /** Frame of each page, locked and referenced for the caller; -1 for a page that could not be taken. Ends where GUP did. */
  readonly frames: (Frame | -1)[]
  /** 0, or why the first page could not be had at all. */
  readonly error: number
}

/**
 * Takes [start, start + pages) from the CPUs for `owner` (device number + 1, 0 for none). Pages are faulted in writable
 * first, up to the first that cannot be; then `begin` is called; then each is taken on its own. mmap_sem held for reading.
 */
export function makeDeviceExclusive(
  task: Task,
  mm: Mm,
  start: number,
  pages: number,
  owner: number,
  begin: () => void = () => {},
): ExclusivePages {
  const frames: (Frame | -1)[] = []
  let error = 0
  for (let i = 0; i < pages && error === 0; i++) {
    const frame = getUserPage(task, mm, start + i, true, { split: true })
    if (frame < 0) error = frame
    else frames.push(frame as Frame)
  }
  begin()
  const taken = frames.map((frame, i) => (frame !== -1 && takeFrame(task, mm, start + i, frame, owner) ? frame : -1))
  return { frames: taken, error: frames.length === 0 && error === 0 ? -EFAULT : error }
}

/** Drops the locks and references of makeDeviceExclusive: from now on a CPU may take the pages back. */
export function releaseExclusive(task: Task, pages: ExclusivePages): void {
  for (const frame of pages.frames) {
    if (frame === -1) continue
    frameUnlock(task, frame)
    framePut(task, frame)
  }
}

/**
 * Comes with a reference to `frame`. True: locked, and no CPU maps it any more. False: the reference is dropped. A block mapped in
 * pieces is taken through its head, and then whole: all its pages go from the CPUs.
 */
function takeFrame(task: Task, mm: Mm, vpn: number, frame: Frame, owner: number): boolean {
  if (frameHead(task, frame) === frame && frameTryLock(task, frame)) {
    if ((frameFlags(task, frame) & FRAME_ANON) !== 0 && unmapExclusively(task, mm, vpn, frame, owner)) return true
    frameUnlock(task, frame)
  }
  framePut(task, frame)
  return false
}

/** Makes every entry of `frame` exclusive. True if page `vpn` of `mm` was one of them, writable, and none is left. */
function unmapExclusively(task: Task, mm: Mm, vpn: number, frame: Frame, owner: number): boolean {
  let valid = false
  const frames = frameIsBlock(task, frame) ? BLOCK_FRAMES : 1
  walkMappings(task, frame, (vma, first, last) => {
    if (vmaIsHugetlb(task, vma)) return
    const range = rangeInit(task, vmaMm(task, vma), first, last, NOTIFY.exclusive, owner)
    invalidateRangeStart(task, range)
    eachMapping(task, vma, first, last, frame, frames, (at, entry, page) => {
      if (!ptePresent(entry)) return false
      if (vmaMm(task, vma) === mm && page === vpn && pteWritable(entry)) valid = true
      const before = clearEntry(task, at)
      if ((before & PTE_DIRTY) !== 0) frameMarkDirty(task, frame)
      storeEntry(task, at, makeEntry(PTE_KIND.deviceExclusive, pteFrame(before), before & CARRIED))
      frameMapDec(task, frame) // the reference stays with the entry
      return true
    })
    invalidateRangeEnd(task, range)
  })
  return valid && frameMaps(task, frame) === 0
}
