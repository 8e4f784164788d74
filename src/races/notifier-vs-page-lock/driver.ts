/**
 * A faulty svm: a page that is to be written it marks as written with its update lock held, by pinning it for a moment (known race 45). Who
 * pins a page waits for whoever has it locked.
 *
 *   mirror's word 1   MAP   room for one pin. The service's.
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
  type Mirror,
  type Range,
} from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

const MAP = 1

function mapOf(dev: DeviceContext, mirror: Mirror): GupRange {
  return dev.load(dev.mirrorWord(mirror, MAP)) as GupRange
}

/** Faults the page in, and marks it as written: 0 or a negative errno. mmap_sem held. */
function pinOnce(dev: DeviceContext, mirror: Mirror, page: number): number {
  const map = mapOf(dev, mirror)
  const pinned = dev.dma.pin(map, mirror, page, 1, true)
  if (pinned > 0) dev.dma.unpin(map, true)
  return Math.min(pinned, 0)
}

function fill(dev: DeviceContext, mirror: Mirror, range: Range, { vpn, access }: DeviceFault): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const write = access >= DEVICE_ACCESS.write
    const filled = write ? 0 : dev.rangeFault(range)
    dev.lock(mirror)
    const result = write ? pinOnce(dev, mirror, vpn) : Math.min(filled, 0) // the mistake: a page is waited for before this lock is taken
    const valid = result === 0 && dev.rangeSnapshot(range) > 0 && dev.rangeValid(range)
    if (valid) dev.install(range)
    dev.unlock(mirror)
    dev.mmapReadUnlock(mirror)
    if (valid || (result < 0 && result !== -EBUSY)) return result
  }
}

export default defineDriver({
  ...svm,
  name: 'notifier-vs-page-lock',
  attach(dev, mirror) {
    const map = dev.dma.createMap(1)
    if (map === 0) return -ENOMEM
    dev.store(dev.mirrorWord(mirror, MAP), map)
    return svm.attach?.(dev, mirror) ?? 0
  },
  detach(dev, mirror) {
    dev.dma.freeMap(mapOf(dev, mirror))
    svm.detach?.(dev, mirror)
  },
  serviceFault: (device, mirrorOf, fault) =>
    serveWith(device, mirrorOf, fault, (dev, mirror, range) => fill(dev, mirror, range, fault)),
})
