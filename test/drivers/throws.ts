/** A driver whose callback throws after a while: the run must end with its name and the call. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const CALLS_AT = 1

export default defineDriver({
  ...svm,
  name: 'throws',
  invalidate(dev, mirror, range, seq) {
    if (dev.add(dev.word(CALLS_AT), 1) > 50) throw new TypeError('the firmware said no')
    return svm.invalidate(dev, mirror, range, seq)
  },
})
