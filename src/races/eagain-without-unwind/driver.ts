/**
 * A faulty svm: it counts the invalidations that run, and its fault service waits until none does. A callback that refuses keeps
 * its count (known race 6).
 */
import { type DeviceContext, defineDriver, type Mirror } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

/** Word of a mirror: invalidations between the callback's begin and its end. Word 0 is svm's. */
const RUNNING = 1

export default defineDriver({
  ...svm,
  name: 'eagain-without-unwind',
  invalidate(dev, mirror, range, seq) {
    const running = dev.mirrorWord(mirror, RUNNING)
    dev.add(running, 1)
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false // the mistake: the count stays, and nobody is told of an end
    dev.setSeq(mirror, seq)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    dev.add(running, -1)
    return true
  },
  serviceFault(dev, mirror, fault) {
    untilNoneRuns(dev, mirror)
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },
})

function untilNoneRuns(dev: DeviceContext, mirror: Mirror): void {
  while (dev.load(dev.mirrorWord(mirror, RUNNING)) !== 0);
}
