/** A faulty driver: that faults are refused it takes for "somebody frees it" (known race 34). */
import { isDying, withRegion } from './fixed.ts'

export default withRegion('dying-flag-skips-cleanup', isDying) // the mistake
