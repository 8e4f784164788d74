/** odp that unmaps pages before it has stopped the device: their entries go when they are mapped no more. */
import { type DeviceContext, defineDriver } from 'hmm-runtime/driver'
import odp from 'hmm-runtime/drivers/odp'

export default defineDriver({
  ...odp,
  name: 'odp-unmaps-too-early',

  invalidate(dev, mirror, range, seq) {
    const hasty: DeviceContext = Object.create(dev, { unmap: { value: () => {} } })
    const done = odp.invalidate(hasty, mirror, range, seq)
    if (!done) return false
    dev.lock(mirror)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },
})
