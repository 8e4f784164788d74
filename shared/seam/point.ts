/**
 * The schedule point: the one door through which every access to a shared synchronisation word passes.
 *
 * Free mode: `gate` is 0 and a point is one predictable branch. With noise on, a seeded point spins up to 20 us, so that
 * threads that would run in lockstep meet in new places. In controlled mode the running actor asks the scheduler here who
 * moves next. A point never changes what the program means.
 */

import type { WordAt } from '../memory/words.ts'
import { NOISE_CHANCE } from './actors.ts'
import { nextChance } from './chance.ts'
import { HaltSignal } from './halt.ts'
import { HALT_AT, NOISE_AT } from './superblock.ts'
import { GATE_NOISE, type Task } from './task.ts'

/** What the access behind a point does to its word; two points commute unless they share a word and one of them writes. */
export const POINT_LOAD = 1
export const POINT_STORE = 2
export const POINT_RMW = 3

/** Longest noise spin: long enough to move a thread past a whole fault service (5-10 us), short enough to keep the load up. */
const NOISE_MAX_NS = 20_000

/** A schedule point in front of an unlocked shared plain access at word `at`. Atomics contain theirs. */
export function point(task: Task, kind: number, at: WordAt): void {
  if (task.gate !== 0) slowPoint(task, kind, at)
}

/** The part of a point behind the branch. Only the seam calls it. */
export function slowPoint(task: Task, kind: number, at: WordAt): void {
  if (task.baton !== null) task.baton.point(kind, at)
  else if ((task.gate & GATE_NOISE) !== 0) noise(task)
}

/**
 * One step of an actor that is not an access: bumps the heartbeat that the booting thread watches, and unwinds if the
 * machine has been halted. In every lock, wait, retry loop and operation.
 *
 * HALT is read plainly: it goes from 0 to its final value once, and a stale 0 only delays the unwinding to the next tick.
 */
export function tick(task: Task): void {
  task.steps = (task.steps + 1) | 0
  task.words[task.stepsAt] = task.steps
  if (task.words[HALT_AT] !== 0) unwind(task)
}

export function unwind(task: Task): never {
  task.halting = true
  throw new HaltSignal()
}

function noise(task: Task): void {
  const roll = nextChance(task.words, task.record + NOISE_CHANCE)
  if ((roll & 0xffff) >= (task.words[NOISE_AT] as number)) return
  const until = task.nowNs() + ((roll >>> 16) / 0x10000) * NOISE_MAX_NS
  while (task.nowNs() < until) tick(task)
}
