/** A driver whose fault service loops without end after a while: nothing in the loop can notice a halt. */
import { defineDriver } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const CALLS_AT = 1

export default defineDriver({
  ...svm,
  name: 'loops',
  serviceFault(dev, mirror, fault) {
    if (dev.add(dev.word(CALLS_AT), 1) > 200) for (;;) Math.imul(3, 5)
    return svm.serviceFault?.(dev, mirror, fault) ?? 0
  },
})
