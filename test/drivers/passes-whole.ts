/** svm whose passes are those of the module, in the form whose atomics are schedule points, though accesses are checked. */
import { DEVICE_ACCESS, defineDriver, EBUSY, type Range } from 'hmm-runtime/driver'
import svm, { SVM_FORMAT } from 'hmm-runtime/drivers/svm'

/** Word of the mirror that names its range. */
const RANGE_WORD = 0

export default defineDriver({
  ...svm,
  name: 'passes-whole',
  serviceFault(dev, mirror, fault) {
    const range = dev.load(dev.mirrorWord(mirror, RANGE_WORD)) as Range
    const write = fault.access >= DEVICE_ACCESS.write
    dev.rangeRequest(range, write ? SVM_FORMAT.valid | SVM_FORMAT.write : SVM_FORMAT.valid)
    dev.task.exploresModule = true
    const installed = dev.mirrorRange(range, mirror, fault.vpn, 1, 0)
    dev.task.exploresModule = false
    return installed === -EBUSY ? 0 : Math.min(installed, 0)
  },
})
