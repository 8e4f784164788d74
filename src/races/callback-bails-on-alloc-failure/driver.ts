/**
 * A faulty svm: its callback wants a context for its work, of which there is one; without one it returns as if the work were done (known
 * race 18).
 *
 *   device's word 0   CONTEXT   0 free, 1 in use. Atomic.
 */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const CONTEXT = 0

export default defineDriver({
  ...svm,
  name: 'callback-bails-on-alloc-failure',
  invalidate(dev, mirror, range, seq) {
    if (dev.cas(dev.word(CONTEXT), 0, 1) !== 0) return true // the mistake: no memory is no reason to leave the pages to the device
    const done = svm.invalidate(dev, mirror, range, seq)
    dev.store(dev.word(CONTEXT), 0)
    return done
  },
})
