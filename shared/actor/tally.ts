/**
 * The tally: what a run adds up over its schedules, in the header of the scheduler region, which is not wound back with the rest.
 * Written by the conductor between two schedules; read from outside at any time.
 */
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import { depthReached, type Strategy } from '../sched/strategy.ts'
import * as w from '../seam/batonword.ts'
import { readStat } from '../seam/stats.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'

/** How much a run did. */
export interface Counts {
  readonly schedules: number
  readonly steps: number
  readonly switches: number
  /** A retry kept a stale entry out, or a flush waited for an access in flight. */
  readonly closeCalls: number
  /** Deepest that the strategy got in one schedule (sched/strategy.ts). */
  readonly deepest: number
  readonly baseSteps: number
  readonly maxSteps: number
}

export const NO_COUNTS: Counts = { schedules: 0, steps: 0, switches: 0, closeCalls: 0, deepest: 0, baseSteps: 0, maxSteps: 0 }

/** Two counts of one subject, the earlier one first. */
export function sumOf(a: Counts, b: Counts): Counts {
  return {
    schedules: a.schedules + b.schedules,
    steps: a.steps + b.steps,
    switches: a.switches + b.switches,
    closeCalls: a.closeCalls + b.closeCalls,
    deepest: Math.max(a.deepest, b.deepest),
    baseSteps: a.baseSteps === 0 ? b.baseSteps : a.baseSteps,
    maxSteps: Math.max(a.maxSteps, b.maxSteps),
  }
}

/** Adds the schedule that is over; `kept` is the machine as it was when the schedule began. */
export function tallySchedule(words: Words, kept: Words, strategy: Strategy): void {
  const header = regionAt(words, 'scheduler')
  addTo(words, header + w.ALL_STEPS, words[header + w.STEP] as number)
  addTo(words, header + w.ALL_SWITCHES, words[header + w.SWITCHES] as number)
  addTo(words, header + w.CLOSE_CALLS, closeCallsSince(words, kept))
  words[header + w.DEEPEST] = Math.max(depthReached(words, strategy), words[header + w.DEEPEST] as number)
  words[header + w.SCHEDULES_DONE] = (words[header + w.SCHEDULES_DONE] as number) + 1
}

/** Close calls since the machine was what it is in `kept`. */
export function closeCallsSince(words: Words, kept: Words): number {
  return closeCalls(words) - closeCalls(kept)
}

/** The tally so far. */
export function readTally(words: Words): Counts {
  const header = regionAt(words, 'scheduler')
  const at = (word: number) => words[header + word] as number
  const sum = (word: number) => at(word) + at(word + 1) * 2 ** 31
  return {
    schedules: at(w.SCHEDULES_DONE),
    steps: sum(w.ALL_STEPS),
    switches: sum(w.ALL_SWITCHES),
    closeCalls: sum(w.CLOSE_CALLS),
    deepest: at(w.DEEPEST),
    baseSteps: at(w.BASE_STEPS),
    maxSteps: at(w.MAX_STEPS),
  }
}

function closeCalls(words: Words): number {
  const actors = words[ACTOR_COUNT_AT] as number
  return readStat(words, actors, 'savedByRetry') + readStat(words, actors, 'savedByShootdown')
}

/** Adds to a sum of two words: the low 31 bits, then the rest. */
function addTo(words: Words, at: WordAt, amount: number): void {
  const sum = (words[at] as number) + amount
  words[at] = sum % 2 ** 31
  words[at + 1] = (words[at + 1] as number) + Math.floor(sum / 2 ** 31)
}
