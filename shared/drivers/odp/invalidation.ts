/**
 * Changes of the address space, as a device with on-demand paging hears of them: what it has of the pages is taken away, and none
 * that it has not.
 *
 *   one pass     lock, setSeq, entries gone, TLB flushed, unmapped; unlock
 *   two passes   lock, setSeq, entries gone, flush begun; unlock     then, for each: flush over; lock, unmapped; unlock
 *
 * Between the passes the device may still use what is mapped, so unmapping has to wait. Nothing is mapped anew meanwhile: the
 * sequence keeps every fault away until the invalidation is over. What the second pass has to know it leaves in dev.passes; whoever
 * gets no token there does all in its first pass, and loses the overlap, not the promise.
 *
 * Unmapping may sleep in the kernel, so in the eras since 5.5 a change that may not block is refused (7.3); in those before it is
 * served if the lock is free (5.2).
 */
import { type DeviceContext, EAGAIN, type Mirror, type NotifierRange } from '../../device/index.ts'
import { unmapPages } from './pages.ts'
import { type Region, regionLast, regionStart } from './region.ts'
import { buryIfSpent, eachRegion } from './regions.ts'
import { WORK } from './work.ts'

/** Takes the update lock for a change; false: it may not block, and is refused. */
export function lockForChange(dev: DeviceContext, mirror: Mirror, blockable: boolean): boolean {
  if (!blockable) return (dev.era === 'events' || dev.era === 'range-valid') && dev.tryLock(mirror)
  dev.lock(mirror)
  return true
}

/** The callback in one pass. */
export function invalidateOnce(dev: DeviceContext, mirror: Mirror, range: NotifierRange, seq: number): boolean {
  if (!lockForChange(dev, mirror, dev.blockable(range))) return false
  dev.setSeq(mirror, seq)
  dev.unmap(mirror, dev.start(range), dev.last(range))
  unmapAll(dev, mirror, dev.start(range), dev.last(range))
  dev.unlock(mirror)
  return true
}

/** On return the device reaches no page of a region, and nothing of it is mapped. Update lock held; callbacks are still to come. */
export function takeRegionAway(dev: DeviceContext, mirror: Mirror, region: Region): void {
  const start = regionStart(dev, region)
  const last = regionLast(dev, region)
  if (dev.era === 'events') dev.discard(mirror, start, last)
  else {
    dev.unmap(mirror, start, last)
    unmapPages(dev, region, start, last)
  }
}

/** Unmaps pages that the device has stopped using, region by region. Update lock held. */
function unmapAll(dev: DeviceContext, mirror: Mirror, start: number, last: number): void {
  let buried = false
  eachRegion(dev, mirror, start, last, (region) => {
    unmapPages(dev, region, start, last)
    if (buryIfSpent(dev, mirror, region)) buried = true
  })
  // A full queue loses nothing: the next fault empties the graves, or the end of the mirror.
  if (buried) dev.queueWork(WORK.bury, dev.mmOf(mirror))
}

/** The first of two passes. */
export function invalidateFirst(dev: DeviceContext, mirror: Mirror, range: NotifierRange, seq: number): number {
  if (!lockForChange(dev, mirror, dev.blockable(range))) return -EAGAIN
  const start = dev.start(range)
  const last = dev.last(range)
  dev.setSeq(mirror, seq)
  const ticket = dev.startUnmap(mirror, start, last)
  const token = ticket === 0 ? 0 : dev.passes.claim({ mirror, start, last, note: ticket })
  if (token === 0) {
    if (ticket !== 0) dev.finishFlush(ticket)
    unmapAll(dev, mirror, start, last)
  }
  dev.unlock(mirror)
  return token
}

/** The second pass for what the first one answered. The mirror is there still: its subscription ends after the invalidation. */
export function invalidateSecond(dev: DeviceContext, token: number): void {
  const { mirror, start, last, note } = dev.passes.read(token)
  dev.finishFlush(note)
  dev.lock(mirror)
  unmapAll(dev, mirror, start, last)
  dev.unlock(mirror)
  dev.passes.drop(token)
}
