/**
 * Pages of a user span as a device reaches them through its IOMMU: the part of mapping a range for DMA that has nothing to do with
 * notifiers. Where the pages come from, and what keeps them in place, is its user's:
 *
 *     a device that cannot follow notifiers    gupRangePin      pins keep the frames, for as long as the device has them
 *                                              gupRangeDmaMap
 *                                              gupRangeDmaUnmap
 *                                              gupRangeUnpin
 *     a mirror (hmm/dmamap.ts)                 gupRangeSet      from the entries of a range; its protocol says when they are void
 *                                              gupRangeDmaMap
 *                                              gupRangeDmaUnmap
 *
 *   record   word 0 CAPACITY · 1 PAGES · 2 ENTRIES · 3 PINNED
 *   entries  two words a page:  PAGE (0 = nothing there · bit 0 there · bit 1 for writing · bits 2.. frame), DMA page
 *
 *   All words belong to the one thread that uses it, or are guarded by its user's lock.
 *   PINNED   1 while the frames are held by pins. PAGES is 0 while nothing was set.
 */
import { type Frame, frameAddPin, frameMarkDirty } from '../frame/frames.ts'
import { DMA, type DmaDirection, type DmaPage, type Iommu, iommuMap, iommuUnmap, NO_DMA_PAGE } from '../frame/iommu.ts'
import { allocObject, freeObject, type ObjectKind, objectKind } from '../frame/objects.ts'
import { framePut } from '../frame/zones.ts'
import { EFAULT, EINVAL } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { getUserPage } from './gup.ts'

/** Word index of a list of frames with their pages of the bus: what a range or a set of pins has mapped for DMA. */
export type GupRange = WordAt & { readonly brand: 'gup-range' }
export const NO_GUP_RANGE = 0 as GupRange

const CAPACITY = 0
const PAGES = 1
const ENTRIES = 2
const PINNED = 3

const THERE = 1
const WRITE = 2
const SHIFT = 2

const KIND = objectKind(18, 'gup range', 16)
const ENTRIES_64 = objectKind(19, 'gup entries of 64 pages', 64 * 2)
const ENTRIES_512 = objectKind(20, 'gup entries of 512 pages', 512 * 2)

function entriesKind(capacity: number): ObjectKind {
  return capacity <= 64 ? ENTRIES_64 : ENTRIES_512
}

/** Room for up to `capacity` pages (at most 512), empty. NO_GUP_RANGE when memory is out. */
export function createGupRange(task: Task, capacity: number): GupRange {
  assert(capacity > 0 && capacity <= 512, 'a gup range has 1 to 512 pages')
  const range = allocObject(task, KIND) as GupRange
  if (range === NO_GUP_RANGE) return NO_GUP_RANGE
  const entries = allocObject(task, entriesKind(capacity))
  if (entries === 0) {
    freeObject(task, KIND, range)
    return NO_GUP_RANGE
  }
  put(task, range + CAPACITY, capacity <= 64 ? 64 : 512)
  put(task, range + ENTRIES, entries)
  return range
}

/** Frees it. It pins nothing; that nothing of it is mapped is the caller's to know. */
export function freeGupRange(task: Task, range: GupRange): void {
  assert(get(task, range + PINNED) === 0, 'a gup range is freed without pins')
  freeObject(task, entriesKind(get(task, range + CAPACITY)), get(task, range + ENTRIES))
  freeObject(task, KIND, range)
}

/** Pages it has room for. */
export function gupRangeCapacity(task: Task, range: GupRange): number {
  return get(task, range + CAPACITY)
}

/** Pages that were set, or pinned; 0 when empty. */
export function gupRangePages(task: Task, range: GupRange): number {
  return get(task, range + PAGES)
}

/** Says how many pages it is about from now on. Which they are is set one by one. */
export function gupRangeResize(task: Task, range: GupRange, pages: number): void {
  assert(pages <= gupRangeCapacity(task, range) && get(task, range + PINNED) === 0, 'pages fit, and the old ones are not pinned')
  put(task, range + PAGES, pages)
}

/** Says which frame page `i` is, and whether the device may write to it. Leaves its DMA page as it is. */
export function gupRangeSet(task: Task, range: GupRange, i: number, frame: Frame, write: boolean): void {
  put(task, entryAt(task, range, i), (frame << SHIFT) | THERE | (write ? WRITE : 0))
}

/** Says that there is no page `i`: it is skipped. Leaves its DMA page as it is. */
export function gupRangeClear(task: Task, range: GupRange, i: number): void {
  put(task, entryAt(task, range, i), 0)
}

/** What page `i` was mapped as. Means something only while the page is there and mapped: after a failure it does not. */
export function gupRangeDmaPage(task: Task, range: GupRange, i: number): DmaPage {
  return get(task, entryAt(task, range, i) + 1) as DmaPage
}

/** Lets page `i` of `a` and page `j` of `b` change places, each with what it is mapped as. Neither is pinned. */
export function gupRangeExchange(task: Task, a: GupRange, i: number, b: GupRange, j: number): void {
  assert(get(task, a + PINNED) === 0 && get(task, b + PINNED) === 0, 'a pinned page stays where it is')
  for (const word of [0, 1]) {
    const at = entryAt(task, a, i) + word
    const other = entryAt(task, b, j) + word
    const before = get(task, at)
    put(task, at, get(task, other))
    put(task, other, before)
  }
}

/** The frame of page `i`, which is there. */
export function gupRangeFrame(task: Task, range: GupRange, i: number): Frame {
  return (get(task, entryAt(task, range, i)) >>> SHIFT) as Frame
}

/**
 * Takes pages [start, start + pages) of `mm` with pins, faulting them in, for writing if `write`. Returns their number; -EINVAL when
 * they do not fit; -EFAULT or -ENOMEM for a page that cannot be had, and then nothing is pinned. mmap_sem held for reading.
 */
export function gupRangePin(task: Task, range: GupRange, mm: Mm, start: number, pages: number, write: boolean): number {
  assert(get(task, range + PINNED) === 0, 'a gup range pins one span at a time')
  if (pages <= 0 || pages > gupRangeCapacity(task, range)) return -EINVAL
  for (let i = 0; i < pages; i++) {
    tick(task)
    const frame = getUserPage(task, mm, start + i, write, { pin: true })
    if (frame < 0) {
      dropPins(task, range, i)
      return frame
    }
    gupRangeSet(task, range, i, frame as Frame, write)
  }
  put(task, range + PAGES, pages)
  put(task, range + PINNED, 1)
  return pages
}

/** Drops the pins. With `dirty`, what the device could write to counts as written. The device has stopped using the pages. */
export function gupRangeUnpin(task: Task, range: GupRange, dirty: boolean): void {
  assert(get(task, range + PINNED) === 1, 'what is unpinned was pinned')
  const pages = gupRangePages(task, range)
  if (dirty) for (let i = 0; i < pages; i++) markDirty(task, get(task, entryAt(task, range, i)))
  dropPins(task, range, pages)
  put(task, range + PINNED, 0)
  put(task, range + PAGES, 0)
}

function dropPins(task: Task, range: GupRange, pages: number): void {
  for (let i = 0; i < pages; i++) {
    const frame = gupRangeFrame(task, range, i)
    frameAddPin(task, frame, -1)
    framePut(task, frame)
    gupRangeClear(task, range, i)
  }
}

/**
 * Maps every page that is there for the device behind `iommu`; the others are skipped. `stop` is asked before each one and ends it
 * with a negative errno. Returns the pages mapped; -EFAULT when one cannot be mapped; what `stop` said. After an error all that was
 * mapped is unmapped again, and the DMA pages in the record mean nothing.
 */
export function gupRangeDmaMap(task: Task, range: GupRange, iommu: Iommu, stop: () => number = () => 0): number {
  const pages = gupRangePages(task, range)
  let mapped = 0
  for (let i = 0; i < pages; i++) {
    tick(task)
    const at = entryAt(task, range, i)
    put(task, at + 1, NO_DMA_PAGE)
    const page = get(task, at)
    if ((page & THERE) === 0) continue
    const stopped = stop()
    const dma = stopped === 0 ? iommuMap(task, iommu, (page >>> SHIFT) as Frame, directionOf(page)) : NO_DMA_PAGE
    if (dma === NO_DMA_PAGE) {
      for (let done = 0; done < i; done++) unmapPage(task, range, iommu, done)
      return stopped === 0 ? -EFAULT : stopped
    }
    put(task, at + 1, dma)
    mapped++
  }
  return mapped
}

/**
 * Unmaps pages [first, first + pages) as they were mapped, and forgets their DMA pages. With `dirty`, those that the device could
 * write to are marked first: who maps them must still keep them in place. Returns how many were there.
 */
export function gupRangeDmaUnmap(
  task: Task,
  range: GupRange,
  iommu: Iommu,
  dirty: boolean,
  first = 0,
  pages = gupRangePages(task, range),
): number {
  let unmapped = 0
  for (let i = first; i < first + pages; i++) {
    const at = entryAt(task, range, i)
    if ((get(task, at) & THERE) === 0) continue
    if (dirty) markDirty(task, get(task, at))
    unmapPage(task, range, iommu, i)
    put(task, at + 1, NO_DMA_PAGE)
    unmapped++
  }
  return unmapped
}

function unmapPage(task: Task, range: GupRange, iommu: Iommu, i: number): void {
  const page = get(task, entryAt(task, range, i))
  if ((page & THERE) === 0) return
  iommuUnmap(task, iommu, gupRangeDmaPage(task, range, i), (page >>> SHIFT) as Frame, directionOf(page))
}

function markDirty(task: Task, page: number): void {
  if ((page & (THERE | WRITE)) === (THERE | WRITE)) frameMarkDirty(task, (page >>> SHIFT) as Frame)
}

/** One rule for mapping and unmapping: what the device may not write, it only reads. */
function directionOf(page: number): DmaDirection {
  return (page & WRITE) !== 0 ? DMA.bidirectional : DMA.toDevice
}

function entryAt(task: Task, range: GupRange, i: number): WordAt {
  return get(task, range + ENTRIES) + i * 2
}
