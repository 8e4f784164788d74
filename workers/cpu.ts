/** A cpu: user code, and the kernel code that it enters. */
import { hostActor } from './host.ts'

hostActor()
