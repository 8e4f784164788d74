/**
 * A faulty svm for era two-pass: what it finds cleared already it takes for flushed. The invalidation that cleared it has let go of
 * the update lock, and still waits for its flush.
 */
import { defineDriver, EAGAIN } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'trusts-an-empty-table',
  invalidateStart(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return -EAGAIN
    dev.setSeq(mirror, seq)
    const iterator = dev.iterate(mirror)
    let mapped = dev.last(range) - dev.start(range) > 4096 // an exit: all of the address space, not looked through
    for (let page = dev.start(range); page <= dev.last(range) && !mapped; page++) mapped = dev.entry(iterator, page) !== 0
    iterator.finish()
    const ticket = mapped ? dev.startUnmap(mirror, dev.start(range), dev.last(range)) : 0 // the mistake
    dev.unlock(mirror)
    return ticket
  },
})
