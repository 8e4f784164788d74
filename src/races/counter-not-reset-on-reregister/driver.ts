/** A faulty driver: at the end of an invalidation it looks once more whether the span has the pages (known race 58). */
import { isWatched, watching } from './fixed.ts'

export default watching(
  'counter-not-reset-on-reregister',
  (dev, { mirror, start, last }) => isWatched(dev, mirror, start, last), // the mistake: the span may be another one since the start
)
