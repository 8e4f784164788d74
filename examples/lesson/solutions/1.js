// @ts-check
/** Exercise 1, solved: the lock that the callback takes is taken first. What is true then stays true until it is let go. */
import { defineDriver, EBUSY, EFAULT } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'solution-1',
  serviceFault: (dev, mirror, fault) =>
    serveWith(dev, mirror, fault, (dev, mirror, range) => {
      for (;;) {
        if (!dev.rangeWait(range)) return -EFAULT
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
