// @ts-check
/** What is written moves to the device, with its neighbours to the next multiple of four; what is read stays where it is. */
import { DEVICE_ACCESS } from 'hmm-runtime/driver'

const BLOCK = 4

/** @type {import('hmm-runtime/drivers/svm').MigrationPolicy} */
const policy = {
  name: 'writes-move',
  atomics: 'exclusive',
  mitigateThrashing: true,
  onFault: ({ vpn, access, free }) =>
    access >= DEVICE_ACCESS.write && free > 0 ? { do: 'migrate', first: vpn, pages: BLOCK - (vpn % BLOCK) } : { do: 'map' },
}
export default policy
