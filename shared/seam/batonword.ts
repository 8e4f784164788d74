/**
 * The scheduler region, as far as the seam must know it: one header, one line for each actor, then what schedulers keep.
 * Only the actor that has the baton writes here, so all words but BATON are plain; handing the baton over orders them.
 *
 *   word   0 ............ 63     64 ..................        then               then
 *        +---------------------+--------------------------+------------------+------------------+
 *        | header              | one line an actor        | SEGMENTS record  | strategy's words |
 *        +---------------------+--------------------------+------------------+------------------+
 *
 *   header     see the constants. STEP counts passes of points in the running schedule; HASH_* are the trace hash.
 *   actor line BATON (atomic, futex): 1 = go on. STATUS: why it does or does not move. NEXT_*: the access it stands in front
 *              of. SPIN_*: the word, and its value, that a failed try waits to see changed. DEADLINE: end of a nap.
 *   segments   (actor, passes) pairs: who moved, and for how many points. This is the schedule, and what a replay needs.
 *   strategy   replay: the segments to follow; dfs: its stack.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt, type Words } from '../memory/words.ts'

export const PHASE_OF_RUN = 0
/** Actor that has the baton; -1 before the first decision of a schedule. */
export const CURRENT = 1
export const STEP = 2
export const SWITCHES = 3
/** Switches away from an actor that could have gone on. */
export const PREEMPTIONS = 4
export const HASH_A = 5
export const HASH_B = 6
/** Virtual time in microseconds: moves only when nothing else can. */
export const NOW_US = 7
/** Number of the running schedule. */
export const SCHEDULE = 8
/** Schedules run to their end, in this run. */
export const SCHEDULES_DONE = 9
/** Passes of points and switches over all schedules of this run: low 31 bits, then what is above. */
export const ALL_STEPS = 10
export const ALL_SWITCHES = 12
/** Segments of the running schedule; and 1 once there were more than fit. */
export const SEGMENTS = 14
export const SEGMENTS_FULL = 15
/** Passes in the segment that is not closed yet. */
export const PASSES = 16
/** A schedule that takes more steps than this is cut off. */
export const STEP_LIMIT = 17
/** Points of the schedule without preemptions; longest schedule. */
export const BASE_STEPS = 18
export const MAX_STEPS = 19
/** Naps that ended because nothing else could run, in the running schedule. */
export const TIMEOUTS = 20
/** 1: the strategy has seen every schedule it can make. */
export const EXHAUSTED = 21
/** A replay met a choice that its schedule does not allow: step + 1. */
export const DIVERGED = 22
/** 1: the running schedule was cut off at the step limit. */
export const CUT_OFF = 23
/** Decisions so far, for an outside observer: it stands still only if the machine does. */
export const HEARTBEAT = 24
/** From this step on the schedule is fair, whatever the strategy says: each actor that can move passes one point in turn. */
export const FAIR_FROM = 25
/** Of the look-out for a lasso (check/lasso.ts): distance, hash and step of the state kept, times it came back, looks. */
export const LASSO = 26
export const LASSO_HASH = 27
export const LASSO_STEP = 28
export const LASSO_ROUNDS = 29
export const LASSO_LOOKS = 30
/** 1 once a switch was made for fairness, not by the strategy: nothing is complete then. */
export const FORCED = 31
/** What had been completed when the running schedule became fair, plus 1 (check/standstill.ts). */
export const FAIR_DONE = 39
/** Four words of chance for the running schedule. */
export const RUN_CHANCE = 32
/** Close calls over all schedules of this run, in two words; deepest that the strategy got in one of them. */
export const CLOSE_CALLS = 36
export const DEEPEST = 38
export const HEADER_WORDS = 64

/** Words of an actor's line. */
export const BATON = 0
export const STATUS = 1
export const NEXT_KIND = 2
export const NEXT_AT = 3
export const SPIN_AT = 4
export const SPIN_VALUE = 5
export const DEADLINE = 6

/** STATUS values. */
export const READY = 0
/** Until its park word holds a token. */
export const SLEEPING = 1
/** Until a word that it read changes. */
export const SPINNING = 2
/** Until a token, or the end of a nap. */
export const NAPPING = 3
/** At its gate: between two schedules. */
export const GATED = 4

/** Segments a record holds; a schedule with more switches is not recorded to its end. */
export const MAX_SEGMENTS = 4096
export const STRATEGY_WORDS = MAX_SEGMENTS * 2

/** Words of the region for `actors` actors. */
export function schedulerWords(actors: number): number {
  return HEADER_WORDS + actors * LINE_WORDS + MAX_SEGMENTS * 2 + STRATEGY_WORDS
}

export function actorLineAt(words: Words, actor: number): WordAt {
  return regionAt(words, 'scheduler') + HEADER_WORDS + actor * LINE_WORDS
}

export function strategyAt(words: Words): WordAt {
  return regionAt(words, 'scheduler') + regionWords(words, 'scheduler') - STRATEGY_WORDS
}

export function segmentsAt(words: Words): WordAt {
  return strategyAt(words) - MAX_SEGMENTS * 2
}

/** Lets `actor` move: by whoever has the baton, or before a run by the booting thread. */
export function giveBaton(words: Words, actor: number): void {
  const baton = actorLineAt(words, actor) + BATON
  Atomics.store(words, baton, 1)
  Atomics.notify(words, baton, 1)
}

/** Can this machine be controlled? */
export function isControllable(words: Words): boolean {
  return regionWords(words, 'scheduler') > 0
}
