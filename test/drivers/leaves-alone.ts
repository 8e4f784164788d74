/** svm that leaves each page alone for half a millisecond after its first fault, and is told of it again not before that time. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const ALONE_NS = 500_000
const SINCE_US = 1
const TIMES = 2

export default defineDriver({
  ...svm,
  name: 'leaves-alone',
  serviceFault(dev, mirror, fault) {
    const nowUs = Math.floor(dev.nowNs() / 1000)
    if (dev.add(dev.word(TIMES), 1) === 0) {
      dev.store(dev.word(SINCE_US), nowUs)
      return ALONE_NS
    }
    const waitedUs = nowUs - dev.load(dev.word(SINCE_US))
    if (waitedUs < ALONE_NS / 1000) throw new Error(`it is asked again after ${waitedUs} us`)
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },
})
