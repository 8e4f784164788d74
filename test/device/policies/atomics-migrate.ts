/** Atomic accesses move their page to the device, other accesses map it. */
import type { MigrationPolicy } from 'hmm-runtime/drivers/svm'

const policy: MigrationPolicy = { name: 'atomics-migrate', atomics: 'migrate', onFault: () => ({ do: 'map' }) }
export default policy
