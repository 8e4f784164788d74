/**
 * What the clock resolves here, and what can be measured with it. `performance.now()` is the only one; its smallest step that is not
 * zero is found by reading it: the resolution, or what a call costs where the resolution is finer than that.
 */
import { HmmError } from '../shared/seam/error.ts'

export interface Clock {
  /** Smallest step between two readings that differ. */
  readonly step_ns: number
  /** One reading, on average. */
  readonly cost_ns: number
}

/** Steps of the clock in the shortest batch that is a measurement: then its grain is a thousandth of the figure. */
export const STEPS_OF_A_BATCH = 1000
/** Steps in the shortest time that is taken by itself, because its distribution is asked for: a grain of a tenth. */
export const STEPS_OF_A_TIME = 10

/** Readings in a round, and rounds: what interrupts one of them does not count as its cost. */
const READINGS = 1000
const ROUNDS = 20
/** A clock of 16 ms, the coarsest there are, has made a step in so many readings. */
const MOST_ROUNDS = 20_000

/** Reads the clock until it is known. */
export function clockHere(now: () => number = () => performance.now()): Clock {
  let step = Number.POSITIVE_INFINITY
  let first = now()
  let last = first
  const rounds: number[] = []
  while (rounds.length < ROUNDS || (step === Number.POSITIVE_INFINITY && rounds.length < MOST_ROUNDS)) {
    for (let i = 0; i < READINGS; i++) {
      const next = now()
      if (next > last && next - last < step) step = next - last
      last = next
    }
    rounds.push(last - first)
    first = last
  }
  if (!Number.isFinite(step)) throw new HmmError('HMM_ERR_BENCH', 'the clock stands still: nothing can be measured here')
  const round = rounds.sort((a, b) => a - b)[rounds.length >> 1] as number
  return { step_ns: Math.max(1, Math.round(step * 1e6)), cost_ns: Math.round((round * 1e6) / READINGS) }
}

let known: Clock | undefined

/** The clock of this thread, found out once. */
export function theClock(): Clock {
  known ??= clockHere()
  return known
}

/** Refuses a batch of `name` that the clock cannot resolve. */
export function resolved(name: string, ns: number, steps: number = STEPS_OF_A_BATCH, clock: Clock = theClock()): void {
  if (ns >= steps * clock.step_ns) return
  const what = steps === STEPS_OF_A_BATCH ? 'a batch' : 'one time'
  throw new HmmError(
    'HMM_ERR_BENCH',
    `${name}: ${what} takes ${Math.round(ns)} ns, and the clock goes in steps of ${clock.step_ns} ns: fewer than ${steps} of them are no measurement`,
  )
}
