/**
 * Entries of a mirror page table: what a device may access, in one word. The bits are those of the last posting of the series
 * (v12, March 2016; ptelayout.ts), and so are the helpers by which drivers look at an entry where it stands. Beside them what
 * the runtime does with an entry's value at hand: the engine, once per access.
 *
 *    bit 31 .................... 12 11 ....... 8  7 6   5       4       3        2           1           0
 *        +-------------------------+------------+-----+-------+-------+--------+-----------+-----------+-----------+
 *        | frame, or DMA page      | driver's   |     | DIRTY | WRITE | SELECT | VALID_PFN | VALID_DMA | VALID_DEV |
 *        +-------------------------+------------+-----+-------+-------+--------+-----------+-----------+-----------+
 *
 * Valid, write and select bits change under the directory's lock; DIRTY and the driver's bits change by atomic operations
 * without it. So everybody changes an entry by atomic read-modify-write.
 */
import type { Frame } from '../frame/frames.ts'
import type { DmaPage } from '../frame/iommu.ts'
import { PAGE_SHIFT } from '../memory/words.ts'
import { type DevAddr, type DevPte, type DmaAddr, type DmaPte, hmmPteHelpers, type MirrorPte, type PfnPte } from './ptehelpers.ts'
import { PTE_LAYOUTS } from './ptelayout.ts'

export {
  type DevAddr,
  type DevPte,
  type DmaAddr,
  type DmaPte,
  hmmPteClearBit,
  hmmPteSetBit,
  hmmPteTestAndClearBit,
  hmmPteTestAndSetBit,
  hmmPteTestBit,
  type MirrorPte,
  NO_DEV_ADDR,
  type PfnPte,
} from './ptehelpers.ts'

const { bits: BIT, hwShift } = PTE_LAYOUTS.v12

/** The entry is an address in the memory of the device. */
export const MIRROR_VALID_DEV = 1 << BIT.ValidDev
/** The entry is a page of the bus. */
export const MIRROR_VALID_DMA = 1 << BIT.ValidDma
/** The entry is a page frame of system memory. */
export const MIRROR_VALID_PFN = 1 << BIT.ValidPfn
/** Chosen for a move (v12). Drivers may use it; the runtime does not. */
export const MIRROR_SELECT = 1 << BIT.Select
/** The device may write. Changed under the lock of the directory. */
export const MIRROR_WRITE = 1 << BIT.Write
/** The device has written. Set without a lock; goes to the frame when the entry goes. */
export const MIRROR_DIRTY = 1 << BIT.Dirty
/** The entry holds something, of whatever kind. */
export const MIRROR_VALID = MIRROR_VALID_DEV | MIRROR_VALID_DMA | MIRROR_VALID_PFN
/** First of the four bits that belong to the driver. */
export const MIRROR_HW_SHIFT = hwShift
/** Two of them, where the hardware walks HMM's table but looks only at what the driver has shown it (era events). */
export const MIRROR_HW_READ = 1 << MIRROR_HW_SHIFT
/** As MIRROR_HW_READ, for writing. */
export const MIRROR_HW_WRITE = 1 << (MIRROR_HW_SHIFT + 1)

const v12 = hmmPteHelpers(PTE_LAYOUTS.v12)
/**
 * The helpers of the series for the layout of v12, in TypeScript spelling (hmm_pte_test_and_clear_dirty is hmmPteTestAndClearDirty). Clear,
 * Set, Test, TestAndClear and TestAndSet change or look at one bit of the entry at a word, each by one atomic operation; the directory's lock
 * is held for valid, write and select bits. FromPfn, FromDmaAddr and FromDevAddr make an entry; Pfn, DmaAddr and DevAddr take it apart: 0, or
 * all ones for DevAddr, where the entry holds no page of that kind. Addresses are in bytes.
 */
export const {
  hmmPteClearValidDev,
  hmmPteClearValidDma,
  hmmPteClearValidPfn,
  hmmPteClearSelect,
  hmmPteClearWrite,
  hmmPteClearDirty,
  hmmPteSetValidDev,
  hmmPteSetValidDma,
  hmmPteSetValidPfn,
  hmmPteSetSelect,
  hmmPteSetWrite,
  hmmPteSetDirty,
  hmmPteTestValidDev,
  hmmPteTestValidDma,
  hmmPteTestValidPfn,
  hmmPteTestSelect,
  hmmPteTestWrite,
  hmmPteTestDirty,
  hmmPteTestAndClearValidDev,
  hmmPteTestAndClearValidDma,
  hmmPteTestAndClearValidPfn,
  hmmPteTestAndClearSelect,
  hmmPteTestAndClearWrite,
  hmmPteTestAndClearDirty,
  hmmPteTestAndSetValidDev,
  hmmPteTestAndSetValidDma,
  hmmPteTestAndSetValidPfn,
  hmmPteTestAndSetSelect,
  hmmPteTestAndSetWrite,
  hmmPteTestAndSetDirty,
  hmmPteFromPfn,
  hmmPtePfn,
  hmmPteFromDmaAddr,
  hmmPteDmaAddr,
  hmmPteFromDevAddr,
  hmmPteDevAddr,
} = v12

/** An entry for a page frame. `bits`: MIRROR_WRITE and driver's bits. */
export function mirrorPteFromFrame(frame: Frame, bits: number): PfnPte {
  return (hmmPteFromPfn(frame) | bits) as PfnPte
}

/** An entry for a frame of the device's own memory, whose number is its address there in pages. */
export function mirrorPteFromDevice(frame: Frame, bits: number): DevPte {
  return (hmmPteFromDevAddr((frame * 2 ** PAGE_SHIFT) as DevAddr) | bits) as DevPte
}

/** An entry for a page that was mapped for DMA. */
export function mirrorPteFromDma(page: DmaPage, bits: number): DmaPte {
  return (hmmPteFromDmaAddr((page * 2 ** PAGE_SHIFT) as DmaAddr) | bits) as DmaPte
}

/** Does the entry hold a page, of whatever kind? */
export function mirrorValid(pte: MirrorPte): boolean {
  return (pte & MIRROR_VALID) !== 0
}

/** May the device write through the entry? */
export function mirrorWritable(pte: MirrorPte): boolean {
  return (pte & MIRROR_WRITE) !== 0
}

/** The frame of a page-frame or own-memory entry. */
export function mirrorPteFrame(pte: MirrorPte & { readonly holds?: 'pfn' | 'dev' }): Frame {
  return (pte >>> PAGE_SHIFT) as Frame
}

/** The DMA page of a DMA entry. */
export function mirrorPteDma(pte: MirrorPte & { readonly holds?: 'dma' }): DmaPage {
  return (pte >>> PAGE_SHIFT) as DmaPage
}
