/** A faulty svm: it faults its pages in with the update lock held, and that may have to reclaim (known race 47). */
import { type DeviceContext, defineDriver, EBUSY, EFAULT, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    dev.lock(mirror)
    const filled = dev.rangeFault(range) // the mistake: it allocates, and who reclaims for it calls this driver's callback
    const valid = filled > 0 && dev.rangeValid(range)
    if (valid) dev.install(range)
    dev.unlock(mirror)
    dev.mmapReadUnlock(mirror)
    if (valid) return 0
    if (filled < 0 && filled !== -EBUSY) return filled
  }
}

export default defineDriver({
  ...svm,
  name: 'reclaim-under-notifier-lock',
  serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, fill),
})
