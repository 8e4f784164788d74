/**
 * The journal of an exploration: when each schedule ended, and what it was. Kept outside the machine, in a buffer of its own that
 * every actor is handed, so that keeping it changes no schedule. Written by the conductor between two schedules, read afterwards.
 *
 *   doubles   0                1           2 ...
 *           +----------------+-----------+-----------------------------------------------+
 *           | BEGAN_US       | COUNT     | entries x (ENDED_US, STEPS, HASH_A, HASH_B)   |
 *           +----------------+-----------+-----------------------------------------------+
 *
 * What is between two entries is one schedule with all that belongs to it: its audits, now and then its teardown, and going back.
 */
import { sharedNowUs } from '../seam/clock.ts'

const BEGAN_US = 0
const COUNT = 1
const FIRST = 2
const ENTRY = 4

/** A schedule that was run. */
export interface JournalEntry {
  readonly ns: number
  readonly steps: number
  /** Hash of everything it did. */
  readonly trace: string
}

/** The journal in `buffer`. */
export class Journal {
  private readonly doubles: Float64Array
  private readonly capacity: number

  constructor(buffer: SharedArrayBuffer) {
    this.doubles = new Float64Array(buffer)
    this.capacity = Math.floor((this.doubles.length - FIRST) / ENTRY)
  }

  /** Bytes of a journal with room for `schedules`. */
  static bytes(schedules: number): number {
    return (FIRST + schedules * ENTRY) * Float64Array.BYTES_PER_ELEMENT
  }

  /** The first schedule begins. */
  begin(): void {
    this.doubles[COUNT] = 0
    this.doubles[BEGAN_US] = sharedNowUs()
  }

  /** A schedule is over; what does not fit is not kept. */
  ended(steps: number, hashA: number, hashB: number): void {
    const { doubles } = this
    const count = doubles[COUNT] as number
    if (count >= this.capacity) return
    const entry = FIRST + count * ENTRY
    doubles[entry] = sharedNowUs()
    doubles[entry + 1] = steps
    doubles[entry + 2] = hashA
    doubles[entry + 3] = hashB
    doubles[COUNT] = count + 1
  }

  /** The schedules in the order in which they were run. */
  entries(): JournalEntry[] {
    const { doubles } = this
    const entries: JournalEntry[] = []
    let before = doubles[BEGAN_US] as number
    for (let i = 0; i < (doubles[COUNT] as number); i++) {
      const [ended = 0, steps = 0, a = 0, b = 0] = doubles.subarray(FIRST + i * ENTRY, FIRST + (i + 1) * ENTRY)
      entries.push({ ns: (ended - before) * 1000, steps, trace: `${a} ${b}` })
      before = ended
    }
    return entries
  }
}
