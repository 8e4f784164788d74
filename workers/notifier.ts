/** A dispatcher: runs the callbacks of invalidations, one request at a time. */
import { hostActor } from './host.ts'

hostActor()
