/** A faulty driver: it asks the area for its rights, and begins its read afterwards (known race 14). */
import { inTwoSteps } from './fixed.ts'

export default inTwoSteps('vma-facts-before-seq', (dev, range) => dev.rangeWait(range)) // the mistake: what changed until here is forgotten
