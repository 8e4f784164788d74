/** A faulty svm: its callback says that the device has let go of the pages, and it has not. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'unmaps-nothing',
  invalidate(dev, mirror, range, seq) {
    if (!dev.blockable(range)) return false
    dev.lock(mirror)
    dev.setSeq(mirror, seq)
    dev.unlock(mirror) // the mistake: no unmap before it
    return true
  },
})
