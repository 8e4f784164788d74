/** A driver that reports a fault as served after a while, and has mapped nothing: the device asks again, for ever. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const CALLS_AT = 1

export default defineDriver({
  ...svm,
  name: 'says-it-is-served',
  serviceFault(dev, mirror, fault) {
    if (dev.add(dev.word(CALLS_AT), 1) > 200) return 0
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },
})
