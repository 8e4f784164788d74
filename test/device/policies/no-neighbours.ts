/** first-touch without prefetching: made of the built-in policy. */
import { firstTouch, type MigrationPolicy } from 'hmm-runtime/drivers/svm'

const policy: MigrationPolicy = { ...firstTouch, name: 'no-neighbours', prefetch: false }
export default policy
