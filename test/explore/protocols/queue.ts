/**
 * Somebody else's protocol: a queue of one number between a producer and a consumer, written by hand over shared words with
 * park and wake. `consume` is right. `consumeCarelessly` says that it sleeps only after it has looked: a number that comes in
 * between wakes nobody.
 *
 *   word   0       1        2           3        4
 *        +-------+--------+-----------+--------+-------+
 *        | FULL  | VALUE  | SLEEPING  | TAKEN  | SUM   |
 *        +-------+--------+-----------+--------+-------+
 */
import { atomicAdd, atomicLoad, atomicStore, park, type Task, WAIT, type WordAt, wake } from 'hmm-runtime/sync'

const FULL = 0
const VALUE = 1
const SLEEPING = 2
const TAKEN = 3
const SUM = 4
const CONSUMER = 0
const PRODUCER = 1
const NUMBERS = [3, 4]

export function produce(task: Task, at: WordAt): void {
  for (const number of NUMBERS) {
    while (atomicLoad(task, at + FULL) === 1) park(task, WAIT.ring, at + FULL)
    atomicStore(task, at + VALUE, number)
    atomicStore(task, at + FULL, 1)
    if (atomicLoad(task, at + SLEEPING) === 1) wake(task, CONSUMER)
  }
}

export function consume(task: Task, at: WordAt): void {
  for (const _ of NUMBERS) {
    while (atomicLoad(task, at + FULL) === 0) {
      atomicStore(task, at + SLEEPING, 1)
      if (atomicLoad(task, at + FULL) === 0) park(task, WAIT.ring, at + FULL)
      atomicStore(task, at + SLEEPING, 0)
    }
    take(task, at)
  }
}

export function consumeCarelessly(task: Task, at: WordAt): void {
  for (const _ of NUMBERS) {
    while (atomicLoad(task, at + FULL) === 0) {
      atomicStore(task, at + SLEEPING, 1)
      park(task, WAIT.ring, at + FULL) // the mistake: the queue may have been filled before SLEEPING was there to be seen
      atomicStore(task, at + SLEEPING, 0)
    }
    take(task, at)
  }
}

function take(task: Task, at: WordAt): void {
  atomicAdd(task, at + SUM, atomicLoad(task, at + VALUE))
  atomicAdd(task, at + TAKEN, 1)
  atomicStore(task, at + FULL, 0)
  wake(task, PRODUCER)
}

/** Everything that was produced has been consumed, once. */
export function check(task: Task, at: WordAt): void {
  const sum = atomicLoad(task, at + SUM)
  if (sum !== 7) throw new Error(`the numbers sum up to ${sum}, not 7`)
}

/** Two threads that add without an atomic add: a lost update. */
export function addBadly(task: Task, at: WordAt): void {
  atomicStore(task, at + SUM, atomicLoad(task, at + SUM) + 1)
}

export function checkAdded(task: Task, at: WordAt): void {
  const sum = atomicLoad(task, at + SUM)
  if (sum !== 2) throw new Error(`two additions of 1 made ${sum}`)
}

/**
 * Two polite neighbours: each raises a hand, and takes it down again when the other's is up. In step they go on for ever. Words 8
 * and 9 are the hands.
 */
export function polite(task: Task, at: WordAt): void {
  bePolite(task, at, () => {})
}

/** The same, and each counts its rounds in word 10: no state ever comes back. */
export function politeAndCounting(task: Task, at: WordAt): void {
  bePolite(task, at, () => atomicAdd(task, at + 10, 1))
}

function bePolite(task: Task, at: WordAt, onRound: () => void): void {
  const mine = at + 8 + task.id
  const other = at + 9 - task.id
  for (;;) {
    atomicStore(task, mine, 1)
    if (atomicLoad(task, other) === 0) break
    atomicStore(task, mine, 0)
    onRound()
  }
  atomicAdd(task, at + SUM, 1)
  atomicStore(task, mine, 0)
}
