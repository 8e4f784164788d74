/**
 * Turns: threads of a crew that take their shared accesses in a given order, so that a test can try every order. For races that
 * need two threads to be stopped in the middle; one preemption is simpler to have (interleave.ts). And flags, for tests in
 * which one thread has to be somewhere before another one goes on.
 *
 *     const done = takeTurns(task, at, [[0, 3], [1, 2], [0, 1]])     actor 0: 3 accesses, actor 1: 2, actor 0: 1, then all run free
 *     ... the part whose order matters, on each of the threads ...
 *     done()
 *     meet(task, at, 2)                                              everybody is done; now one may reset and begin again
 */
import type { WordAt } from '../../shared/memory/words.ts'
import { actorAt, PARK, PHASE, PHASE_WAITING, WAIT_KIND } from '../../shared/seam/actors.ts'
import { haltState } from '../../shared/seam/halt.ts'
import { PARK_ASLEEP } from '../../shared/seam/parkword.ts'
import type { Task } from '../../shared/seam/task.ts'
import { atEveryPoint } from './interleave.ts'

/** Words a test reserves for turns, all 0 at the start. */
export const TURN_WORDS = 8
const TURN = 0
const ARRIVED = 1
const ROUND = 2
/** First of four words: 1 once that actor is done. */
const DONE = 4
/** A word of an actor's record that stays 0 and that nobody notifies: waiting on it is a pause between two looks. */
const NOBODYS_WORD = 1

export type Plan = readonly (readonly [actor: number, accesses: number])[]

/** From here on `task` waits for its turn in front of every shared access. Call the result when the part is over. */
export function takeTurns(task: Task, at: WordAt, plan: Plan): () => void {
  const { words, id } = task
  let mine = -1
  let left = 0
  atEveryPoint(task, () => {
    // Who would sleep cannot keep to the plan: from here on everybody runs free.
    if (words[task.record + PHASE] === PHASE_WAITING) pass(task, at, plan.length)
    while (left === 0) {
      const turn = Atomics.load(words, at + TURN)
      const entry = plan[turn]
      if (entry === undefined) return
      const [actor, accesses] = entry
      if (turn === mine || Atomics.load(words, at + DONE + actor) === 1) pass(task, at, turn + 1)
      else if (actor !== id) Atomics.wait(words, at + TURN, turn)
      else {
        mine = turn
        left = accesses
      }
    }
    left--
  })
  return () => {
    Object.defineProperty(task, 'gate', { configurable: true, writable: true, value: 0 })
    Atomics.store(words, at + DONE + id, 1)
    const turn = Atomics.load(words, at + TURN)
    if (plan[turn]?.[0] === id) pass(task, at, turn + 1)
  }
}

function pass(task: Task, at: WordAt, turn: number): void {
  Atomics.store(task.words, at + TURN, turn)
  Atomics.notify(task.words, at + TURN)
}

/** Returns once all `actors` have come here. The turns are then as new. */
export function meet(task: Task, at: WordAt, actors: number): void {
  const { words } = task
  const round = Atomics.load(words, at + ROUND)
  if (Atomics.add(words, at + ARRIVED, 1) + 1 === actors) {
    for (const word of [TURN, ARRIVED, DONE, DONE + 1, DONE + 2, DONE + 3]) Atomics.store(words, at + word, 0)
    Atomics.store(words, at + ROUND, round + 1)
    Atomics.notify(words, at + ROUND)
  }
  while (Atomics.load(words, at + ROUND) === round) Atomics.wait(words, at + ROUND, round)
}

/** Raises the flag at `at`. */
export function raise(task: Task, at: WordAt): void {
  Atomics.store(task.words, at, 1)
  Atomics.notify(task.words, at)
}

/** Waits for the flag at `at`. A flag that never comes ends the test by the crew's deadline. */
export function awaitFlag(task: Task, at: WordAt): void {
  while (Atomics.load(task.words, at) === 0) Atomics.wait(task.words, at, 0)
}

/** Waits until actor `id` waits for something of kind `kind` (a WAIT value), and has gone to sleep over it. */
export function awaitWaiter(task: Task, id: number, kind: number): void {
  const record = actorAt(task.words, id)
  while (Atomics.load(task.words, record + WAIT_KIND) !== kind || Atomics.load(task.words, record + PARK) !== PARK_ASLEEP) {
    Atomics.wait(task.words, task.record + NOBODYS_WORD, 0, 0.1)
    if (haltState(task.words) !== null) throw new Error('the machine was halted meanwhile')
  }
}
