/**
 * `dev.passes`: what an invalidation has to remember between its two passes (era two-pass), for drivers whose first pass leaves something
 * to wait for. In the driver's words of the device, from the last one down, so that every worker finds it.
 *
 *   token t > 0: words of slot t - 1
 *   word   0        1       2      3
 *        +--------+-------+------+------+
 *        | MIRROR | START | LAST | NOTE |
 *        +--------+-------+------+------+
 *
 *   MIRROR   0 = free -> the mirror, by compare-and-exchange -> 0. The others: written and read by who has the token only.
 */
import type { Mirror } from '../hmm/mirror.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { DEVICE_DRIVER_WORDS, deviceWord } from './record.ts'

const MIRROR = 0
const START = 1
const LAST = 2
const NOTE = 3
const SLOT_WORDS = 4
/** Invalidations between their passes at once; one more is finished in its first pass. */
const SLOTS = 8

/** What a first pass left. */
export interface Pass {
  readonly mirror: Mirror
  /** Pages [start, last]. */
  readonly start: number
  readonly last: number
  /** A word of the driver's: a ticket, a fence. */
  readonly note: number
}

/** `dev.passes`. */
export class PassTokens {
  private readonly task: Task
  private readonly device: number

  constructor(task: Task, device: number) {
    this.task = task
    this.device = device
  }

  /** A token for `pass`, or 0 when there are none left: then the first pass has to do it all. */
  claim({ mirror, start, last, note }: Pass): number {
    const { task } = this
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = this.slotAt(slot)
      if (atomicCas(task, at + MIRROR, 0, mirror) !== 0) continue
      put(task, at + START, start | 0)
      put(task, at + LAST, last | 0)
      put(task, at + NOTE, note)
      return slot + 1
    }
    return 0
  }

  /** What the first pass left; the token is the caller's until he drops it. */
  read(token: number): Pass {
    const at = this.slotAt(token - 1)
    const { task } = this
    return {
      mirror: atomicLoad(task, at + MIRROR) as Mirror,
      start: get(task, at + START) >>> 0,
      last: get(task, at + LAST) >>> 0,
      note: get(task, at + NOTE),
    }
  }

  /** Gives a token back. */
  drop(token: number): void {
    atomicStore(this.task, this.slotAt(token - 1) + MIRROR, 0)
  }

  private slotAt(slot: number): WordAt {
    return deviceWord(this.task, this.device, DEVICE_DRIVER_WORDS - (slot + 1) * SLOT_WORDS)
  }
}
