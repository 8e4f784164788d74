/** svm that refreshes what it knows of an address space in its work queue, and flushes that queue when pages go. */
import { defineDriver, type Mm } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

/** Words of the device: items queued, items done, and the queue of who waits for them (three words). */
const QUEUED = 0
const DONE = 1
const WAITERS = 2

export default defineDriver({
  ...svm,
  name: 'flush-work-cycle',

  serviceFault(dev, mirror, fault) {
    dev.add(dev.word(QUEUED), 1)
    if (!dev.queueWork(1, dev.mmOf(mirror))) dev.add(dev.word(DONE), 1)
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },

  work(dev, item) {
    const mirror = dev.getMirror(item.args[0] as Mm)
    if (mirror !== null) {
      dev.readBegin(mirror) // sleeps while a change is running
      dev.putMirror(mirror)
    }
    dev.add(dev.word(DONE), 1)
    dev.wakeAll(dev.word(WAITERS))
  },

  invalidate(dev, mirror, range, seq) {
    if (!svm.invalidate(dev, mirror, range, seq)) return false
    // The mistake: the work may be waiting for the end of this very change.
    const queued = dev.load(dev.word(QUEUED))
    if (dev.blockable(range)) dev.waitUntil(dev.word(WAITERS), () => dev.load(dev.word(DONE)) >= queued)
    return true
  },
})
