/**
 * The step log of one controlled schedule: every access in order, with the value before and after. Kept outside the machine's
 * buffer, in one of its own that all actors are handed, so that logging moves no record of the machine and a logged run takes
 * the same steps as an unlogged one. Written by whoever has the baton.
 *
 *   word   0        1      2        3 ...
 *        +--------+------+--------+---------------------------------------------------+-----------------------------+
 *        | COUNT  | OPEN | HOLDS  | entries x (ACTOR, KIND, AT, BEFORE, AFTER, OP, ...) | holds x (STEP, WHO, LOCK)     |
 *        +--------+------+--------+---------------------------------------------------+-----------------------------+
 *
 *   WHY     where another actor moved before: why it no longer does. Its WAIT kind, or one of the values below.
 *   COUNT   accesses so far; when there are more than fit, the oldest are overwritten.
 *   HOLDS   locks taken and dropped so far, as many as entries fit. STEP: accesses before it. WHO: ACTOR << 0 | TAKEN << 8 |
 *           held entry (sync/held.ts) << 16. LOCK: its word. Noted where the book of held locks is kept, so a moment after
 *           the access that took the lock, and a moment before the one that drops it.
 *   OPEN    1 while AFTER of the last entry is not known yet: it is what the word holds at the next point of anybody.
 */
import type { WordAt, Words } from '../memory/words.ts'
import { actorAt, OP, OP_A, OP_B, OP_DONE, PHASE, PHASE_IDLE, PHASE_WAITING, WAIT_KIND } from './actors.ts'

const COUNT = 0
const OPEN = 1
const HOLDS = 2
const FIRST = 3
const ENTRY_WORDS = 10
const HOLD_WORDS = 3

/** WHY: the same actor goes on; the one before could have gone on; it has finished. Otherwise -1 - its WAIT kind. */
export const WHY_SAME = 0
export const WHY_PREEMPTED = 1
export const WHY_FINISHED = 2

export interface LoggedStep {
  /** Number in the schedule, from 1. */
  readonly step: number
  readonly actor: number
  /** POINT_LOAD, POINT_STORE or POINT_RMW. */
  readonly kind: number
  readonly at: WordAt
  readonly before: number
  readonly after: number
  /** The operation its actor was in, with first page and number of pages. */
  readonly op: number
  readonly page: number
  readonly pages: number
  /** Why the actor of the step before does not move: a WHY value, or -1 - its WAIT kind. */
  readonly why: number
  /** Operations that its actor had completed. */
  readonly done: number
}

/** A lock was taken, or is about to be dropped. */
export interface LoggedHold {
  /** Accesses of the schedule before it. */
  readonly after: number
  readonly actor: number
  readonly taken: boolean
  /** Class and mode, as in the actor's record (sync/held.ts). */
  readonly held: number
  readonly lock: WordAt
}

/** The log in `buffer`: written by controlled actors, read when they have stopped. */
export class StepLog {
  private readonly entries: Int32Array
  private readonly capacity: number

  constructor(buffer: SharedArrayBuffer) {
    this.entries = new Int32Array(buffer)
    this.capacity = Math.floor((this.entries.length - FIRST) / (ENTRY_WORDS + HOLD_WORDS))
  }

  /** Bytes of a log with room for `steps` steps. */
  static bytes(steps: number): number {
    return (FIRST + steps * (ENTRY_WORDS + HOLD_WORDS)) * 4
  }

  /** Forgets everything. */
  clear(): void {
    this.entries.fill(0, 0, FIRST)
  }

  accessBegins(words: Words, actor: number, kind: number, at: WordAt, value: number): void {
    const { entries } = this
    const entry = this.slot(entries[COUNT] as number)
    const record = actorAt(words, actor)
    entries[entry] = actor
    entries[entry + 1] = kind
    entries[entry + 2] = at
    entries[entry + 3] = value
    entries[entry + 4] = value
    entries[entry + 5] = words[record + OP] as number
    entries[entry + 6] = words[record + OP_A] as number
    entries[entry + 7] = words[record + OP_B] as number
    entries[entry + 8] = this.whyOf(words, actor)
    entries[entry + 9] = words[record + OP_DONE] as number
    entries[COUNT] = (entries[COUNT] as number) + 1
    entries[OPEN] = 1
  }

  /** Somebody stands at a point, or cannot go on: the last access has been made. */
  accessDone(words: Words): void {
    const { entries } = this
    if (entries[OPEN] === 0) return
    const entry = this.slot((entries[COUNT] as number) - 1)
    entries[entry + 4] = words[entries[entry + 2] as number] as number
    entries[OPEN] = 0
  }

  /** The steps that are remembered, oldest first. */
  steps(): LoggedStep[] {
    const { entries, capacity } = this
    const count = entries[COUNT] as number
    const steps: LoggedStep[] = []
    for (let i = Math.max(0, count - capacity); i < count; i++) {
      const entry = this.slot(i)
      const [actor = 0, kind = 0, at = 0, before = 0, after = 0, op = 0, page = 0, pages = 0, why = 0, done = 0] =
        entries.subarray(entry, entry + ENTRY_WORDS)
      steps.push({ step: i + 1, actor, kind, at, before, after, op, page: page >>> 0, pages, why, done })
    }
    return steps
  }

  /** An actor has taken a lock, or drops it with one of its next accesses. */
  noteHold(actor: number, held: number, lock: WordAt, taken: boolean): void {
    const { entries } = this
    const hold = this.holdSlot(entries[HOLDS] as number)
    entries[hold] = entries[COUNT] as number
    entries[hold + 1] = actor | (taken ? 1 << 8 : 0) | (held << 16)
    entries[hold + 2] = lock
    entries[HOLDS] = (entries[HOLDS] as number) + 1
  }

  /** Locks taken and dropped that are remembered, oldest first. */
  holds(): LoggedHold[] {
    const { entries, capacity } = this
    const count = entries[HOLDS] as number
    const holds: LoggedHold[] = []
    for (let i = Math.max(0, count - capacity); i < count; i++) {
      const [after = 0, who = 0, lock = 0] = entries.subarray(this.holdSlot(i), this.holdSlot(i) + HOLD_WORDS)
      holds.push({ after, actor: who & 0xff, taken: (who & (1 << 8)) !== 0, held: who >>> 16, lock })
    }
    return holds
  }

  private whyOf(words: Words, actor: number): number {
    const { entries } = this
    const count = entries[COUNT] as number
    const before = count === 0 ? actor : (entries[this.slot(count - 1)] as number)
    if (before === actor) return WHY_SAME
    const record = actorAt(words, before)
    const phase = words[record + PHASE]
    if (phase === PHASE_WAITING) return -1 - (words[record + WAIT_KIND] as number)
    return phase === PHASE_IDLE ? WHY_FINISHED : WHY_PREEMPTED
  }

  private slot(index: number): number {
    return FIRST + (index % this.capacity) * ENTRY_WORDS
  }

  private holdSlot(index: number): number {
    return FIRST + this.capacity * ENTRY_WORDS + (index % this.capacity) * HOLD_WORDS
  }
}
