/** A faulty svm: a right that it did not get it asks for again, for ever, with mmap_sem held (known race 50). */
import { type DeviceContext, defineDriver, EBUSY, EFAULT, EPERM, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    let filled = dev.rangeFault(range)
    while (filled === -EPERM) filled = dev.rangeFault(range) // the mistake: the area is for reading, and stays so while it is held
    dev.mmapReadUnlock(mirror)
    if (filled < 0 && filled !== -EBUSY) return filled
    dev.lock(mirror)
    const done = filled > 0 && dev.rangeValid(range)
    if (done) dev.install(range)
    dev.unlock(mirror)
    if (done) return 0
  }
}

export default defineDriver({
  ...svm,
  name: 'readonly-vma-write-fault-spin',
  serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, fill),
})
