/**
 * A stand-in for an IOMMU: one table per device, from I/O page numbers to page frames. What a bus master that cannot follow page
 * tables is given, and all that it may reach.
 *
 *   word   0      1         2       16 ............................. 16 + PAGES
 *        +------+---------+-------+----------------------------------+
 *        | HINT | FAIL_AT | PAGES | entries                          |
 *        +------+---------+-------+----------------------------------+
 *
 *   entry     0 = free · bit 0 mapped · bit 1 the device may write · bits 2.. frame. Atomic: claimed by compare-and-exchange.
 *   HINT      where the search for a free entry begins. Atomic; wrong is slow, and no more.
 *   PAGES     immutable: entries that the table has.
 *   FAIL_AT   tests: how many more mappings succeed before one fails, + 1; 0 = none is made to fail. Atomic.
 *
 * An I/O page number is no frame number, and looks like none: they begin above all frames. A mapping holds no reference: that the
 * frame stays is the business of who mapped it, by a pin or by listening to a notifier.
 */
import { LINE_WORDS, type WordAt } from '../memory/words.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { FRAME_DEVICE, type Frame, frameFlags, NO_FRAME } from './frames.ts'

/** A device's table. */
export type Iommu = WordAt & { readonly brand: 'iommu' }
/** A page as the device's bus sees it. */
export type DmaPage = number & { readonly brand: 'dma-page' }
export const NO_DMA_PAGE = 0 as DmaPage

/** First I/O page number: half of what 20 bits hold, where no frame of a machine of up to 2 GiB has its number. */
const FIRST_IO_PAGE = 1 << 19

const HINT = 0
const FAIL_AT = 1
const PAGES = 2
const ENTRIES = LINE_WORDS

const MAPPED = 1
const WRITE = 2
const SHIFT = 2

/** What the device does with a page (kernel: enum dma_data_direction). */
export const DMA = { toDevice: 0, bidirectional: 1 } as const
export type DmaDirection = (typeof DMA)[keyof typeof DMA]

/** Words that a table of `pages` entries takes. */
export function iommuWords(pages: number): number {
  return LINE_WORDS + pages
}

/** Makes an empty table of `pages` entries at `at`, which is cleared. Once, by the booting thread. */
export function createIommu(task: Task, at: WordAt, pages: number): void {
  task.words[at + PAGES] = pages
}

/** Entries that the table has. */
export function iommuPages(task: Task, iommu: Iommu): number {
  return task.words[iommu + PAGES] as number // written before anybody reads it
}

/** Maps a frame for the device. NO_DMA_PAGE: the table is full, the frame is not on the bus, or a test had it fail. */
export function iommuMap(task: Task, iommu: Iommu, frame: Frame, direction: DmaDirection): DmaPage {
  if ((frameFlags(task, frame) & FRAME_DEVICE) !== 0 || isToFail(task, iommu)) return NO_DMA_PAGE
  const entry = (frame << SHIFT) | MAPPED | (direction === DMA.bidirectional ? WRITE : 0)
  const pages = iommuPages(task, iommu)
  const from = atomicLoad(task, iommu + HINT)
  for (let i = 0; i < pages; i++) {
    const index = (from + i) % pages
    if (atomicLoad(task, iommu + ENTRIES + index) !== 0 || atomicCas(task, iommu + ENTRIES + index, 0, entry) !== 0) continue
    atomicStore(task, iommu + HINT, (index + 1) % pages)
    return (FIRST_IO_PAGE + index) as DmaPage
  }
  return NO_DMA_PAGE
}

/** Ends a mapping, with the frame and the direction that it was made with. The device must have stopped using it. */
export function iommuUnmap(task: Task, iommu: Iommu, page: DmaPage, frame: Frame, direction: DmaDirection): void {
  const entry = (frame << SHIFT) | MAPPED | (direction === DMA.bidirectional ? WRITE : 0)
  assert(atomicCas(task, entryAt(task, iommu, page), entry, 0) === entry, 'a DMA mapping ends once, as it was made')
}

/** The frame behind an I/O page; NO_FRAME when there is none, or `write` and the device may only read. */
export function iommuTranslate(task: Task, iommu: Iommu, page: DmaPage, write: boolean): Frame {
  const entry = atomicLoad(task, entryAt(task, iommu, page))
  if ((entry & MAPPED) === 0 || (write && (entry & WRITE) === 0)) return NO_FRAME
  return (entry >>> SHIFT) as Frame
}

/** Mappings that there are. Exact while nobody changes any, so words are read plainly. */
export function iommuMappings(task: Task, iommu: Iommu): number {
  let count = 0
  for (let i = 0; i < iommuPages(task, iommu); i++) if (task.words[iommu + ENTRIES + i] !== 0) count++
  return count
}

/** For tests: lets `count` more mappings succeed, and then one fail. */
export function iommuFailAfter(task: Task, iommu: Iommu, count: number): void {
  atomicStore(task, iommu + FAIL_AT, count + 1)
}

function isToFail(task: Task, iommu: Iommu): boolean {
  if (atomicLoad(task, iommu + FAIL_AT) === 0) return false
  return atomicAdd(task, iommu + FAIL_AT, -1) === 1
}

function entryAt(task: Task, iommu: Iommu, page: DmaPage): WordAt {
  assert(page >= FIRST_IO_PAGE && page < FIRST_IO_PAGE + iommuPages(task, iommu), 'an I/O page number lies in the table')
  return iommu + ENTRIES + page - FIRST_IO_PAGE
}
