/** A faulty driver: each invalidation that finds the child empty has it ended; the index forgets it when that is done (known race 33). */
import { parent } from './fixed.ts'

export default parent('child-destroyed-twice', (dev, at) => dev.load(at)) // the mistake: the child is there for the next one, too
