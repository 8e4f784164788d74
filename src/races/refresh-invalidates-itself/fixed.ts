/**
 * An svm with a cache: what a refresh has read is good while nobody has emptied the cache since it began. To put a page in, what is in its
 * place is taken out first, in the way in which an invalidation takes it.
 *
 *   mirror's word 1   FRESH   1 from the beginning of a refresh until the cache is emptied. Atomic.
 */
import { type DeviceContext, defineDriver, EBUSY, EFAULT, ENOMEM, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

const FRESH = 1

/** Empties the cache of pages [start, last]. Update lock held. */
function empty(dev: DeviceContext, mirror: Mirror, start: number, last: number): void {
  dev.store(dev.mirrorWord(mirror, FRESH), 0)
  dev.unmap(mirror, start, last)
}

/** Makes room for a page. */
function makeRoom(dev: DeviceContext, mirror: Mirror, page: number): void {
  dev.lock(mirror)
  empty(dev, mirror, page, page)
  dev.unlock(mirror)
}

/** One refresh of a page: 0, or -EBUSY to begin again, or another negative errno. `insideOut`: room is made in the middle of it. */
function refresh(dev: DeviceContext, mirror: Mirror, range: Range, page: number, insideOut: boolean): number {
  if (!dev.rangeWait(range)) return -EFAULT
  if (!insideOut) makeRoom(dev, mirror, page)
  dev.store(dev.mirrorWord(mirror, FRESH), 1)
  dev.mmapReadLock(mirror)
  const filled = dev.rangeFault(range)
  dev.mmapReadUnlock(mirror)
  if (filled < 0) return filled
  if (insideOut) makeRoom(dev, mirror, page)
  dev.lock(mirror)
  const good = dev.load(dev.mirrorWord(mirror, FRESH)) === 1 && dev.rangeValid(range)
  const installed = good ? dev.install(range) : 0
  dev.unlock(mirror)
  return !good ? -EBUSY : installed < 0 ? -ENOMEM : 0
}

/** The driver; `insideOut`: it makes room for a page in the middle of a refresh. */
export function caching(name: string, insideOut: boolean) {
  return defineDriver({
    ...svm,
    name,
    invalidate(dev, mirror, range, seq) {
      if (dev.blockable(range)) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return false
      dev.setSeq(mirror, seq)
      empty(dev, mirror, dev.start(range), dev.last(range))
      dev.unlock(mirror)
      return true
    },
    serviceFault: (device, mirrorOf, fault) =>
      serveWith(device, mirrorOf, fault, (dev, mirror, range) => {
        let result = -EBUSY
        while (result === -EBUSY) result = refresh(dev, mirror, range, fault.vpn, insideOut)
        return result
      }),
  })
}

export default caching('makes-room-first', false)
