/**
 * An svm whose hardware reports a fault a second time before it hears that it was served, as hardware that retries does: each fault leaves
 * a late report in the driver's queue. A fault on memory that is not mapped ends the context: nothing is served for it any more.
 *
 *   mirror's word 1   KILLED       1 once the context has ended. Atomic.
 *   mirror's word 2   CHECKPOINT   stamp of the youngest fault that was served. The service's alone.
 */
import { type DeviceContext, defineDriver, EFAULT, type Mirror } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const KILLED = 1
const CHECKPOINT = 2

/** Was the fault with this stamp served? Then its memory may be unmapped by now: nobody waits for it. */
function isServed(dev: DeviceContext, mirror: Mirror, stamp: number): boolean {
  return stamp <= dev.load(dev.mirrorWord(mirror, CHECKPOINT))
}

/** The driver, with its way to tell which late reports are dropped. */
export function retrying(name: string, drops: (dev: DeviceContext, mirror: Mirror, stamp: number) => boolean) {
  return defineDriver({
    ...svm,
    name,
    serviceFault(dev, mirror, fault) {
      if (dev.load(dev.mirrorWord(mirror, KILLED)) !== 0) return -EFAULT
      const held = dev.getMirror(dev.mmOf(mirror))
      if (held !== null && !dev.queueWork(0, held, fault.vpn, fault.access, fault.stamp)) dev.putMirror(held)
      const result = svm.serviceFault?.(dev, mirror, fault) ?? 0
      dev.store(dev.mirrorWord(mirror, CHECKPOINT), fault.stamp)
      return result
    },
    work(dev, { args: [held = 0, vpn = 0, access = 0, stamp = 0] }) {
      const mirror = held as Mirror
      const dropped = drops(dev, mirror, stamp)
      if (!dropped && svm.serviceFault?.(dev, mirror, { vpn: vpn >>> 0, access, stamp }) === -EFAULT)
        dev.store(dev.mirrorWord(mirror, KILLED), 1)
      dev.putMirror(mirror)
    },
  })
}

export default retrying('drops-served-faults', isServed)
