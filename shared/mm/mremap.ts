/**
 * mremap: growing, shrinking and moving one area's pages.
 *
 *   shrink     munmap of the tail
 *   grow       in place when the addresses behind are free, else a move
 *   move       event UNMAP on the *old* range; per leaf: reverse-map locks, source leaf, target leaf; clear the old entry,
 *              store it at the new place, flush CPU TLBs before the leaf locks are dropped        (Linux mm/mremap.c, 6.12)
 *
 *     moving page P from A to B                somebody restoring P's mappings (migration)
 *     clears A's entry
 *                                              looks at B: empty, looks at A: empty             [Forbidden]
 *     stores B's entry
 *
 * so both stores are one section of the reverse-map locks.
 */
import { EFAULT, EINVAL, ENOMEM } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicLoad, atomicXchg } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { splitHuge, vmaIsHugetlb } from './huge.ts'
import { mergeWithNeighbours } from './merge.ts'
import { mmRoot } from './mm.ts'
import { findGap } from './mmap.ts'
import { splitEdges, unmapLocked } from './munmap.ts'
import {
  allocLeaf,
  allocPmd,
  ENTRIES,
  entryAt,
  findLeaf,
  freeUnlinked,
  hugeWord,
  LEAF_LEVEL,
  lockLeaf,
  lockPmd,
  lockSpot,
  NO_TABLE,
  samePmdTable,
  skipMissing,
  storeEntry,
  storeLeaf,
  type Table,
  takeLeaf,
  unlinkTables,
  unlockLeaf,
  unlockPmd,
  unlockSpot,
} from './pagetable.ts'
import { ptePresent } from './pte.ts'
import { flushTlb } from './shootdown.ts'
import {
  createVma,
  findVma,
  findVmaIntersection,
  LAST_VPN,
  NO_VMA,
  type Vma,
  vmaFile,
  vmaFlags,
  vmaIndex,
  vmaIsAnonymous,
  vmaLast,
  vmaOwns,
  vmaStart,
} from './vma.ts'
import { copyOwner, forgetOwner, linkVma, lockRmaps, resizeVma, unlockRmaps } from './vmalink.ts'
import { clearEntry } from './zap.ts'

/** Bits of `flags`. */
export const MREMAP_MAYMOVE = 1
/** Move to exactly `target`, replacing what is there. Needs MREMAP_MAYMOVE. */
export const MREMAP_FIXED = 2
/** Leave the old area mapped, empty. Needs MREMAP_MAYMOVE and an unchanged size. */
export const MREMAP_DONTUNMAP = 4
const FLAGS = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP

/**
 * Changes the mapping [start, start + pages) to `newPages` pages. Returns the first page number of the result; -EINVAL for
 * sizes of 0, bad flags, overlap of old and new place, or a span beyond the address space; -EFAULT when nothing is mapped at
 * `start`, or when pages that move or grow are not within one area; -ENOMEM when memory or addresses are out. Takes MMAP_SEM
 * for writing.
 */
export function mremap(task: Task, mm: Mm, start: number, pages: number, newPages: number, flags: number, target = 0): number {
  tick(task)
  const fixed = (flags & MREMAP_FIXED) !== 0
  const dontUnmap = (flags & MREMAP_DONTUNMAP) !== 0
  if ([start, pages, newPages, target].some((n) => !Number.isInteger(n) || n < 0) || newPages === 0 || pages === 0) return -EINVAL
  if ((flags & ~FLAGS) !== 0 || ((fixed || dontUnmap) && (flags & MREMAP_MAYMOVE) === 0)) return -EINVAL
  if (dontUnmap && pages !== newPages) return -EINVAL
  if (start + pages - 1 > LAST_VPN || (fixed && target + newPages - 1 > LAST_VPN)) return -EINVAL
  if (fixed && target <= start + pages - 1 && start <= target + newPages - 1) return -EINVAL
  downWrite(task, mmapSem(mm), MMAP_SEM)
  const result = remapLocked(task, mm, start, pages, newPages, flags, target)
  upWrite(task, mmapSem(mm))
  return result
}

function remapLocked(task: Task, mm: Mm, start: number, pages: number, newPages: number, flags: number, target: number): number {
  const first = findVma(task, mm, start)
  if (first === NO_VMA || vmaStart(task, first) > start) return -EFAULT
  if (vmaIsHugetlb(task, first)) return remapHugetlb(task, mm, start, pages, newPages, flags, target)
  return remapPages(task, mm, start, pages, newPages, flags, target)
}

/** hugetlb: sizes in whole 2 MiB pages, aligned places, no growing, and the old area is never kept. */
function remapHugetlb(task: Task, mm: Mm, start: number, pages: number, newPages: number, flags: number, target: number): number {
  const [size, newSize] = [pages, newPages].map((n) => Math.ceil(n / ENTRIES) * ENTRIES) as [number, number]
  const misplaced = start % ENTRIES !== 0 || ((flags & MREMAP_FIXED) !== 0 && target % ENTRIES !== 0)
  if (misplaced || newSize > size || (flags & MREMAP_DONTUNMAP) !== 0) return -EINVAL
  return remapPages(task, mm, start, size, newSize, flags, target)
}

function remapPages(task: Task, mm: Mm, start: number, pages: number, newPages: number, flags: number, target: number): number {
  const fixed = (flags & MREMAP_FIXED) !== 0
  if (newPages === pages && !fixed && (flags & MREMAP_DONTUNMAP) === 0) return start
  if (fixed) {
    const result = unmapLocked(task, mm, target, target + newPages - 1)
    if (result !== 0) return result
  }
  let oldPages = pages
  if (newPages < pages) {
    const result = unmapLocked(task, mm, start + newPages, start + pages - 1)
    if (result !== 0) return result
    oldPages = newPages
    if (!fixed) return start
  }
  const vma = findVma(task, mm, start)
  if (vma === NO_VMA || vmaStart(task, vma) > start || vmaLast(task, vma) < start + oldPages - 1) return -EFAULT
  if (fixed) return moveArea(task, mm, start, oldPages, newPages, target, flags)
  if ((flags & MREMAP_DONTUNMAP) === 0) {
    if (vmaLast(task, vma) === start + oldPages - 1 && growInPlace(task, mm, vma, start + newPages - 1)) return start
  }
  if ((flags & MREMAP_MAYMOVE) === 0) return -ENOMEM
  const gap = findGap(task, mm, newPages, vmaIsHugetlb(task, vma) ? ENTRIES : 1)
  return gap < 0 ? -ENOMEM : moveArea(task, mm, start, oldPages, newPages, gap, flags)
}

function growInPlace(task: Task, mm: Mm, vma: Vma, last: number): boolean {
  if (last > LAST_VPN || findVmaIntersection(task, mm, vmaLast(task, vma) + 1, last) !== NO_VMA) return false
  resizeVma(task, vma, vmaStart(task, vma), last)
  mergeWithNeighbours(task, vma)
  return true
}

/**
 * Moves [start, start + pages), which lies in one area, to `target`, where the area will have `newPages` pages. The borders
 * come first: once entries have moved it would be too late to find that the old pages cannot be cut out of their area.
 * MMAP_SEM (write) held.
 */
function moveArea(task: Task, mm: Mm, start: number, pages: number, newPages: number, target: number, flags: number): number {
  const keepsOld = (flags & MREMAP_DONTUNMAP) !== 0
  const cut = keepsOld ? 0 : splitEdges(task, mm, start, start + pages - 1)
  if (cut !== 0) return cut
  const result = moveWhole(task, mm, findVma(task, mm, start), start, pages, newPages, target, keepsOld)
  if (result < 0) mergeWithNeighbours(task, findVma(task, mm, start))
  return result
}

/** Moves [start, start + pages) of `vma`. Unless they are kept, the area is just these pages. MMAP_SEM (write) held. */
function moveWhole(
  task: Task,
  mm: Mm,
  vma: Vma,
  start: number,
  pages: number,
  newPages: number,
  target: number,
  keepsOld: boolean,
): number {
  const owns = vmaOwns(task, vma)
  // Memory that never owned a frame takes its page offset from the new place, as if it had been mapped there.
  const pgoff = vmaIsAnonymous(task, vma) && !owns ? target : vmaIndex(task, vma, start)
  const copy = createVma(task, mm, vmaFlags(task, vma), vmaFile(task, vma), pgoff)
  if (copy === NO_VMA) return -ENOMEM
  linkVma(task, copy, target, target + newPages - 1)
  if (owns) copyOwner(task, vma, copy, false)
  if (!movePages(task, mm, vma, start, pages, target)) {
    movePages(task, mm, copy, target, pages, start) // the old tables are still there, so this cannot fail
    const undone = unmapLocked(task, mm, target, target + newPages - 1)
    return undone !== 0 ? undone : -ENOMEM
  }
  if (!keepsOld) {
    const result = unmapLocked(task, mm, start, start + pages - 1)
    if (result !== 0) return result
  } else if (vmaStart(task, vma) === start && vmaLast(task, vma) === start + pages - 1) {
    forgetOwner(task, vma) // none of its frames is left here
    dropEmptyTables(task, mm, start, start + pages - 1)
  }
  mergeWithNeighbours(task, copy)
  return target
}

/**
 * Takes the tables away that a moved span leaves empty: kernels move whole tables where they can, and a place without one may
 * be served by 2 MiB again. MMAP_SEM (write) held.
 */
function dropEmptyTables(task: Task, mm: Mm, first: number, last: number): void {
  const tables = unlinkTables(task, mmRoot(task, mm), first, last)
  if (tables === NO_TABLE) return
  flushTlb(task, mm) // the hardware may be walking through one
  freeUnlinked(task, tables)
}

/** Moves the entries. False when a table cannot be allocated: then some have moved. */
function movePages(task: Task, mm: Mm, vma: Vma, start: number, pages: number, target: number): boolean {
  const root = mmRoot(task, mm)
  const last = start + pages - 1
  const range = rangeInit(task, mm, start, last, NOTIFY.unmap)
  invalidateRangeStart(task, range)
  let moved = true
  for (let vpn = start; moved && vpn <= last; ) {
    const next = skipMissing(task, root, vpn)
    if (next !== vpn) {
      vpn = next
      continue
    }
    const to = target + (vpn - start)
    // As far as both the source and the target table reach.
    const run = Math.min(last - vpn + 1, ENTRIES - (vpn % ENTRIES), ENTRIES - (to % ENTRIES))
    if (findLeaf(task, root, vpn) === NO_TABLE) {
      // A 2 MiB entry: it moves as one if it can, or as 512.
      if (run < ENTRIES || !moveHuge(task, mm, vma, vpn, to)) splitHuge(task, vma, vpn)
      else vpn += ENTRIES
      continue
    }
    moved = allocLeaf(task, mm, root, to) !== NO_TABLE
    if (moved) moveRun(task, mm, vma, vpn, to, run)
    vpn += run
  }
  invalidateRangeEnd(task, range)
  return moved
}

/**
 * Moves a 2 MiB entry with the leaf that is put by for it. False when the target cannot take it. Reverse-map locks, then the
 * source's and the target's third-level table, CPU TLBs flushed before they are dropped. MMAP_SEM (write) held.
 */
function moveHuge(task: Task, mm: Mm, vma: Vma, from: number, to: number): boolean {
  const target = allocPmd(task, mm, mmRoot(task, mm), to)
  if (target === 0 || atomicLoad(task, target) !== 0) return false
  const owns = vmaOwns(task, vma)
  lockRmaps(task, vma, owns)
  const spot = lockSpot(task, mmRoot(task, mm), from)
  const source = hugeWord(spot)
  if (source === 0) {
    // A reverse walk has split it meanwhile: that needs no mmap_sem.
    if (spot !== NO_TABLE) unlockSpot(task, spot, from)
    unlockRmaps(task, vma, owns)
    return false
  }
  const sameTable = samePmdTable(source, from, target, to)
  if (!sameTable) lockPmd(task, target, to, true)
  const entry = atomicXchg(task, source, 0)
  storeLeaf(task, target, to, takeLeaf(task, source, from))
  storeEntry(task, target, entry)
  if (ptePresent(entry)) flushTlb(task, mm)
  if (!sameTable) unlockPmd(task, target, to)
  unlockSpot(task, spot, from)
  unlockRmaps(task, vma, owns)
  return true
}

function moveRun(task: Task, mm: Mm, vma: Vma, from: number, to: number, run: number): void {
  const root = mmRoot(task, mm)
  const owns = vmaOwns(task, vma)
  lockRmaps(task, vma, owns)
  const source = lockLeaf(task, root, from)
  if (source !== NO_TABLE) {
    const sameLeaf = Math.floor(from / ENTRIES) === Math.floor(to / ENTRIES)
    const target = sameLeaf ? source : lockLeaf(task, root, to, true)
    if (moveEntries(task, source, target, from, to, run)) flushTlb(task, mm)
    if (!sameLeaf) unlockLeaf(task, target)
    unlockLeaf(task, source)
  }
  unlockRmaps(task, vma, owns)
}

/** Both leaf locks held. True when a present entry moved: CPUs may still use the old address. */
function moveEntries(task: Task, source: Table, target: Table, from: number, to: number, run: number): boolean {
  let flush = false
  for (let i = 0; i < run; i++) {
    const at = entryAt(source, LEAF_LEVEL, from + i)
    if (get(task, at) === 0) continue
    const entry = clearEntry(task, at)
    if (ptePresent(entry)) flush = true
    storeEntry(task, entryAt(target, LEAF_LEVEL, to + i), entry)
  }
  return flush
}
