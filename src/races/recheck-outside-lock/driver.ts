/** A faulty svm: asks whether it was invalidated, and only then takes the lock (known race 3, form a). */
import { type DeviceContext, defineDriver, EBUSY, EFAULT, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    if (filled === -EBUSY) continue
    if (filled < 0) return filled
    if (!dev.rangeValid(range)) continue // the mistake: an invalidation may run between this line and the next
    dev.lock(mirror)
    dev.install(range)
    dev.unlock(mirror)
    return 0
  }
}

export default defineDriver({
  ...svm,
  name: 'checks-before-the-lock',
  serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, fill),
})
