/**
 * DMA mapping by HMM (2016, part 25 of the series). A device behind an IOMMU is given addresses of its bus: HMM maps what it has filled
 * before it calls update(), and unmaps what an event took away after it. A frame entry in such a mirror is a passing state, which
 * the driver ignores and publishing skips.
 *
 *     entry     state                                 under
 *     empty
 *     frame     filled, hidden from the hardware      directory lock
 *     DMA       mapped once, WRITE and DIRTY kept     directory lock; the count of the directory does not change
 *     empty     update() has withdrawn it; unmapped   directory lock
 *
 * Mapping is done without the directory's lock, as it may take long, so two faults on one page may both map it:
 *
 *     fault 1                                  fault 2
 *     finds frame F in the entry
 *     maps F: I/O page 1
 *                                              finds frame F in the entry
 *                                              maps F: I/O page 2
 *     lock: still F: the entry is I/O page 1
 *                                              lock: no longer F: unmaps I/O page 2     [Required: one mapping for each entry]
 *
 * An address of the bus does not say which page it is (2016: "use CPU page table during invalidation"): while a change is announced
 * the CPU's entry still names the frame, and from there it is taken. Every mapping is for both directions, as in 2016.
 */
import { type Frame, NO_FRAME } from '../frame/frames.ts'
import { DMA, type Iommu, iommuMap, iommuUnmap, NO_DMA_PAGE } from '../frame/iommu.ts'
import { ENOENT, ENOMEM } from '../memory/errno.ts'
import { PAGE_BYTES, type WordAt } from '../memory/words.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { pteFrame, pteMapsFrame } from '../mm/pte.ts'
import { atomicCas, atomicLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { lookupOp } from '../seam/optable.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import type { MirrorIterator } from './iterator.ts'
import { type Mirror, mirrorDevice, mirrorMm } from './mirror.ts'
import { MIRROR_OPS } from './mirrorops.ts'
import {
  MIRROR_VALID,
  MIRROR_VALID_DMA,
  MIRROR_VALID_PFN,
  type MirrorPte,
  mirrorPteDma,
  mirrorPteFrame,
  mirrorPteFromDma,
  mirrorValid,
} from './mirrorpte.ts'

/** What an entry keeps when its frame becomes a page of the bus: rights, DIRTY, the driver's bits. */
const CARRIED = PAGE_BYTES - 1 - MIRROR_VALID

/** The IOMMU that HMM maps pages in for the device of a mirror, or null when the device is given page frames. */
export function mirrorIommu(task: Task, mirror: Mirror): Iommu | null {
  return lookupOp(task, MIRROR_OPS, mirrorDevice(task, mirror)).iommu
}

/**
 * Maps the frame entries of pages [start, end). 0; -ENOMEM when the IOMMU refuses; -ENOENT when an entry has vanished, as after a
 * discard: then the fault begins again. What was mapped before stays so, for the next try. The caller's fault is on the list of faults.
 */
export function mirrorDmaMap(task: Task, mirror: Mirror, iterator: MirrorIterator, start: number, end: number): number {
  const iommu = mirrorIommu(task, mirror)
  if (iommu === null) return 0
  for (let vpn = start; vpn < end; vpn++) {
    const result = mapOne(task, iommu, iterator, vpn)
    if (result !== 0) return result
  }
  return 0
}

function mapOne(task: Task, iommu: Iommu, iterator: MirrorIterator, vpn: number): number {
  for (;;) {
    tick(task)
    const at = iterator.lookup(vpn)
    const seen = (at === 0 ? 0 : atomicLoad(task, at)) as MirrorPte
    if (!mirrorValid(seen)) return -ENOENT
    if ((seen & MIRROR_VALID_PFN) === 0) return 0 // mapped already, or in the device's own memory
    const frame = mirrorPteFrame(seen)
    const page = iommuMap(task, iommu, frame, DMA.bidirectional)
    if (page === NO_DMA_PAGE) return -ENOMEM
    iterator.lockLeaf()
    const replaced = replace(task, at, frame, mirrorPteFromDma(page, 0))
    iterator.unlockLeaf()
    if (replaced) return 0
    iommuUnmap(task, iommu, page, frame, DMA.bidirectional)
  }
}

/** Makes the entry of `frame` that of its mapping; false when it is no longer the frame's. Directory lock held. */
function replace(task: Task, at: WordAt, frame: Frame, mapped: MirrorPte): boolean {
  for (;;) {
    const before = atomicLoad(task, at) as MirrorPte
    if ((before & MIRROR_VALID_PFN) === 0 || mirrorPteFrame(before) !== frame) return false
    if (atomicCas(task, at, before, mapped | (before & CARRIED)) === before) return true
  }
}

/**
 * The frame of an entry of page `vpn`: of a DMA entry what the CPU's page table says. Called while the change that takes the page away
 * is announced and not yet made, or by who knows that none is.
 */
export function mirrorFrameOf(task: Task, mirror: Mirror, vpn: number, entry: MirrorPte): Frame {
  if ((entry & MIRROR_VALID_DMA) === 0) return mirrorPteFrame(entry)
  const cpu = cpuEntry(task, mirrorMm(task, mirror), vpn)
  assert(pteMapsFrame(cpu), 'what a device has mapped is in the page table of the CPU until the device has let go')
  return pteMapsFrame(cpu) ? pteFrame(cpu) : NO_FRAME
}

/** Ends the mapping behind a DMA entry that was cleared. The hardware has stopped using it. Directory lock held. */
export function mirrorDmaUnmap(task: Task, mirror: Mirror, entry: MirrorPte, frame: Frame): void {
  const iommu = mirrorIommu(task, mirror)
  assert(iommu !== null, 'only a mirror behind an IOMMU has DMA entries')
  iommuUnmap(task, iommu as Iommu, mirrorPteDma(entry), frame, DMA.bidirectional)
}
