/** A driver's bottom half: serves faults and queued work of one device. */
import { hostActor } from './host.ts'

hostActor()
