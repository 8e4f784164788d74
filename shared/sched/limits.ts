/**
 * How long a schedule is the strategy's, and how long it may be at all. From `fairFrom` on it is fair: each actor that can move passes
 * one point in turn, so what can end ends, and what does not is a livelock (check/lasso.ts) or is cut off at `steps`.
 *
 *     0 .............. fairFrom ........................... steps
 *     | the strategy chooses | one point each, in turn        | cut off
 *
 * Where the length of the schedule without preemptions is known, both follow from it: nobody needs many times as long as all
 * operations one after the other, unless it goes round. In the fair part each of n actors then passes at least twice that length: if no
 * operation is completed in all of it, none will be.
 */

export interface Limits {
  readonly fairFrom: number
  readonly steps: number
}

/** Points that the log of a told run has room for; and the limits where nothing is known. */
export const MOST_STEPS = 20_000
export const WIDEST: Limits = { fairFrom: MOST_STEPS >> 1, steps: MOST_STEPS }

/**
 * What counts as the length of the schedule without preemptions where that gets nowhere in its fair part: it tells nothing of how long
 * operations are, and every schedule that gets nowhere either should be over soon.
 */
export const ENDLESS_BASE = 1_000

/** Points that every schedule gets: short ones meet each other in ways that take longer than both. */
const SHORTEST = 1_000

/** Limits for schedules of `actors` actors, of which the one without preemptions has `baseSteps` points. */
export function limitsFor(baseSteps: number, actors: number): Limits {
  const fairFrom = Math.min(WIDEST.fairFrom, SHORTEST + 3 * baseSteps)
  return { fairFrom, steps: Math.min(WIDEST.steps, fairFrom + provingSteps(baseSteps, actors)) }
}

/** Fair points after which a machine that has completed nothing will complete nothing. */
export function provingSteps(baseSteps: number, actors: number): number {
  return SHORTEST + 2 * actors * baseSteps
}
