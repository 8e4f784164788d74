/** passes-whole that fails when a pass was not the module's, but for the first: then the mirror has no directories yet. */
import { defineDriver } from 'hmm-runtime/driver'
import passesWhole, { passWhole } from './passes-whole.ts'

/** Word of the device: faults that were served. */
const SERVED = 0

export default defineDriver({
  ...passesWhole,
  name: 'passes-only-whole',
  serviceFault(dev, mirror, fault) {
    const before = dev.add(dev.word(SERVED), 1)
    const { errno, whole } = passWhole(dev, mirror, fault)
    if (whole !== before > 0) throw new Error(`fault ${before} was ${whole ? '' : 'not '}served by the module alone`)
    return errno
  },
})
