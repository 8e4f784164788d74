/**
 * Measuring: an operation repeated in batches long enough for the clock, percentiles over the batches; or times that were taken
 * one by one. Figures of one process compare with each other; figures of two machines do not.
 */
import { createHistogram } from 'node:perf_hooks'
import { HmmError } from '../shared/seam/error.ts'

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
  readonly ops_per_s: number
  /** Ratio of p50 to that of other results of the same run, by their names. */
  readonly relative_to: Readonly<Record<string, number>>
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
}

export interface MeasureOptions {
  readonly name: string
  /** Pages that one call is about. */
  readonly pages?: number
  /** Seconds to measure for, after a warm-up of a quarter of that. Default 0.5. */
  readonly seconds?: number
}

/** Shortest batch that is timed as one: a thousand times what reading the clock costs. */
const BATCH_NS = 100_000
/** Times are kept in units of 1/1000 ns, because an operation can take less than a few of them. */
const SCALE = 1000

/** Repeats `operation` and returns the time of one call. Refuses an operation that the clock cannot see. */
export function measure(options: MeasureOptions, operation: () => void): BenchResult {
  const seconds = options.seconds ?? 0.5
  const repeat = calibrate(operation)
  const warmUntil = performance.now() + seconds * 250
  while (performance.now() < warmUntil) operation()
  const histogram = createHistogram({ figures: 4 })
  const until = performance.now() + seconds * 1000
  let batches = 0
  while (batches < 5 || performance.now() < until) {
    const began = performance.now()
    for (let i = 0; i < repeat; i++) operation()
    const ns = ((performance.now() - began) * 1e6) / repeat
    histogram.record(Math.max(1, Math.round(ns * SCALE)))
    batches++
  }
  const at = (percentile: number) => Math.round(histogram.percentile(percentile) / SCALE)
  const mean = histogram.mean / SCALE
  const perPage = (pages: number) => ({ pages, ns_per_page: histogram.percentile(50) / SCALE / pages })
  return {
    name: options.name,
    n: batches * repeat,
    min_ns: Math.round(histogram.min / SCALE),
    p50_ns: at(50),
    p90_ns: at(90),
    p99_ns: at(99),
    p999_ns: at(99.9),
    max_ns: Math.round(histogram.max / SCALE),
    mean_ns: Math.round(mean),
    ops_per_s: 1e9 / mean,
    relative_to: {},
    ...(options.pages === undefined ? {} : perPage(options.pages)),
  }
}

/** The result of times taken one by one: exact percentiles, over `operations` in each of them. */
export function ofSamples(name: string, samples: readonly number[], operations = 1): BenchResult {
  if (samples.length === 0) throw new HmmError('HMM_ERR_BENCH', `${name}: nothing was measured`)
  const sorted = samples.map((ns) => ns / operations).sort((a, b) => a - b)
  const at = (share: number) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] as number)
  const mean = sorted.reduce((sum, ns) => sum + ns, 0) / sorted.length
  return {
    name,
    n: samples.length * operations,
    min_ns: at(0),
    p50_ns: at(0.5),
    p90_ns: at(0.9),
    p99_ns: at(0.99),
    p999_ns: at(0.999),
    max_ns: at(1),
    mean_ns: Math.round(mean),
    ops_per_s: 1e9 / mean,
    relative_to: {},
  }
}

/** Adds the ratio of `result` to `base`. */
export function relativeTo(result: BenchResult, base: BenchResult): BenchResult {
  return { ...result, relative_to: { ...result.relative_to, [base.name]: result.p50_ns / base.p50_ns } }
}

/** How often to repeat so that one batch is long enough. */
function calibrate(operation: () => void): number {
  let repeat = 1
  for (;;) {
    const began = performance.now()
    for (let i = 0; i < repeat; i++) operation()
    const ns = (performance.now() - began) * 1e6
    if (ns >= BATCH_NS) return repeat
    if (repeat >= 2 ** 24) throw new RangeError('this operation is too short to be measured: it may do nothing')
    repeat *= 2
  }
}
