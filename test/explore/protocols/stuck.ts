/**
 * Locks of somebody's own, and two ways to get stuck with them: two neighbours who take two locks in opposite orders, and three who
 * each take the lock at their left hand first; and one to go round for ever, waiting for a flag that was up and is down again. A
 * lock's word holds its owner's number plus one, 0 when it is free.
 *
 *   word   0 .. 2        8       9
 *        +------------+-------+------+
 *        | locks      | EATEN | FLAG |
 *        +------------+-------+------+
 */
import { atomicAdd, atomicCas, atomicLoad, atomicStore, park, type Task, WAIT, type WordAt, wake } from 'hmm-runtime/sync'

const EATEN = 8
const FLAG = 9
const THREADS = 3

function take(task: Task, lock: WordAt): void {
  while (atomicCas(task, lock, 0, task.id + 1) !== 0) park(task, WAIT.lock, lock)
}

function drop(task: Task, lock: WordAt): void {
  atomicStore(task, lock, 0)
  for (let id = 0; id < THREADS; id++) if (id !== task.id) wake(task, id)
}

function eatWith(task: Task, at: WordAt, first: number, second: number): void {
  take(task, at + first)
  take(task, at + second)
  atomicAdd(task, at + EATEN, 1)
  drop(task, at + second)
  drop(task, at + first)
}

export function leftThenRight(task: Task, at: WordAt): void {
  eatWith(task, at, 0, 1)
}

export function rightThenLeft(task: Task, at: WordAt): void {
  eatWith(task, at, 1, 0)
}

export function firstOfThree(task: Task, at: WordAt): void {
  eatWith(task, at, 0, 1)
}

export function secondOfThree(task: Task, at: WordAt): void {
  eatWith(task, at, 1, 2)
}

/** The mistake: it should take lock 0 first, as the others take the lower one. */
export function thirdOfThree(task: Task, at: WordAt): void {
  eatWith(task, at, 2, 0)
}

export function awaitsFlag(task: Task, at: WordAt): void {
  while (atomicLoad(task, at + FLAG) === 0);
}

export function wavesFlag(task: Task, at: WordAt): void {
  atomicStore(task, at + FLAG, 1)
  atomicStore(task, at + FLAG, 0)
}
