/**
 * How long locks are waited for and held, by class, where that was asked for. Each actor adds up its own, plainly; the booting thread
 * sums them. What is not a lock but is booked like one counts too: how long a window is open, how long an srcu section lasts.
 *
 *   per actor and class, 8 words of region `lockTimes`
 *   word   0       1          2           3          4          5           6          7
 *        +-------+----------+-----------+----------+----------+-----------+----------+-----+
 *        | TAKEN | WAIT low | WAIT high | WAIT_MAX | HOLD low | HOLD high | HOLD_MAX | pad |      times in ns
 *        +-------+----------+-----------+----------+----------+-----------+----------+-----+
 *
 * A try that succeeds waited 0. A wait that a killed actor gave up is not counted.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import type { LockClock, Task } from '../seam/task.ts'
import { className, MAX_CLASSES } from './classes.ts'

const ROW = 8
const TAKEN = 0
const WAIT = 1
const HOLD = 4
/** Of WAIT and HOLD: the high word of the sum, and the longest. */
const HIGH = 1
const MAX = 2
export const LOCK_TIME_WORDS = MAX_CLASSES * ROW

const TWO_32 = 2 ** 32

/** One actor's clock. */
export class LockTimes implements LockClock {
  private readonly task: Task
  private readonly rows: WordAt
  private waitsFor = 0
  private since = 0
  private readonly holds: { readonly cls: number; readonly lock: WordAt; readonly since: number }[] = []

  constructor(task: Task) {
    this.task = task
    this.rows = regionAt(task.words, 'lockTimes') + task.id * LOCK_TIME_WORDS
  }

  waits(cls: number): void {
    this.waitsFor = cls
    this.since = this.task.nowNs()
  }

  taken(cls: number, lock: WordAt): void {
    const now = this.task.nowNs()
    const row = this.rows + cls * ROW
    const { words } = this.task
    words[row + TAKEN] = (words[row + TAKEN] as number) + 1
    this.add(row + WAIT, this.waitsFor === cls ? now - this.since : 0)
    this.waitsFor = 0
    this.holds.push({ cls, lock, since: now })
  }

  dropped(lock: WordAt): void {
    const at = this.holds.findLastIndex((one) => one.lock === lock)
    if (at < 0) return
    for (const { cls, since } of this.holds.splice(at, 1)) this.add(this.rows + cls * ROW + HOLD, this.task.nowNs() - since)
  }

  private add(at: WordAt, ns: number): void {
    const { words } = this.task
    const whole = Math.max(0, Math.round(ns))
    const sum = ((words[at] as number) >>> 0) + whole
    words[at] = (sum % TWO_32) | 0
    words[at + HIGH] = (words[at + HIGH] as number) + Math.floor(sum / TWO_32)
    if (whole > (words[at + MAX] as number) >>> 0) words[at + MAX] = Math.min(whole, TWO_32 - 1) | 0
  }
}

export interface LockTime {
  readonly name: string
  readonly taken: number
  readonly wait_ns: number
  readonly wait_max_ns: number
  readonly hold_ns: number
  readonly hold_max_ns: number
}

/** The times of all classes that were taken, over all actors; none where they are not measured. */
export function readLockTimes(words: Words, actors: number): LockTime[] {
  if (regionWords(words, 'lockTimes') === 0) return []
  const times: LockTime[] = []
  for (let cls = 1; cls < MAX_CLASSES; cls++) {
    const rows = Array.from({ length: actors }, (_, id) => regionAt(words, 'lockTimes') + id * LOCK_TIME_WORDS + cls * ROW)
    const unsigned = (at: WordAt) => (words[at] as number) >>> 0
    const sum = (of: (row: WordAt) => number) => rows.reduce((total, row) => total + of(row), 0)
    const long = (row: WordAt) => unsigned(row) + unsigned(row + HIGH) * TWO_32
    const taken = sum((row) => unsigned(row + TAKEN))
    if (taken === 0) continue
    times.push({
      name: className(cls),
      taken,
      wait_ns: sum((row) => long(row + WAIT)),
      wait_max_ns: Math.max(...rows.map((row) => unsigned(row + WAIT + MAX))),
      hold_ns: sum((row) => long(row + HOLD)),
      hold_max_ns: Math.max(...rows.map((row) => unsigned(row + HOLD + MAX))),
    })
  }
  return times
}
