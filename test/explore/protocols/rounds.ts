/** Threads that do the same thing many times over, and count it where nobody else looks. */
import type { WordAt } from '../../../shared/memory/words.ts'
import { atomicLoad, atomicStore } from '../../../shared/seam/atomics.ts'
import type { Task } from '../../../shared/seam/task.ts'
import { beginOp, endOp, OPERATION } from '../../../shared/seam/trace.ts'

/** Longer than a schedule may be unfair. */
const ROUNDS = 3500

/** Each round is an operation, and leaves everything as it was. */
export function rounds(task: Task, at: WordAt): void {
  for (let i = 0; i < ROUNDS; i++) {
    beginOp(task, OPERATION.store)
    atomicStore(task, at, atomicLoad(task, at))
    endOp(task)
  }
}
