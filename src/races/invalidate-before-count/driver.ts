/**
 * A faulty svm: its callback empties the device's table, and announces the invalidation afterwards (known race 13). Between the two a
 * fault finds the page missing, and nothing that would tell it to wait.
 */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'invalidate-before-count',
  invalidate(dev, mirror, range, seq) {
    if (!dev.blockable(range)) return false
    dev.lock(mirror)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    dev.lock(mirror)
    dev.setSeq(mirror, seq) // the mistake: what was filled since the table was emptied stays
    dev.unlock(mirror)
    return true
  },
})
