/** Threads that do the same thing many times over, and count it where nobody else looks. */
import { atomicLoad, atomicStore, endOp, type Task, type WordAt } from 'hmm-runtime/sync'

/** Longer than a schedule may be unfair. */
const ROUNDS = 3500

/** Each round completes an operation, and leaves everything as it was. */
export function rounds(task: Task, at: WordAt): void {
  for (let i = 0; i < ROUNDS; i++) {
    atomicStore(task, at, atomicLoad(task, at))
    endOp(task)
  }
}
