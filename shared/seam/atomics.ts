/**
 * Atomics of the machine: sequentially consistent accesses to one shared word, each of them a schedule point. A reader of
 * any other room sees by the name that an access is atomic and costs 15 to 35 ns; plain accesses are `get` and `put`
 * (seam/plain.ts) and belong under a named lock. Only shared/seam and shared/sync may use `Atomics.` directly.
 */
import type { WordAt } from '../memory/words.ts'
import { shadowCheck } from './plain.ts'
import { POINT_LOAD, POINT_RMW, POINT_STORE, slowPoint } from './point.ts'
import type { Task } from './task.ts'

/** Loads a shared word: a schedule point. */
export function atomicLoad(task: Task, at: WordAt): number {
  if (task.gate !== 0) slowPoint(task, POINT_LOAD, at)
  if (task.checked) shadowCheck(task, at)
  return Atomics.load(task.words, at)
}

/** Stores a shared word: a schedule point. */
export function atomicStore(task: Task, at: WordAt, value: number): void {
  if (task.gate !== 0) slowPoint(task, POINT_STORE, at)
  if (task.checked) shadowCheck(task, at)
  Atomics.store(task.words, at, value)
}

/** Returns the value before. */
export function atomicAdd(task: Task, at: WordAt, amount: number): number {
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  if (task.checked) shadowCheck(task, at)
  return Atomics.add(task.words, at, amount)
}

/** Returns the value before. */
export function atomicOr(task: Task, at: WordAt, bits: number): number {
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  if (task.checked) shadowCheck(task, at)
  return Atomics.or(task.words, at, bits)
}

/** Returns the value before. */
export function atomicAnd(task: Task, at: WordAt, bits: number): number {
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  if (task.checked) shadowCheck(task, at)
  return Atomics.and(task.words, at, bits)
}

/** Returns the value before. */
export function atomicXchg(task: Task, at: WordAt, value: number): number {
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  if (task.checked) shadowCheck(task, at)
  return Atomics.exchange(task.words, at, value)
}

/** Stores `value` if the word is `expected`. Returns the value found: equal to `expected` means it was stored. */
export function atomicCas(task: Task, at: WordAt, expected: number, value: number): number {
  if (task.gate !== 0) slowPoint(task, POINT_RMW, at)
  if (task.checked) shadowCheck(task, at)
  return Atomics.compareExchange(task.words, at, expected, value)
}

/*
 * Quiet accesses: bookkeeping that no decision of the protocol depends on (live counts, statistics, the checks' own
 * shadow). They are atomic so that nothing is lost, and no schedule points, so that checking does not change a schedule.
 */

export function quietLoad(task: Task, at: WordAt): number {
  return Atomics.load(task.words, at)
}

/** Returns the value before. */
export function quietAdd(task: Task, at: WordAt, amount: number): number {
  return Atomics.add(task.words, at, amount)
}

export function quietOr(task: Task, at: WordAt, bits: number): void {
  Atomics.or(task.words, at, bits)
}

export function quietAnd(task: Task, at: WordAt, bits: number): void {
  Atomics.and(task.words, at, bits)
}

export function quietStore(task: Task, at: WordAt, value: number): void {
  Atomics.store(task.words, at, value)
}
