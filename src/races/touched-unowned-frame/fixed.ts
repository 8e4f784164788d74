/**
 * An svm that has its pages by I/O page numbers as well: the page that faulted last is mapped for DMA, and unmapped when an
 * invalidation takes it, or when another page takes its place. Two ranges, each with its map: one is what the device has, guarded by
 * the update lock; the other is the service's, which fills it.
 */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  type DeviceFault,
  defineDriver,
  EBUSY,
  EFAULT,
  ENOMEM,
  type GupRange,
  LINUX_FORMAT,
  type Mirror,
  type Range,
} from 'hmm-runtime/driver'

/** Words of a mirror: two ranges, two maps; which pair the device has, + 1; and the page it is for. */
const RANGES = 0
const MAPS = 2
const HAS = 4
const PAGE = 5

/** Stops the device and unmaps what it has. Update lock held. */
export function takeAway(dev: DeviceContext, mirror: Mirror, dirty: boolean): void {
  const has = dev.load(dev.mirrorWord(mirror, HAS)) - 1
  if (has < 0) return
  const page = dev.load(dev.mirrorWord(mirror, PAGE))
  dev.unmap(mirror, page, page)
  dev.dma.unmapRange(rangeOf(dev, mirror, has), mapOf(dev, mirror, has), dirty)
  dev.store(dev.mirrorWord(mirror, HAS), 0)
}

function rangeOf(dev: DeviceContext, mirror: Mirror, pair: number): Range {
  return dev.load(dev.mirrorWord(mirror, RANGES + pair)) as Range
}

function mapOf(dev: DeviceContext, mirror: Mirror, pair: number): GupRange {
  return dev.load(dev.mirrorWord(mirror, MAPS + pair)) as GupRange
}

/** Serves a fault; `spoilt` is called, with the update lock, for what was mapped and may not be used. */
export function serveByDma(
  dev: DeviceContext,
  mirror: Mirror,
  fault: DeviceFault,
  spoilt: (range: Range, map: GupRange) => void,
): number {
  const pair = dev.load(dev.mirrorWord(mirror, HAS)) === 1 ? 1 : 0
  const range = rangeOf(dev, mirror, pair)
  const map = mapOf(dev, mirror, pair)
  const write = fault.access >= DEVICE_ACCESS.write
  dev.rangeRequest(range, write ? LINUX_FORMAT.valid | LINUX_FORMAT.write : LINUX_FORMAT.valid)
  const registered = dev.rangeRegister(range, mirror, fault.vpn, 1)
  if (registered !== 0) return registered
  const result = mapAndInstall(
    dev,
    mirror,
    range,
    map,
    () => {
      takeAway(dev, mirror, true)
      dev.store(dev.mirrorWord(mirror, PAGE), fault.vpn)
      dev.store(dev.mirrorWord(mirror, HAS), pair + 1)
    },
    spoilt,
  )
  dev.rangeUnregister(range)
  return result
}

function mapAndInstall(
  dev: DeviceContext,
  mirror: Mirror,
  range: Range,
  map: GupRange,
  take: () => void,
  spoilt: (range: Range, map: GupRange) => void,
): number {
  for (let chain = 1; ; chain++) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const mapped = dev.dma.mapRange(range, map)
    dev.mmapReadUnlock(mirror)
    if (mapped < 0 && mapped !== -EBUSY) return mapped
    if (mapped >= 0) {
      dev.lock(mirror)
      const valid = dev.rangeValid(range)
      if (valid) take()
      else spoilt(range, map)
      const installed = valid ? dev.install(range) : 0
      dev.unlock(mirror)
      if (valid) return installed < 0 ? -ENOMEM : 0
    }
    dev.countRetry(mirror, chain)
  }
}

export default defineDriver({
  name: 'maps-for-dma',

  attach(dev, mirror) {
    for (const pair of [0, 1]) {
      dev.store(dev.mirrorWord(mirror, RANGES + pair), dev.createRange(1, LINUX_FORMAT))
      dev.store(dev.mirrorWord(mirror, MAPS + pair), dev.dma.createMap(1))
    }
    return 0
  },

  detach(dev, mirror) {
    dev.lock(mirror)
    takeAway(dev, mirror, false) // nothing protects the frame any more
    dev.unlock(mirror)
    for (const pair of [0, 1]) {
      dev.freeRange(rangeOf(dev, mirror, pair))
      dev.dma.freeMap(mapOf(dev, mirror, pair))
    }
  },

  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.setSeq(mirror, seq)
    const page = dev.load(dev.mirrorWord(mirror, PAGE))
    if (dev.start(range) <= page && page <= dev.last(range)) takeAway(dev, mirror, true)
    dev.unlock(mirror)
    return true
  },

  serviceFault: (dev, mirror, fault) => serveByDma(dev, mirror, fault, (range, map) => dev.dma.unmapRange(range, map, false)),
})
