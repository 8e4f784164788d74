/**
 * Measuring: an operation repeated in batches long enough for the clock, percentiles over the batches. Figures of one
 * process compare with each other; figures of two machines do not.
 */
import { createHistogram } from 'node:perf_hooks'

export interface BenchResult {
  readonly name: string
  /** Operations measured. */
  readonly n: number
  readonly min_ns: number
  readonly p50_ns: number
  readonly p90_ns: number
  readonly p99_ns: number
  readonly max_ns: number
  readonly mean_ns: number
  readonly ops_per_s: number
  /** Ratio of p50 to that of other results of the same run, by their names. */
  readonly relative_to: Readonly<Record<string, number>>
}

export interface MeasureOptions {
  readonly name: string
  /** Units (pages, messages) one call does; times are per unit. Default 1. */
  readonly units?: number
  /** Seconds to measure for, after a warm-up of a quarter of that. Default 0.5. */
  readonly seconds?: number
}

/** Shortest batch that is timed as one: a thousand times what reading the clock costs. */
const BATCH_NS = 100_000
/** Times are kept in units of 1/1000 ns, because a page can take less than a few of them. */
const SCALE = 1000

/** Repeats `operation` and returns the time of one unit. Refuses an operation that the clock cannot see. */
export function measure(options: MeasureOptions, operation: () => void): BenchResult {
  const units = options.units ?? 1
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
    const ns = ((performance.now() - began) * 1e6) / (repeat * units)
    histogram.record(Math.max(1, Math.round(ns * SCALE)))
    batches++
  }
  const at = (percentile: number) => histogram.percentile(percentile) / SCALE
  const mean = histogram.mean / SCALE
  return {
    name: options.name,
    n: batches * repeat * units,
    min_ns: histogram.min / SCALE,
    p50_ns: at(50),
    p90_ns: at(90),
    p99_ns: at(99),
    max_ns: histogram.max / SCALE,
    mean_ns: mean,
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
