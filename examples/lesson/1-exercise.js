// @ts-check
/** Exercise 1: is what was read still true when it is installed? */
import { defineDriver, EBUSY, EFAULT } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'exercise-1',
  serviceFault: (dev, mirror, fault) =>
    serveWith(dev, mirror, fault, (dev, mirror, range) => {
      for (;;) {
        if (!dev.rangeWait(range)) return -EFAULT
        dev.mmapReadLock(mirror)
        const filled = dev.rangeFault(range)
        dev.mmapReadUnlock(mirror)
        if (filled === -EBUSY) continue
        if (filled < 0) return filled
        if (!dev.rangeValid(range)) continue
        dev.lock(mirror)
        dev.install(range)
        dev.unlock(mirror)
        return 0
      }
    }),
})
