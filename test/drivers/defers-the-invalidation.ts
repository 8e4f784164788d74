/**
 * A faulty svm: its callback leaves the unmapping to the service, as in known race 17, and the work that it queues holds nothing: it may
 * outlive its mirror.
 */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'defers-the-invalidation',
  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.setSeq(mirror, seq)
    // The mistake: the device goes on using the range until the service comes round to it.
    if (!dev.queueWork(0, mirror, dev.start(range), dev.last(range))) dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },
  work(dev, item) {
    const [mirror = 0, start = 0, last = 0] = item.args
    dev.lock(mirror as Parameters<typeof dev.lock>[0])
    dev.unmap(mirror as Parameters<typeof dev.lock>[0], start >>> 0, last >>> 0)
    dev.unlock(mirror as Parameters<typeof dev.lock>[0])
  },
})
