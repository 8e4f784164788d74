/** A reclaim actor: takes memory from the processes that have it. */
import { hostActor } from './host.ts'

hostActor()
