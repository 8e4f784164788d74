/**
 * Sequence counter: readers take no lock and learn afterwards whether a writer was there. For small records of words that
 * are written rarely; writers exclude each other by a lock of their own. One word.
 *
 *   even: stable.   odd: a writer is inside.   begin write: +1 (even -> odd).   end write: +1 (odd -> even).
 *
 * The words it protects must be read and written atomically (or behind points): a reader does run against the writer, and
 * only throws its result away.
 */
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { relax } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'

/** True while a writer is inside: the word is odd. */
export function isWriting(seq: number): boolean {
  return (seq & 1) === 1
}

/** Waits out a writer and returns the sequence to hand to `seqRetry`. */
export function seqBegin(task: Task, at: WordAt): number {
  for (let tries = 0; ; tries++) {
    const seq = atomicLoad(task, at)
    if (!isWriting(seq)) return seq
    relax(task, at, tries)
  }
}

/** True when what was read since `seqBegin` returned `seq` must be thrown away. */
export function seqRetry(task: Task, at: WordAt, seq: number): boolean {
  return atomicLoad(task, at) !== seq
}

/** Caller holds the lock that excludes other writers. */
export function seqWriteBegin(task: Task, at: WordAt): void {
  assert(!isWriting(atomicAdd(task, at, 1)), 'one writer at a time: the sequence was even')
}

/** Caller holds the lock that excludes other writers. Pairs with seqWriteBegin. */
export function seqWriteEnd(task: Task, at: WordAt): void {
  assert(isWriting(atomicAdd(task, at, 1)), 'a write section ends once: the sequence was odd')
}
