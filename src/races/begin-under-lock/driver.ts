/** A faulty svm: it waits for the running invalidations with its own lock held (known race 48). */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export default defineDriver({
  ...svm,
  name: 'begin-under-lock',
  serviceFault(dev, mirror, fault) {
    dev.lock(mirror)
    dev.readBegin(mirror) // the mistake: the callback of the invalidation that it waits for wants this lock
    dev.unlock(mirror)
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },
})
