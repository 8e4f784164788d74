/**
 * Pages of a region: brought in, mapped for the device, and taken away again.
 *
 *     bring in     a fault's range, filled and mapped (dma.mapRange), without the lock
 *                  lock, still valid, region still live:
 *                      handed over to the region's list        a page that is mapped keeps its mapping; one that is mapped for
 *                                                              reading gives way to one for writing
 *                      shown to the hardware                   entries of the mirror: pages of the bus
 *                      what was left over: TLB flushed, unmapped
 *     take away    lock; entries of the mirror gone, TLB flushed; then unmapped, with dirty where the device could write: in this
 *                  order, or the device reaches a page of the bus that is mapped no more
 *
 * Ranges to fill are of whoever fills: the service has a pair for each mirror (words 0 to 3), an ioctl makes its own.
 */
import {
  type DeviceContext,
  EAGAIN,
  EBUSY,
  EFAULT,
  ENOMEM,
  type GupRange,
  type Mirror,
  type Range,
  type WordAt,
} from '../../device/index.ts'
import { type Ask, formatFor, WINDOW_PAGES } from './format.ts'
import {
  isLive,
  type Region,
  regionAddMapped,
  regionLast,
  regionList,
  regionMap,
  regionMapped,
  regionMayWrite,
  regionStart,
} from './region.ts'

/** How long one request may be retried before it is left to the hardware, which asks again (kernel: HMM_RANGE_DEFAULT_TIMEOUT). */
const RETRY_BUDGET_MS = 1000
const NS_PER_MS = 1_000_000

/** Words of a mirror: a range for writable regions, one for those that are not, and the map of each. */
const RANGES = 0
const MAPS = 2

/** A range to fill, and its map. */
export interface Filling {
  readonly range: Range
  readonly map: GupRange
}

/** Pages [start, start + pages) of a region, at most WINDOW_PAGES, and what is asked of each. */
export interface Request {
  readonly start: number
  readonly pages: number
  readonly ask: Ask
}

/** Makes the service's ranges of a new mirror. False when memory is out: freeFillings all the same. No lock. */
export function createFillings(dev: DeviceContext, mirror: Mirror): boolean {
  return [false, true].every((write) => {
    const { range, map } = createFilling(dev, write)
    dev.store(rangeAt(dev, mirror, write), range)
    dev.store(mapAt(dev, mirror, write), map)
    return range !== 0 && map !== 0
  })
}

export function freeFillings(dev: DeviceContext, mirror: Mirror): void {
  for (const write of [false, true]) freeFilling(dev, serviceFilling(dev, mirror, write))
}

/** A filling for a region that may be written or not; its parts are 0 where memory is out. Not in a callback. */
export function createFilling(dev: DeviceContext, write: boolean): Filling {
  return { range: dev.createRange(WINDOW_PAGES, formatFor(write)), map: dev.dma.createMap(WINDOW_PAGES) }
}

export function freeFilling(dev: DeviceContext, { range, map }: Filling): void {
  if (range !== 0) dev.freeRange(range)
  if (map !== 0) dev.dma.freeMap(map)
}

/** The service's own filling for regions of that kind. */
export function serviceFilling(dev: DeviceContext, mirror: Mirror, write: boolean): Filling {
  const range = dev.load(rangeAt(dev, mirror, write)) as Range
  return { range, map: dev.load(mapAt(dev, mirror, write)) as GupRange }
}

function rangeAt(dev: DeviceContext, mirror: Mirror, write: boolean): WordAt {
  return dev.mirrorWord(mirror, RANGES + (write ? 1 : 0))
}

function mapAt(dev: DeviceContext, mirror: Mirror, write: boolean): WordAt {
  return dev.mirrorWord(mirror, MAPS + (write ? 1 : 0))
}

/**
 * Brings pages of a region in that the caller uses (acquireRegion). Returns how many of them are there for the device now; -EAGAIN
 * when the region is being deregistered, or changes of the address space came in between for too long: to be asked for again; -EFAULT
 * when a page cannot be had or not be mapped, -EPERM for a write to an area that may only be read; -ENOMEM. No lock held.
 */
export function bringIn(dev: DeviceContext, mirror: Mirror, region: Region, filling: Filling, request: Request): number {
  const { range } = filling
  dev.rangeRequest(range, request.ask)
  const registered = dev.rangeRegister(range, mirror, request.start, request.pages)
  if (registered !== 0) return registered
  const result = fillAndShow(dev, mirror, region, filling, request)
  dev.rangeUnregister(range)
  return result
}

/** The loop of a driver. */
function fillAndShow(dev: DeviceContext, mirror: Mirror, region: Region, filling: Filling, request: Request): number {
  const giveUpNs = dev.nowNs() + RETRY_BUDGET_MS * NS_PER_MS
  for (let chain = 1; isLive(dev, region); chain++) {
    const mapped = fill(dev, mirror, filling)
    if (mapped < 0 && mapped !== -EBUSY) return mapped
    if (mapped >= 0) {
      dev.lock(mirror)
      const shown = dev.rangeValid(filling.range) ? show(dev, region, filling, request, mapped) : leave(dev, filling)
      dev.unlock(mirror)
      if (shown !== -EAGAIN) return shown
    }
    dev.countRetry(mirror, chain)
    if (dev.nowNs() > giveUpNs) return -EAGAIN
  }
  return -EAGAIN
}

/** One look at the CPU's table, and a mapping for each page found. -EBUSY when it was spoilt: then nothing is mapped. */
function fill(dev: DeviceContext, mirror: Mirror, { range, map }: Filling): number {
  if (dev.era === 'unlocked-timeout') {
    let spoilt = 0
    return dev.dma.mapRangeUnlocked(range, map, RETRY_BUDGET_MS, () => dev.countRetry(mirror, ++spoilt))
  }
  if (!dev.rangeWait(range)) return -EFAULT
  dev.mmapReadLock(mirror)
  const mapped = dev.dma.mapRange(range, map)
  dev.mmapReadUnlock(mirror)
  return mapped
}

/** What was mapped may not be used. Update lock held. */
function leave(dev: DeviceContext, { range, map }: Filling): number {
  dev.dma.unmapRange(range, map, false)
  return -EAGAIN
}

/** What was mapped is the region's, and the hardware's. Update lock held, and the filling is valid. */
function show(dev: DeviceContext, region: Region, filling: Filling, { start, pages }: Request, mapped: number): number {
  if (!isLive(dev, region)) return leave(dev, filling)
  const list = regionList(dev, region)
  const gained = dev.dma.handOver(filling.range, filling.map, list, regionMap(dev, region))
  regionAddMapped(dev, region, gained)
  const installed = dev.installDma(list, regionMap(dev, region), start - regionStart(dev, region), pages)
  if (mapped > gained) {
    dev.flushTlb() // a mapping that gave way may be in the TLB
    dev.dma.unmapRange(filling.range, filling.map, false)
  }
  return installed < 0 ? -ENOMEM : mapped
}

/** Has the device page `vpn` of the region, and so that it may write if the region lets it? Update lock held. */
export function hasPage(dev: DeviceContext, region: Region, vpn: number): boolean {
  const i = vpn - regionStart(dev, region)
  if (regionMapped(dev, region) === 0 || dev.dma.rangePage(regionList(dev, region), regionMap(dev, region), i) === 0) return false
  return !regionMayWrite(dev, region) || dev.rangeHas(regionList(dev, region), i, true)
}

/**
 * Unmaps what a region has mapped of pages [start, last]; what the device could write counts as written. The device has stopped using
 * them, and they are still where they were: in a callback, or while callbacks are still to come. Update lock held.
 */
export function unmapPages(dev: DeviceContext, region: Region, start: number, last: number): void {
  if (regionMapped(dev, region) === 0) return
  const from = Math.max(start, regionStart(dev, region))
  const pages = Math.min(last, regionLast(dev, region)) - from + 1
  const first = from - regionStart(dev, region)
  regionAddMapped(dev, region, -dev.dma.unmapRange(regionList(dev, region), regionMap(dev, region), true, first, pages))
}
