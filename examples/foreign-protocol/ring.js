// @ts-check
/**
 * Somebody's own protocol over a SharedArrayBuffer: a ring of four numbers from one producer to one consumer, which sleeps while the ring is
 * empty. `consumeCarelessly` says that it sleeps after it has looked; a number that comes in between wakes nobody. `consume` says so
 * first and looks once more.
 *
 *   word   0      1      2         3     4 ... 7
 *        +------+------+----------+-----+---------+
 *        | HEAD | TAIL | SLEEPING | SUM | SLOTS   |     HEAD: numbers ever put in; TAIL: ever taken out
 *        +------+------+----------+-----+---------+
 */
import { atomicAdd, atomicLoad, atomicStore, park, WAIT, wake } from 'hmm-runtime/sync'

/** @typedef {import('hmm-runtime/sync').Task} Task */

const HEAD = 0
const TAIL = 1
const SLEEPING = 2
const SUM = 3
const SLOTS = 4
const SIZE = 4
const NUMBERS = [3, 4]
/** Threads are numbered in the order in which they are named. */
const CONSUMER = 0

/** @param {Task} task @param {number} at */
export function produce(task, at) {
  for (const number of NUMBERS) {
    const head = atomicLoad(task, at + HEAD)
    atomicStore(task, at + SLOTS + (head % SIZE), number)
    atomicStore(task, at + HEAD, head + 1)
    if (atomicLoad(task, at + SLEEPING) === 1) wake(task, CONSUMER)
  }
}

/** @param {Task} task @param {number} at */
export function consume(task, at) {
  for (const _ of NUMBERS) {
    while (isEmpty(task, at)) {
      atomicStore(task, at + SLEEPING, 1)
      if (isEmpty(task, at)) park(task, WAIT.ring, at)
      atomicStore(task, at + SLEEPING, 0)
    }
    take(task, at)
  }
}

/** @param {Task} task @param {number} at */
export function consumeCarelessly(task, at) {
  for (const _ of NUMBERS) {
    while (isEmpty(task, at)) {
      atomicStore(task, at + SLEEPING, 1)
      park(task, WAIT.ring, at)
      atomicStore(task, at + SLEEPING, 0)
    }
    take(task, at)
  }
}

/** @param {Task} task @param {number} at */
export function check(task, at) {
  const sum = atomicLoad(task, at + SUM)
  if (sum !== 7) throw new Error(`the consumer's sum is ${sum}, and not 7`)
}

/** @param {Task} task @param {number} at */
function isEmpty(task, at) {
  return atomicLoad(task, at + HEAD) === atomicLoad(task, at + TAIL)
}

/** @param {Task} task @param {number} at */
function take(task, at) {
  const tail = atomicLoad(task, at + TAIL)
  atomicAdd(task, at + SUM, atomicLoad(task, at + SLOTS + (tail % SIZE)))
  atomicStore(task, at + TAIL, tail + 1)
}
