// @ts-check
/** Exercise 3: it is right to look under the lock. Is it right to wait under it? */
import { defineDriver, EBUSY, EFAULT } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'exercise-3',
  serviceFault: (dev, mirror, fault) =>
    serveWith(dev, mirror, fault, (dev, mirror, range) => {
      for (;;) {
        dev.lock(mirror)
        if (!dev.rangeWait(range)) {
          dev.unlock(mirror)
          return -EFAULT
        }
        dev.unlock(mirror)
        dev.mmapReadLock(mirror)
        const filled = dev.rangeFault(range)
        dev.mmapReadUnlock(mirror)
        if (filled === -EBUSY) continue
        if (filled < 0) return filled
        dev.lock(mirror)
        const valid = dev.rangeValid(range)
        if (valid) dev.install(range)
        dev.unlock(mirror)
        if (valid) return 0
      }
    }),
})
