/** A faulty driver: it serves late reports, whose memory may be unmapped by now, and ends the context for them (known race 53). */
import { retrying } from './fixed.ts'

export default retrying('stale-fault-after-unmap', () => false) // the mistake
