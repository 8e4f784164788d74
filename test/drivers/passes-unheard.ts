/** A faulty passes-whole: its invalidation does not store its sequence (known race 4), so that a pass in progress does not hear of it. */
import { defineDriver } from 'hmm-runtime/driver'
import passesWhole from './passes-whole.ts'

export default defineDriver({
  ...passesWhole,
  name: 'passes-unheard',
  invalidate(dev, mirror, range, _seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.unmap(mirror, dev.start(range), dev.last(range)) // the mistake: no setSeq before it
    dev.unlock(mirror)
    return true
  },
})
