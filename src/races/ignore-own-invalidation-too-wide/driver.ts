/**
 * A faulty svm: while its service faults a page in, it ignores the invalidations that its own thread causes, those of other devices'
 * mirrors included (known race 25). The mark is a variable of the module, so each thread has its own: it is about what this thread is in
 * the middle of, and is gone when the call returns.
 */
import { type DeviceContext, defineDriver, EBUSY, EFAULT, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

let faultingIn = false

function faultIn(dev: DeviceContext, range: Range): number {
  faultingIn = true
  try {
    return dev.rangeFault(range)
  } finally {
    faultingIn = false
  }
}

function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = faultIn(dev, range)
    dev.mmapReadUnlock(mirror)
    if (filled < 0 && filled !== -EBUSY) return filled
    dev.lock(mirror)
    const valid = filled > 0 && dev.rangeValid(range)
    if (valid) dev.install(range)
    dev.unlock(mirror)
    if (valid) return 0
  }
}

export default defineDriver({
  ...svm,
  name: 'ignore-own-invalidation-too-wide',
  invalidate(dev, mirror, range, seq) {
    if (faultingIn) return true // the mistake: what this fault changes, the other device has to hear of
    return svm.invalidate(dev, mirror, range, seq)
  },
  serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, fill),
})
