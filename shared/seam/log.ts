/**
 * The log: lines of text from actors, through the buffer. console.log in a worker would go through the event loop of the
 * booting thread and be lost with a terminated worker.
 *
 *   region
 *   word   0       1 .. 15    16 ...
 *        +-------+----------+-----------------------------------------------------------+
 *        | NEXT  | pad      | SLOTS x 32 words: sequence + 1, actor, length, characters |
 *        +-------+----------+-----------------------------------------------------------+
 *
 *   NEXT   number of lines ever written. Atomic add: each writer owns the slot it drew.
 *   slot   overwritten when the ring comes round; the sequence, 0 first and stored last (atomic), says which line it holds. A
 *          writer that stops in the middle of a line for 64 others spoils one of them.
 *
 * A line is at most 58 characters of 16 bits, two to a word; longer ones are cut. Nothing waits for a reader.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type Words } from '../memory/words.ts'
import { actorName } from './actors.ts'
import { quietAdd, quietStore } from './atomics.ts'
import type { Task } from './task.ts'

const SLOT_WORDS = 32
const SLOTS = 64
const TEXT = 3
const MAX_CHARS = (SLOT_WORDS - TEXT) * 2
export const LOG_WORDS = LINE_WORDS + SLOTS * SLOT_WORDS

/** Writes a line. Never waits, never allocates in the buffer. */
export function logLine(task: Task, text: string): void {
  if (regionWords(task.words, 'log') === 0) return
  const log = regionAt(task.words, 'log')
  const sequence = quietAdd(task, log, 1)
  const slot = log + LINE_WORDS + (sequence % SLOTS) * SLOT_WORDS
  const chars = Math.min(text.length, MAX_CHARS)
  quietStore(task, slot, 0)
  task.words[slot + 1] = task.id
  task.words[slot + 2] = chars
  for (let i = 0; i < chars; i += 2) {
    const next = i + 1 < chars ? text.charCodeAt(i + 1) : 0
    task.words[slot + TEXT + (i >> 1)] = text.charCodeAt(i) | (next << 16)
  }
  quietStore(task, slot, sequence + 1)
}

/**
 * Lines written since line number `from`, oldest first, and the number to ask from next time. Overwritten ones are missing; one
 * that is still being written is waited for: the number to ask from is its own.
 */
export function readLog(words: Words, from: number): { lines: string[]; next: number } {
  if (regionWords(words, 'log') === 0) return { lines: [], next: 0 }
  const log = regionAt(words, 'log')
  const end = Atomics.load(words, log)
  const lines: string[] = []
  let sequence = Math.max(from, end - SLOTS)
  for (; sequence < end; sequence++) {
    const slot = log + LINE_WORDS + (sequence % SLOTS) * SLOT_WORDS
    const held = Atomics.load(words, slot)
    if (held <= sequence) break // drawn and not yet written
    if (held > sequence + 1) continue
    const line = `${actorName(words, words[slot + 1] as number)}: ${textAt(words, slot)}`
    if (Atomics.load(words, slot) === held) lines.push(line) // not overwritten while it was read
  }
  return { lines, next: sequence }
}

function textAt(words: Words, slot: number): string {
  let text = ''
  for (let i = 0; i < (words[slot + 2] as number); i++) {
    text += String.fromCharCode(((words[slot + TEXT + (i >> 1)] as number) >>> (i % 2 === 0 ? 0 : 16)) & 0xffff)
  }
  return text
}
