/**
 * Page requests: the hardware could not go on and asks for a page. The fault buffer is the queue of these requests, the replay resumes
 * the hardware. Of the three types of mlx5 two can occur here:
 *
 *   type     of what                     served                                       afterwards
 *   RDMA     a packet: read, write       the page that is asked for                   hardware resumed; then up to PREFETCH_PAGES behind
 *                                                                                     it are prefetched from the work queue, if they can
 *   MEMORY   memory scheme: atomic       the aligned window of MEMORY_WINDOW pages    hardware resumed
 *                                        around it, in the region; if that cannot be,
 *                                        the page
 *   WQE      a work queue entry          work queues are not in user memory here
 *
 * In era events HMM brings the pages in and maps them (mirrorFault), area by area: of a window that cannot be had as a whole, what came
 * before stays.
 */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  type DeviceFault,
  EACCES,
  EAGAIN,
  EBUSY,
  EFAULT,
  ENOMEM,
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  type Mirror,
  type Mm,
  type WorkItem,
} from '../../device/index.ts'
import { ASK, type Ask } from './format.ts'
import { bringIn, hasPage, type Request, serviceFilling } from './pages.ts'
import { NO_REGION, type Region, regionLast, regionMayWrite, regionStart } from './region.ts'
import { acquireRegion, emptyGraves, NO_MEMORY, releaseRegion } from './regions.ts'
import { WORK } from './work.ts'

/** Pages behind a packet's that are prefetched (mlx5: 4 MiB; regions are smaller here). */
const PREFETCH_PAGES = 8
/** Pages of the window around a page that an atomic needs. */
const MEMORY_WINDOW = 8

/**
 * Serves a page request. 0: the hardware tries again, also when changes of the address space came in between (-EAGAIN): it faults once
 * more. -EFAULT: no region, or a page that cannot be had. -EACCES: a write to a region that may only be read. No lock held.
 */
export function serveRequest(dev: DeviceContext, mirror: Mirror, fault: DeviceFault): number {
  const write = fault.access >= DEVICE_ACCESS.write
  const result = usingRegion(dev, mirror, fault.vpn, -EFAULT, (region) => {
    if (write && !regionMayWrite(dev, region)) return -EACCES
    const ask = write ? ASK.write : ASK.read
    if (fault.access === DEVICE_ACCESS.atomic) return serveMemory(dev, mirror, region, fault.vpn, ask)
    const served = bring(dev, mirror, region, { start: fault.vpn, pages: 1, ask })
    if (served > 0) prefetchBehind(dev, mirror, region, fault.vpn)
    return served
  })
  return result >= 0 || result === -EAGAIN ? 0 : result
}

/**
 * Calls `use` with the region of page `vpn`, which is kept for as long as that takes. Without a region: `none`; -ENOMEM when there is
 * no memory for one. No lock held.
 */
export function usingRegion(
  dev: DeviceContext,
  mirror: Mirror,
  vpn: number,
  none: number,
  use: (region: Region) => number,
): number {
  dev.lock(mirror)
  emptyGraves(dev, mirror)
  const region = acquireRegion(dev, mirror, vpn)
  dev.unlock(mirror)
  if (region === NO_REGION) return none
  if (region === NO_MEMORY) return -ENOMEM
  const result = use(region)
  dev.lock(mirror)
  releaseRegion(dev, mirror, region)
  dev.unlock(mirror)
  return result
}

function serveMemory(dev: DeviceContext, mirror: Mirror, region: Region, vpn: number, ask: Ask): number {
  const aligned = vpn - (vpn % MEMORY_WINDOW)
  const start = Math.max(regionStart(dev, region), aligned)
  const last = Math.min(regionLast(dev, region), aligned + MEMORY_WINDOW - 1)
  const whole = bring(dev, mirror, region, { start, pages: last - start + 1, ask })
  return whole >= 0 || whole === -EAGAIN ? whole : bring(dev, mirror, region, { start: vpn, pages: 1, ask })
}

/** As bringIn, in every era. */
function bring(dev: DeviceContext, mirror: Mirror, region: Region, request: Request): number {
  if (dev.era !== 'events') return bringIn(dev, mirror, region, serviceFilling(dev, mirror, regionMayWrite(dev, region)), request)
  return bringInByHmm(dev, mirror, request)
}

/** As bringIn in era events, where there is no look without faulting: a request asks for reading or writing. */
export function bringInByHmm(dev: DeviceContext, mirror: Mirror, { start, pages, ask }: Request): number {
  const etype = ask === ASK.write ? HMM_DEVICE_WRITE_FAULT : HMM_DEVICE_READ_FAULT
  for (let at = start; at < start + pages; ) {
    const event = { etype, start: at, end: start + pages }
    const result = dev.mirrorFault(mirror, event)
    if (result === -EBUSY) continue // it has waited for somebody
    if (result < 0) return result
    at = event.end // cut to the area of its first page
  }
  return pages
}

/** Has the service look behind page `vpn`, when the hardware is going on. A hint: it is lost when the queue is full. */
function prefetchBehind(dev: DeviceContext, mirror: Mirror, region: Region, vpn: number): void {
  if (vpn === regionLast(dev, region)) return
  if (dev.era !== 'events') {
    dev.lock(mirror)
    const there = hasPage(dev, region, vpn + 1)
    dev.unlock(mirror)
    if (there) return
  }
  dev.queueWork(WORK.prefetch, dev.mmOf(mirror), vpn + 1)
}

/**
 * Queued work. An item keeps nothing: its mirror may be closed by now, and then it is about nothing; a page in another address space,
 * at the same place in memory, is prefetched in vain.
 */
export function serveWork(dev: DeviceContext, item: WorkItem): void {
  const mirror = dev.getMirror(item.args[0] as Mm)
  if (mirror === null) return
  if (item.kind === WORK.prefetch) prefetchFrom(dev, mirror, (item.args[1] as number) >>> 0)
  else {
    dev.lock(mirror)
    emptyGraves(dev, mirror)
    dev.unlock(mirror)
  }
  dev.putMirror(mirror)
}

/** What cannot be had is left out: nobody waits for it. */
function prefetchFrom(dev: DeviceContext, mirror: Mirror, start: number): void {
  usingRegion(dev, mirror, start, 0, (region) => {
    const last = Math.min(regionLast(dev, region), start + PREFETCH_PAGES - 1)
    return bring(dev, mirror, region, { start, pages: last - start + 1, ask: ASK.read })
  })
}
