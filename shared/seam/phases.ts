/**
 * The phases of a fault's service, timed where that was asked for: a clock call costs 100 ns, two of them as much as taking a free lock.
 *
 *     engine raises the fault ... service takes it up     queue
 *     readBegin                                           waits for invalidations that run
 *     mmap_sem                                            waits for who changes the address space
 *     walk                                                reads the CPU page table, faulting what is missing
 *     driver lock                                         waits for callbacks, and for who else installs
 *     check                                               may what was read be used?
 *     install                                             writes the mirror's entries
 */
import { OP } from './actors.ts'
import { recordLatency } from './stats.ts'
import type { Task } from './task.ts'
import { OPERATION } from './trace.ts'

/** The time, where this actor serves a fault and phases are measured; otherwise -1, which phaseEnds ignores. */
export function phaseBegins(task: Task): number {
  if (task.lockClock === null || task.words[task.record + OP] !== OPERATION.serviceFault) return -1
  return task.nowNs()
}

/** A phase that began at `since` is over: adds it to its histogram. */
export function phaseEnds(task: Task, histogram: number, since: number): void {
  if (since >= 0) recordLatency(task, histogram, task.nowNs() - since)
}
