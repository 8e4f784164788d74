/** A device's hardware: executes commands through its mirror page table and TLB. */
import { hostActor } from './host.ts'

hostActor()
