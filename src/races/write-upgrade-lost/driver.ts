/**
 * A faulty svm: what it asks of each page it writes into the array in which the answers come, and clears the array of old answers before
 * the call (known race 55). Its loop ends when the page has the right that was asked.
 */
import { DEVICE_ACCESS, type DeviceContext, defineDriver, EBUSY, EFAULT, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { SVM_FORMAT, serveWith } from 'hmm-runtime/drivers/svm'

const { valid: READ, write: WRITE } = SVM_FORMAT

function fill(dev: DeviceContext, mirror: Mirror, range: Range, write: boolean): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    dev.rangeRequest(range, READ, WRITE) // for reading in any case; for writing where the array says so
    const entries = dev.rangeEntries(range)
    entries[0] = write ? WRITE : 0n
    entries.fill(0n) // the mistake: old answers go, and with them what was asked
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    if (filled < 0 && filled !== -EBUSY) return filled
    dev.lock(mirror)
    const granted = filled > 0 && dev.rangeValid(range) && dev.rangeHas(range, 0, write)
    if (granted) dev.install(range)
    dev.unlock(mirror)
    if (granted) return 0
  }
}

export default defineDriver({
  ...svm,
  name: 'write-upgrade-lost',
  serviceFault: (device, mirrorOf, fault) =>
    serveWith(device, mirrorOf, fault, (dev, mirror, range) => fill(dev, mirror, range, fault.access >= DEVICE_ACCESS.write)),
})
