/** A faulty driver: its refresh empties the cache itself, between its beginning and its check (known race 51). */
import { caching } from './fixed.ts'

export default caching('refresh-invalidates-itself', true) // the mistake
