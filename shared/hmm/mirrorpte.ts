/**
 * Entries of a mirror page table: what a device may access, in one word. Bits as in the last posting of the series (v12,
 * March 2016); page entries and directory entries are different types, and so are page frames and DMA pages, so that none
 * can be taken for another.
 *
 *    bit 31 .................... 12 11 ....... 8  7 6   5       4       3        2           1           0
 *        +-------------------------+------------+-----+-------+-------+--------+-----------+-----------+-----------+
 *        | frame, or DMA page      | driver's   |     | DIRTY | WRITE | SELECT | VALID_PFN | VALID_DMA | VALID_DEV |
 *        +-------------------------+------------+-----+-------+-------+--------+-----------+-----------+-----------+
 *
 *   VALID_*   at most one: a page frame, an I/O page, a frame of the device's own memory.
 *   SELECT    chosen for the migration in progress; set and cleared by the runtime, never by a driver.
 *   WRITE     the device may write. DIRTY: it did, since the bit was last taken; set by the engine without the lock.
 *   driver's  bits 8 to 11: only on entries with a valid bit.
 *
 * Valid, write and select bits change under the directory's lock; DIRTY and the driver's bits change by atomic operations
 * without it. So everybody changes an entry by atomic read-modify-write.
 */
import type { Frame } from '../frame/frames.ts'
import type { DmaPage } from '../frame/iommu.ts'

/** A page entry. */
export type MirrorPte = number & { readonly brand: 'mirror-pte' }
/** A directory entry: word index of a child directory, 0 = none. */
export type MirrorPde = number & { readonly brand: 'mirror-pde' }

export const MIRROR_VALID_DEV = 1 << 0
export const MIRROR_VALID_DMA = 1 << 1
export const MIRROR_VALID_PFN = 1 << 2
export const MIRROR_SELECT = 1 << 3
export const MIRROR_WRITE = 1 << 4
export const MIRROR_DIRTY = 1 << 5
export const MIRROR_VALID = MIRROR_VALID_DEV | MIRROR_VALID_DMA | MIRROR_VALID_PFN
/** First of the four bits that belong to the driver. */
export const MIRROR_HW_SHIFT = 8

const SHIFT = 12

/** An entry for a page frame. `bits`: MIRROR_WRITE and driver's bits. */
export function mirrorPteFromFrame(frame: Frame, bits: number): MirrorPte {
  return ((frame << SHIFT) | MIRROR_VALID_PFN | bits) as MirrorPte
}

/** An entry for a frame of the device's own memory. */
export function mirrorPteFromDevice(frame: Frame, bits: number): MirrorPte {
  return ((frame << SHIFT) | MIRROR_VALID_DEV | bits) as MirrorPte
}

/** An entry for a page that was mapped for DMA. */
export function mirrorPteFromDma(page: DmaPage, bits: number): MirrorPte {
  return ((page << SHIFT) | MIRROR_VALID_DMA | bits) as MirrorPte
}

export function mirrorValid(pte: MirrorPte): boolean {
  return (pte & MIRROR_VALID) !== 0
}

export function mirrorWritable(pte: MirrorPte): boolean {
  return (pte & MIRROR_WRITE) !== 0
}

/** The frame of a page-frame or own-memory entry. */
export function mirrorPteFrame(pte: MirrorPte): Frame {
  return (pte >>> SHIFT) as Frame
}

/** The DMA page of a DMA entry. */
export function mirrorPteDma(pte: MirrorPte): DmaPage {
  return (pte >>> SHIFT) as DmaPage
}
