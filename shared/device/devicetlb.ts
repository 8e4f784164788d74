/**
 * The device TLB: flushed by the driver, acknowledged by the engine, which runs on meanwhile (mm/shootdown.ts has the
 * interleaving). Every callback that took a right away from a mirror entry flushes before it returns; in two passes, it begins the
 * flush in the first and waits for it in the second.
 *
 * Between the two the update lock is free, and an entry that is gone may still be in use:
 *
 *     invalidation 1 of page P                 invalidation 2 of page P, on another CPU
 *     update lock, clears P, begins a flush
 *     unlock
 *                                              update lock: nothing to clear, so nothing to flush?
 *                                              unlock
 *                                              clears the CPU entry, frees P     [Required: not before the flush of 1]
 *     waits for the engine
 *
 * So flushes that have begun and not ended are counted, under the update lock where they begin; who finds nothing to clear and some
 * of them under way waits as well.
 */

import { awaitLeft, awaitOutside, insideNow } from '../mm/shootdown.ts'
import { actorAt, INSIDE } from '../seam/actors.ts'
import { atomicAdd, atomicLoad } from '../seam/atomics.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { deviceEngine, flushesBegunAt, flushGenerationAt, NO_ENGINE } from './record.ts'

/** On return the engine uses no translation that was cleared before the call, and finds none. Any lock may be held. */
export function flushDeviceTlb(task: Task, device: number): void {
  atomicAdd(task, flushGenerationAt(task, device), 1)
  const engine = deviceEngine(task, device)
  if (engine === NO_ENGINE || engine === task.id) return
  if ((atomicLoad(task, actorAt(task.words, engine) + INSIDE) & 1) === 1) countStat(task, STAT.savedByShootdown)
  awaitOutside(task, engine)
}

/**
 * Begins a flush for entries that were cleared, or for none (`cleared` false). Returns 0 when the engine uses none of them any more;
 * otherwise a positive ticket, which must be given to finishDeviceFlush. Update lock held, as it was when they were cleared.
 */
export function startDeviceFlush(task: Task, device: number, cleared: boolean): number {
  const engine = deviceEngine(task, device)
  if (cleared) atomicAdd(task, flushGenerationAt(task, device), 1)
  else if (!isFlushing(task, device)) return 0
  if (engine === NO_ENGINE) return 0
  const ticket = insideNow(task, engine)
  if (ticket === 0) return 0
  if (cleared) countStat(task, STAT.savedByShootdown)
  atomicAdd(task, flushesBegunAt(task, device), 1)
  return ticket
}

/** Has a flush begun that nobody has waited for to its end? Update lock held: none begins meanwhile for this mirror. */
export function isFlushing(task: Task, device: number): boolean {
  return atomicLoad(task, flushesBegunAt(task, device)) > 0
}

/** Waits for the engine's acknowledgement of a flush that has begun. Any lock may be held. */
export function finishDeviceFlush(task: Task, device: number, ticket: number): void {
  awaitLeft(task, deviceEngine(task, device), ticket)
  atomicAdd(task, flushesBegunAt(task, device), -1)
}
