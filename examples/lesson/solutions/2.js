// @ts-check
/** Exercise 2, solved: who is about to install a page learns of the invalidation by the sequence alone, so it is stored whatever is mapped. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'solution-2',
  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.setSeq(mirror, seq)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },
})
