/**
 * A search: schedules of one subject by one strategy, one after the other, until one shows a violation, all were seen, or so many were
 * run. One that is cut off tells nothing; the search goes on behind it.
 */
import { type Counts, NO_COUNTS, sumOf } from '../../shared/actor/tally.ts'
import { ENDLESS_BASE } from '../../shared/sched/limits.ts'
import { BASELINE } from '../../shared/sched/pct.ts'
import { needsBaseline, type Strategy } from '../../shared/sched/strategy.ts'
import { RunFailure } from '../failure.ts'
import { isSearch, numberAt, type Part, placeOf } from './plan.ts'
import type { RunReport, Runs } from './runs.ts'

export interface SearchAsked {
  readonly strategy: Strategy
  /** Place of the first schedule, and how many. */
  readonly part: Pick<Part, 'first' | 'count'>
  readonly teardownEvery: number
  /** Points of the schedule without preemptions, where an earlier search has counted them; else 0. */
  readonly baseSteps: number
  readonly signal?: AbortSignal
  readonly onTick?: (counts: Counts) => void
}

/** What came of it. */
export interface Searched extends Counts {
  /** Schedules that were cut off at their limit. They are not among those counted. */
  readonly cutOff: number
  readonly seconds: number
  /** The strategy has seen every schedule there is for it. */
  readonly exhausted: boolean
  /** What it ended with, if that was a find, and its place. */
  readonly found: { readonly report: RunReport; readonly place: number } | null
}

/** Runs it. Throws RunFailure when a run itself failed, or when a depth-first search meets a schedule that does not end. */
export async function search(runs: Runs, asked: SearchAsked): Promise<Searched> {
  const { strategy, part, teardownEvery, signal } = asked
  const end = part.first + part.count
  let total = NO_COUNTS
  let cutOff = 0
  let seconds = 0
  let { baseSteps } = asked
  for (let place = part.first; ; ) {
    const before = total
    const report = await runs.run({
      strategy,
      first: numberAt(strategy, place),
      count: end - place,
      baseSteps,
      teardownEvery,
      ...(signal === undefined ? {} : { signal }),
      onTick: (counts) => asked.onTick?.(sumOf(before, counts)),
    })
    total = sumOf(total, report)
    seconds += report.seconds
    if (needsBaseline(strategy)) baseSteps = baseOf(report)
    const at = placeOf(strategy, report.number)
    if (report.cutOff) {
      if (isSearch(strategy))
        throw new RunFailure(
          'HMM_ERR_BOUND',
          `a schedule did not end within ${report.limits.steps} steps: a depth-first search cannot pass it`,
        )
      if (at >= place) cutOff++
      place = Math.max(place, at + 1)
      if (place < end && signal?.aborted !== true) continue
    }
    const found = report.violation === null ? null : { report, place: Math.max(at, part.first) }
    return { ...total, ...(needsBaseline(strategy) ? { baseSteps } : {}), cutOff, seconds, exhausted: report.exhausted, found }
  }
}

function baseOf(report: RunReport): number {
  if (!report.cutOff || report.number !== BASELINE) return report.baseSteps
  return report.progressed ? report.limits.steps : ENDLESS_BASE
}
