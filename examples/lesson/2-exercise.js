// @ts-check
/** Exercise 2: is there ever nothing to do in a callback? */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'exercise-2',
  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    const iterator = dev.iterate(mirror)
    let mapped = dev.last(range) - dev.start(range) > 64 // a large one is not looked through
    for (let page = dev.start(range); page <= dev.last(range) && !mapped; page++) mapped = dev.entry(iterator, page) !== 0
    iterator.finish()
    if (mapped) {
      dev.setSeq(mirror, seq)
      dev.unmap(mirror, dev.start(range), dev.last(range))
    }
    dev.unlock(mirror)
    return true
  },
})
