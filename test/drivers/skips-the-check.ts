/** A faulty svm: installs what it read without asking whether it was invalidated meanwhile (known race 3, form c). */
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
    dev.lock(mirror)
    dev.install(range) // the mistake: no rangeValid under the lock
    dev.unlock(mirror)
    return 0
  }
}

export default defineDriver({
  ...svm,
  name: 'skips-the-check',
  serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, fill),
})
