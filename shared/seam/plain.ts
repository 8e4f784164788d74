/**
 * Plain accesses, the 2 ns kind. Each call belongs under the lock that the record's layout names, or behind a `point()`.
 * In checked builds a touch of a freed object is reported at once: objects start on lines, and the shadow has one bit per
 * line, set while the line belongs to no live object (frame/objects.ts sets and clears it).
 */
import { LINE_WORDS, type WordAt } from '../memory/words.ts'
import { lookupOp, opKey } from './optable.ts'
import type { Task } from './task.ts'
import { violation } from './violation.ts'

/** What died at a word and who freed it, in words. Registered under index 0 for the room that frees (frame/objects.ts). */
export const OBITUARY = opKey<(task: Task, at: WordAt) => string>('obituary')

/** Reads a shared word: no schedule point. Under the lock that guards the word, or behind a point. */
export function get(task: Task, at: WordAt): number {
  if (task.checked) shadowCheck(task, at)
  return task.words[at] as number
}

/** `get` for words that hold an unsigned quantity: page numbers, sequence numbers. */
export function getU32(task: Task, at: WordAt): number {
  return get(task, at) >>> 0
}

/** Writes a shared word: no schedule point. Under the lock that guards the word, or before anybody else has it. */
export function put(task: Task, at: WordAt, value: number): void {
  if (task.checked) shadowCheck(task, at)
  task.words[at] = value
}

/** Sets `words` words from `at` on to `value`. */
export function fill(task: Task, at: WordAt, words: number, value: number): void {
  task.words.fill(value, at, at + words)
}

/** LIFE oracle: object lifetime. A touch of a line that belongs to no live object is a use after free. */
export function shadowCheck(task: Task, at: WordAt): void {
  if (at >= task.shadowLimit || at < 0) return
  const line = (at / LINE_WORDS) | 0
  if ((((task.words[task.shadowAt + (line >>> 5)] as number) >>> (line & 31)) & 1) === 1 && !task.halting) {
    violation(task, 'LIFE', lookupOp(task, OBITUARY, 0)(task, at))
  }
}
