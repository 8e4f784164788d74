/**
 * The device TLB: flushed by the driver, acknowledged by the engine, which runs on meanwhile (mm/shootdown.ts has the
 * interleaving). Every callback that took a right away from a mirror entry flushes before it returns.
 */

import { awaitOutside } from '../mm/shootdown.ts'
import { actorAt, INSIDE } from '../seam/actors.ts'
import { atomicAdd, atomicLoad } from '../seam/atomics.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { deviceEngine, flushGenerationAt, NO_ENGINE } from './record.ts'

/** On return the engine uses no translation that was cleared before the call, and finds none. Any lock may be held. */
export function flushDeviceTlb(task: Task, device: number): void {
  atomicAdd(task, flushGenerationAt(task, device), 1)
  const engine = deviceEngine(task, device)
  if (engine === NO_ENGINE || engine === task.id) return
  if ((atomicLoad(task, actorAt(task.words, engine) + INSIDE) & 1) === 1) countStat(task, STAT.savedByShootdown)
  awaitOutside(task, engine)
}
