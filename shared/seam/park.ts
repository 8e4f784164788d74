/**
 * Sleeping and waking. An actor sleeps on its own PARK word and nowhere else; whoever wakes it names it. A wake-up before
 * the sleep is kept as a token, so a waker needs no lock against a sleeper that is just falling asleep.
 *
 *   PARK   EMPTY  --park-->  ASLEEP  --wake-->  TOKEN  --park returns-->  EMPTY
 *          EMPTY  --wake-->  TOKEN               (at most one token is kept)
 *
 *   the sleeper                              the waker
 *   1 predicate is false
 *                                            2 makes the predicate true
 *                                            3 xchg PARK -> TOKEN  (was EMPTY: nobody to notify)
 *   4 cas EMPTY -> ASLEEP fails: TOKEN
 *   5 takes the token, tests again           [Required: it does not sleep through 2]
 *
 * A token may be stale, so every caller of `park` loops on its own predicate. Each wait publishes what it waits for and
 * why before it sleeps: that is the wait-for graph of the deadlock oracle, and the reason in reports.
 */

import type { WordAt } from '../memory/words.ts'
import { actorAt, KILLED, PARK, PHASE, PHASE_RUNNING, PHASE_WAITING, WAIT_KIND, WAIT_ON } from './actors.ts'
import { PARK_ASLEEP, PARK_EMPTY, PARK_TOKEN } from './parkword.ts'
import { POINT_RMW, slowPoint, tick } from './point.ts'
import { coreIsFree, spinWhile } from './spin.ts'
import { AWAKE_AT } from './superblock.ts'
import type { Task } from './task.ts'
import { EVENT, eventBegins, eventEnds } from './timeline.ts'

/** What a wait is for. WAIT_ON holds the word index of the lock, record or ring that it is about. */
export const WAIT = {
  none: 0,
  lock: 1,
  rwsemRead: 2,
  rwsemWrite: 3,
  invalidationEnd: 4,
  dispatch: 5,
  ring: 6,
  replay: 7,
  gracePeriod: 8,
  shootdown: 9,
  frameLock: 10,
  command: 11,
  work: 12,
  nap: 13,
  /** A device fault in progress must give way first. */
  backoff: 14,
  /** A job of a device. */
  fence: 15,
  /** A device's copy engine. */
  copies: 16,
} as const
export type WaitName = keyof typeof WAIT
export const WAIT_NAMES = Object.keys(WAIT) as WaitName[]

/** Failed looks at a word before a spinner gives its core away for a moment. */
const RELAX_SPINS = 50
/** Length of that moment, in ms: the shortest sleep the host grants. */
const RELAX_NAP_MS = 0.02

/**
 * Sleeps until somebody wakes this actor, or at once if a token is waiting. `on` is what the wait is about.
 * Caller holds no spinlock, and tests its predicate before and after.
 */
export function park(task: Task, kind: number, on: WordAt): void {
  awaitToken(task, kind, on, true)
}

/** As park, for who has looked long enough at something else. */
export function parkAtOnce(task: Task, kind: number, on: WordAt): void {
  awaitToken(task, kind, on, false)
}

function awaitToken(task: Task, kind: number, on: WordAt, looks: boolean): void {
  publishWait(task, kind, on)
  task.parks = (task.parks + 1) | 0
  const { words, record } = task
  const at = record + PARK
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  tick(task)
  if (task.baton !== null) {
    task.baton.sleep()
  } else if (
    !(looks && spinWhile(task, kind, at, PARK_EMPTY)) &&
    Atomics.compareExchange(words, at, PARK_EMPTY, PARK_ASLEEP) === PARK_EMPTY
  ) {
    Atomics.sub(words, AWAKE_AT, 1)
    while (Atomics.load(words, at) === PARK_ASLEEP) Atomics.wait(words, at, PARK_ASLEEP)
    Atomics.add(words, AWAKE_AT, 1)
  }
  // Nobody but this actor leaves TOKEN, so a plain exchange back to EMPTY loses no wake-up: a second one is the same token.
  Atomics.store(words, at, PARK_EMPTY)
  tick(task)
  clearWait(task)
}

/** Wakes actor `id`, or leaves a token if it is not asleep. Costs one exchange when nobody sleeps. */
export function wake(task: Task, id: number): void {
  const at = actorAt(task.words, id) + PARK
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  if (Atomics.exchange(task.words, at, PARK_TOKEN) === PARK_ASLEEP) Atomics.notify(task.words, at, 1)
}

/** Sends actor `id` a fatal signal: its killable waits end with -EINTR. */
export function kill(task: Task, id: number): void {
  Atomics.store(task.words, actorAt(task.words, id) + KILLED, 1)
  wake(task, id)
}

export function isKilled(task: Task): boolean {
  return Atomics.load(task.words, task.record + KILLED) === 1
}

/** True while actor `id` sleeps: spinning for it is useless. A hint, stale as soon as it is read. */
export function isAsleep(task: Task, id: number): boolean {
  return Atomics.load(task.words, actorAt(task.words, id) + PARK) === PARK_ASLEEP
}

/**
 * Sleeps for about `ns`, or until woken. For engines between bursts and for polling services, never to order anything.
 */
export function nap(task: Task, ns: number): void {
  publishWait(task, WAIT.nap, 0)
  const { words, record } = task
  const at = record + PARK
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  tick(task)
  if (task.baton !== null) {
    task.baton.nap(ns)
  } else if (Atomics.compareExchange(words, at, PARK_EMPTY, PARK_ASLEEP) === PARK_EMPTY) {
    Atomics.sub(words, AWAKE_AT, 1)
    Atomics.wait(words, at, PARK_ASLEEP, ns / 1e6)
    Atomics.add(words, AWAKE_AT, 1)
  }
  Atomics.store(words, at, PARK_EMPTY)
  tick(task)
  clearWait(task)
}

/**
 * One round of waiting for another actor's word without sleeping on it (shootdown acknowledgements: the other side must
 * not pay for a notify at every access). `tries` counts the caller's rounds; after RELAX_SPINS of them the core is given
 * away for a moment, because the awaited actor may be waiting for just this core.
 */
export function relax(task: Task, at: WordAt, tries: number): void {
  tick(task)
  if (task.baton !== null) {
    task.baton.spin(at)
    return
  }
  if (tries < RELAX_SPINS && coreIsFree(task)) return
  Atomics.sub(task.words, AWAKE_AT, 1)
  Atomics.wait(task.words, task.record + NAP_WORD, 0, RELAX_NAP_MS)
  Atomics.add(task.words, AWAKE_AT, 1)
}

/** A word of the record that stays 0 and that nobody notifies: waiting on it is a pure pause. */
const NAP_WORD = 1

/** Says what this actor waits for from here on, and where. */
export function publishWait(task: Task, kind: number, on: WordAt): void {
  task.words[task.record + WAIT_ON] = on
  task.words[task.record + WAIT_KIND] = kind
  task.words[task.record + PHASE] = PHASE_WAITING
  if (task.timelineAt !== 0) task.waitBegan = eventBegins(task)
}

/** The wait that was published is over. */
export function clearWait(task: Task): void {
  if (task.timelineAt !== 0) {
    const { words, record } = task
    eventEnds(task, EVENT.wait, words[record + WAIT_KIND] as number, task.waitBegan, words[record + WAIT_ON])
  }
  task.words[task.record + PHASE] = PHASE_RUNNING
  task.words[task.record + WAIT_KIND] = WAIT.none
}
