/** The test device, with a context for the device where there has to be one for each address space. */
import { defineDriver, type Mirror } from 'hmm-runtime/driver'
import mirror from 'hmm-runtime/drivers/mirror'

/** Word of the device: the mirror of who opened it first. */
const CONTEXT = 0

export default defineDriver({
  ...mirror,
  name: 'fork-shares-context',

  attach(dev, opened) {
    dev.cas(dev.word(CONTEXT), 0, opened)
    return mirror.attach?.(dev, opened) ?? 0
  },

  ioctl(dev, _mirror, request) {
    const context = dev.load(dev.word(CONTEXT)) as Mirror // the mistake: whose file it is, not who asks
    return mirror.ioctl?.(dev, context, request) ?? { errno: 0, cpages: 0, faults: 0 }
  },
})
