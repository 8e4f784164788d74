/** A protocol that only steps: what a point costs in controlled mode when nobody is switched to. */
import { atomicAdd, type Task, type WordAt } from 'hmm-runtime/sync'

/** Points of one thread; well below the step limit of a schedule. */
const STEPS = 2000

export function step(task: Task, at: WordAt): void {
  for (let i = 0; i < STEPS; i++) atomicAdd(task, at + task.id * 16, 1)
}
