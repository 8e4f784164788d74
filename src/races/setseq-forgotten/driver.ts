/**
 * A faulty svm: its callback returns early when nothing of the range is mapped, before it has stored the sequence (known
 * race 16). The fault that is just reading the page table learns nothing.
 */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'setseq-forgotten',
  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    const iterator = dev.iterate(mirror)
    let mapped = dev.last(range) - dev.start(range) > 4096 // an exit: all of the address space, not looked through
    for (let page = dev.start(range); page <= dev.last(range) && !mapped; page++) mapped = dev.entry(iterator, page) !== 0
    iterator.finish()
    if (mapped) {
      dev.setSeq(mirror, seq) // the mistake: only here
      dev.unmap(mirror, dev.start(range), dev.last(range))
    }
    dev.unlock(mirror)
    return true
  },
})
