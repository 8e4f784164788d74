/**
 * Measuring: an operation repeated in batches long enough for the clock, percentiles over the batches; or times that were taken
 * one by one. Percentiles come from a histogram with a high dynamic range (four significant digits).
 *
 * Figures of one thread compare with each other: what they are held against is measured in the same run. Every operation pays for
 * one call that is not inlined, whatever was measured before it, and one that takes no longer than an empty call is refused.
 */
import { createHistogram, type RecordableHistogram } from 'node:perf_hooks'
import { HmmError } from '../shared/seam/error.ts'
import { resolved, STEPS_OF_A_BATCH, STEPS_OF_A_TIME, theClock } from './clock.ts'

/** One row of a benchmark. Times are whole nanoseconds of one operation; figures with a unit of their own end with it. */
export interface BenchResult {
  readonly name: string
  /** Operations measured. */
  readonly n: number
  readonly min_ns: number
  readonly p50_ns: number
  readonly p90_ns: number
  readonly p99_ns: number
  readonly p999_ns: number
  readonly max_ns: number
  readonly mean_ns: number
  /** p50 to a thousandth of a nanosecond: ratios are made of it, because an operation can take a few of them. */
  readonly median_ns?: number
  readonly ops_per_s: number
  /** Ratio of p50 to that of other results of the same run, by their names. */
  readonly relative_to: Readonly<Record<string, number>>
  /** Threads that take turns or work at once in it, the measuring one among them. More than there are cores is said in a note. */
  readonly actors?: number
  /** An operation on several pages: how many, and the median of one. */
  readonly pages?: number
  readonly ns_per_page?: number
  /** Exploring: points passed in a second; points of the median schedule. */
  readonly steps_per_s?: number
  readonly median_steps?: number
  readonly switches_per_schedule?: number
  readonly distinct_traces?: number
  /** Exploring: schedules per second of workers that have just started, before those that were measured. */
  readonly cold_schedules_per_s?: number
  /** A point at which the actor that moves goes on, on average. */
  readonly ns_per_step?: number
  /** An invalidation by dispatcher: what it adds to inline, in futex round trips. */
  readonly hop_futex_round_trips?: number
  /** Contention: how often the pages were dropped, fills thrown away for each fault that was served, and the most in a row. */
  readonly drops_per_s?: number
  readonly retries_per_success?: number
  readonly longest_chain?: number
}

export interface MeasureOptions {
  readonly name: string
  /** Pages that one call is about. */
  readonly pages?: number
  /** Seconds to measure for, after a warm-up of a quarter of that. Default 0.5. */
  readonly seconds?: number
}

/** Shortest batch that is timed as one, where the clock is fine enough. */
const BATCH_NS = 100_000
/** Most repeats of a batch. */
const MOST = 2 ** 26
/** Fewest batches that percentiles are made of. */
const FEWEST = 5
/** Times are kept in units of 1/1000 ns, because an operation can take less than a few of them. */
const SCALE = 1000
/** An operation has to take this many times as long as an empty call; less is within what two empty calls differ by. */
const BEYOND_EMPTY = 1.25
const TURNS = 50
/** Longer than an empty call takes anywhere: what takes longer still need not be compared with one. */
const NEAR_EMPTY_NS = 100

/** Repeats `operation` and returns the time of one call. Refuses an operation that the clock cannot see. */
export function measure(options: MeasureOptions, operation: () => void): BenchResult {
  const { name, pages, seconds = 0.5 } = options
  neverInlined()
  // Cold, to know how long a call may take at most; then again, because what has been compiled is many times as fast.
  calibrate(name, operation)
  const warmUntil = performance.now() + seconds * 250
  while (performance.now() < warmUntil) operation()
  let repeat = calibrate(name, operation)
  let histogram = createHistogram({ figures: 4 })
  let until = performance.now() + seconds * 1000
  for (let batches = 0; batches < FEWEST || performance.now() < until; batches++) {
    const ns = timed(operation, repeat)
    if (ns < STEPS_OF_A_BATCH * theClock().step_ns) {
      // It has become faster since. What was measured before that is another thing.
      if (repeat >= MOST) resolved(name, ns)
      repeat *= 2
      histogram = createHistogram({ figures: 4 })
      until = performance.now() + seconds * 1000
      batches = -1
    } else record(histogram, ns / repeat)
  }
  if (histogram.min / SCALE < NEAR_EMPTY_NS) refuseNothing(name, operation, repeat)
  const result = summary(name, histogram, histogram.count * repeat)
  return pages === undefined ? result : { ...result, pages, ns_per_page: histogram.percentile(50) / SCALE / pages }
}

/**
 * The result of times taken one by one, `operations` in each of them. A batch of several has to be long enough for the clock; a
 * single time only so long that its grain is a tenth, because there the distribution is what is asked for.
 */
export function ofSamples(name: string, samples: readonly number[], operations = 1): BenchResult {
  if (samples.length === 0) throw new HmmError('HMM_ERR_BENCH', `${name}: nothing was measured`)
  const histogram = createHistogram({ figures: 4 })
  for (const ns of samples) record(histogram, ns / operations)
  const median = histogram.percentile(50) / SCALE
  resolved(name, median * operations, operations === 1 ? STEPS_OF_A_TIME : STEPS_OF_A_BATCH)
  return summary(name, histogram, samples.length * operations)
}

/** Adds the ratio of `result` to `base`. */
export function relativeTo(result: BenchResult, base: BenchResult): BenchResult {
  return { ...result, relative_to: { ...result.relative_to, [base.name]: medianOf(result) / medianOf(base) } }
}

/** The median, as exact as it is known. */
export function medianOf(result: BenchResult): number {
  return result.median_ns ?? result.p50_ns
}

function record(histogram: RecordableHistogram, ns: number): void {
  histogram.record(Math.max(1, Math.round(ns * SCALE)))
}

function summary(name: string, histogram: RecordableHistogram, n: number): BenchResult {
  const at = (percentile: number) => Math.round(histogram.percentile(percentile) / SCALE)
  const mean = histogram.mean / SCALE
  return {
    name,
    n,
    min_ns: Math.round(histogram.min / SCALE),
    p50_ns: at(50),
    p90_ns: at(90),
    p99_ns: at(99),
    p999_ns: at(99.9),
    // A bucket of the histogram is named by its upper end, which may lie above the longest time.
    max_ns: Math.max(at(99.9), Math.round(histogram.max / SCALE)),
    mean_ns: Math.round(mean),
    median_ns: histogram.percentile(50) / SCALE,
    ops_per_s: 1e9 / mean,
    relative_to: {},
  }
}

/** How long `repeat` calls take, in nanoseconds. */
function timed(operation: () => void, repeat: number): number {
  const began = performance.now()
  for (let i = 0; i < repeat; i++) operation()
  return (performance.now() - began) * 1e6
}

/** How often to repeat so that one batch is long enough, and stays so when the operation becomes half as fast again. */
function calibrate(name: string, operation: () => void): number {
  const enough = Math.max(BATCH_NS, 1.5 * STEPS_OF_A_BATCH * theClock().step_ns)
  for (let repeat = 1; ; repeat *= 2) {
    const ns = timed(operation, repeat)
    if (ns >= enough) return repeat
    if (repeat >= MOST) resolved(name, ns)
  }
}

/** Holds it against a call that does nothing, in turns, by the fastest batch of each: whoever else has the core slows both. */
function refuseNothing(name: string, operation: () => void, repeat: number): void {
  let least = Number.POSITIVE_INFINITY
  let empty = Number.POSITIVE_INFINITY
  for (let turn = 0; turn < TURNS; turn++) {
    empty = Math.min(empty, timed(NOTHING, repeat) / repeat)
    least = Math.min(least, timed(operation, repeat) / repeat)
  }
  if (least < BEYOND_EMPTY * empty)
    throw new HmmError(
      'HMM_ERR_BENCH',
      `${name}: it takes ${least.toFixed(1)} ns, and an empty call ${empty.toFixed(1)} ns: this measures nothing`,
    )
}

const NOTHING = () => {}
const counted = { calls: 0 }
let prepared = false

/**
 * A call place that has only ever called one function has it inlined, and an empty one is then compiled away: the first operation
 * that a thread measures would be cheaper than all that follow. So the place is shown several functions before the first.
 */
function neverInlined(): void {
  if (prepared) return
  prepared = true
  const several = [
    NOTHING,
    () => {
      counted.calls++
    },
    () => {
      counted.calls += 2
    },
    () => {
      counted.calls ^= 1
    },
    () => {
      counted.calls -= 1
    },
  ]
  for (let round = 0; round < 20; round++) for (const one of several) timed(one, 10_000)
}
