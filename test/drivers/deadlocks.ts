/** A driver that waits for the running invalidations with its own lock held (known race 48). */
import { defineDriver } from '../../shared/device/index.ts'
import svm from '../../shared/drivers/svm.ts'

export default defineDriver({
  ...svm,
  name: 'deadlocks',
  serviceFault(dev, mirror, fault) {
    dev.lock(mirror)
    dev.readBegin(mirror)
    dev.unlock(mirror)
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },
})
