/** Atomic accesses take their page from all CPUs; what moves, moves by nothing else. */
import type { MigrationPolicy } from 'hmm-runtime/drivers/svm'

const policy: MigrationPolicy = { name: 'atomics-exclusive', atomics: 'exclusive', onFault: () => ({ do: 'map' }) }
export default policy
