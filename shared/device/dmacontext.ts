/**
 * `dev.dma`: pages for a device that reaches memory by I/O page numbers. Two ways to them, over the same core:
 *
 *     follows notifiers                        cannot
 *     const map = dev.dma.createMap(64)        const map = dev.dma.createMap(64)
 *     dev.dma.mapRange(range, map)             dev.dma.pin(map, mirror, start, pages, true)
 *     ... rangeValid, program the device ...   dev.dma.map(map), program the device
 *     invalidate: stop the device,             stop the device,
 *     dev.dma.unmapRange(range, map, true)     dev.dma.unmap(map, true), dev.dma.unpin(map, true)
 *
 * The locks are those of the functions behind it (hmm/dmamap.ts, mm/guprange.ts).
 */
import { frameGenerationQuiet } from '../frame/frames.ts'
import { type DmaPage, type Iommu, iommuFailAfter, iommuMappings, NO_DMA_PAGE } from '../frame/iommu.ts'
import { hmmRangeDmaHandOver, hmmRangeDmaMap, hmmRangeDmaMapUnlocked, hmmRangeDmaUnmap, isDmaMapped } from '../hmm/dmamap.ts'
import { type Mirror, mirrorMm } from '../hmm/mirror.ts'
import { MIRROR_WRITE, mirrorPteFromDma } from '../hmm/mirrorpte.ts'
import { mirrorFill, mirrorIterator } from '../hmm/mirrortable.ts'
import type { Range } from '../hmm/range.ts'
import {
  createGupRange,
  freeGupRange,
  type GupRange,
  gupRangeDmaMap,
  gupRangeDmaPage,
  gupRangeDmaUnmap,
  gupRangeFrame,
  gupRangePages,
  gupRangePin,
  gupRangeUnpin,
} from '../mm/guprange.ts'
import type { Task } from '../seam/task.ts'
import { deviceIommu } from './record.ts'

/** `dev.dma`. */
export class DmaContext {
  private readonly task: Task
  private readonly device: number

  constructor(task: Task, device: number) {
    this.task = task
    this.device = device
  }

  /** Room for the I/O pages of up to `pages` pages, at most 512; 0 when memory is out. Not in a callback. */
  createMap(pages: number): GupRange {
    return createGupRange(this.task, pages)
  }

  /** Frees it; nothing of it is mapped or pinned any more. */
  freeMap(map: GupRange): void {
    freeGupRange(this.task, map)
  }

  /** Fills a registered range and maps its pages. mmap_sem held. The number mapped, or a negative errno: then nothing is. */
  mapRange(range: Range, map: GupRange, block = true): number {
    return hmmRangeDmaMap(this.task, range, map, this.iommu, block)
  }

  /** As mapRange with rangeFaultUnlocked: mmap_sem is not held. -EBUSY: begin again. `onRetry` hears of each fill in vain. */
  mapRangeUnlocked(range: Range, map: GupRange, timeoutMs: number, onRetry?: () => void): number {
    return hmmRangeDmaMapUnlocked(this.task, range, map, this.iommu, timeoutMs, onRetry)
  }

  /** Hands what a valid range has mapped over to the list of what the device has (rangeAssign). Update lock held. The pages gained. */
  handOver(range: Range, map: GupRange, list: Range, listMap: GupRange): number {
    return hmmRangeDmaHandOver(this.task, range, map, list, listMap)
  }

  /** Unmaps pages of a range, by default all, in a callback or after rangeValid: update lock held. The number, or -EINVAL. */
  unmapRange(range: Range, map: GupRange, dirty: boolean, first?: number, pages?: number): number {
    return hmmRangeDmaUnmap(this.task, range, map, this.iommu, dirty, first, pages)
  }

  /** The I/O page of page `i` of a mapped range, or 0. */
  rangePage(range: Range, map: GupRange, i: number): DmaPage {
    return isDmaMapped(this.task, range, map, i) ? gupRangeDmaPage(this.task, map, i) : NO_DMA_PAGE
  }

  /** Pins pages of the mirror's address space. mmap_sem held. The number, or a negative errno: then nothing is pinned. */
  pin(map: GupRange, mirror: Mirror, start: number, pages: number, write: boolean): number {
    return gupRangePin(this.task, map, mirrorMm(this.task, mirror), start, pages, write)
  }

  /** Drops the pins; `dirty`: the device may have written. After unmap, when the device has stopped. */
  unpin(map: GupRange, dirty: boolean): void {
    gupRangeUnpin(this.task, map, dirty)
  }

  /** Maps what was pinned. The number, or -EFAULT: then nothing is mapped, and all is pinned still. */
  map(map: GupRange): number {
    return gupRangeDmaMap(this.task, map, this.iommu)
  }

  /**
   * Gives the mirror entries for what is mapped, from page `start` on, for writing if `write`. False when memory for a directory is out:
   * some are there then. Update lock held; nobody takes them away but the driver: the pins keep the frames.
   */
  install(mirror: Mirror, start: number, map: GupRange, write: boolean): boolean {
    const { task } = this
    const iterator = mirrorIterator(task, mirror)
    let installed = true
    for (let i = 0; installed && i < gupRangePages(task, map); i++) {
      const pte = mirrorPteFromDma(gupRangeDmaPage(task, map, i), write ? MIRROR_WRITE : 0)
      installed = mirrorFill(task, mirror, iterator, start + i, pte, frameGenerationQuiet(task, gupRangeFrame(task, map, i)))
    }
    iterator.finish()
    return installed
  }

  /** Ends the mappings of all pages of `map`, which the device does not use any more. Returns how many there were. */
  unmap(map: GupRange, dirty: boolean): number {
    return gupRangeDmaUnmap(this.task, map, this.iommu, dirty)
  }

  /** The I/O page of page `i` of what was pinned and mapped. */
  page(map: GupRange, i: number): DmaPage {
    return gupRangeDmaPage(this.task, map, i)
  }

  /** Mappings that the device has. */
  get mappings(): number {
    return iommuMappings(this.task, this.iommu)
  }

  /** For tests of a driver: `count` more mappings succeed, and then one fails. */
  failAfter(count: number): void {
    iommuFailAfter(this.task, this.iommu, count)
  }

  private get iommu(): Iommu {
    return deviceIommu(this.task, this.device)
  }
}
