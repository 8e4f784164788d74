/**
 * Repetitions of a benchmark as one result for each name. Every figure is the median of what the repetitions have; a ratio is taken
 * within a repetition, where both of its figures are of the same thread and the same seconds, and only then the median.
 */
import { type BenchResult, medianOf } from '../../bench/measure.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { median } from './median.ts'

/** A result over several repetitions. */
export interface CombinedResult extends BenchResult {
  readonly benchmark: string
  /** p50 of each repetition. */
  readonly repetitions: readonly number[]
  /** What the repetitions' p50 differ by, as a share of their median. */
  readonly spread: number
  /** What `relative_to` has of each repetition. */
  readonly ratios: Readonly<Record<string, readonly number[]>>
}

/** Puts repetitions of `benchmark` together. Throws HmmError when they are not of the same results. */
export function combine(benchmark: string, repetitions: readonly (readonly BenchResult[])[]): CombinedResult[] {
  const [first = [], ...others] = repetitions
  const names = first.map(({ name }) => name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new HmmError('HMM_ERR_BENCH', `${benchmark} has two results of the name ${twice}`)
  for (const [i, other] of others.entries()) {
    const odd = symmetricDifference(
      names,
      other.map(({ name }) => name),
    )
    if (odd !== undefined)
      throw new HmmError('HMM_ERR_BENCH', `repetitions 1 and ${i + 2} of ${benchmark} are not of the same: ${odd} is in one only`)
  }
  return names.map((name) =>
    combined(
      benchmark,
      repetitions.flatMap((one) => one.filter((result) => result.name === name)),
    ),
  )
}

function symmetricDifference(a: readonly string[], b: readonly string[]): string | undefined {
  return a.find((one) => !b.includes(one)) ?? b.find((one) => !a.includes(one))
}

function combined(benchmark: string, results: readonly BenchResult[]): CombinedResult {
  const [first] = results as [BenchResult, ...BenchResult[]]
  const repetitions = results.map((one) => thousandths(medianOf(one)))
  const bases = Object.keys(first.relative_to)
  const ratios = Object.fromEntries(bases.map((base) => [base, results.flatMap((one) => one.relative_to[base] ?? [])]))
  return withRatios(
    {
      ...first,
      ...figuresOf(results),
      benchmark,
      repetitions,
      spread: (Math.max(...repetitions) - Math.min(...repetitions)) / median(repetitions),
      ratios,
    },
    {},
  )
}

/** The same result with more ratios, each the median of those of the repetitions. */
export function withRatios(result: CombinedResult, more: Readonly<Record<string, readonly number[]>>): CombinedResult {
  const ratios = { ...result.ratios, ...more }
  const relative_to = Object.fromEntries(Object.entries(ratios).map(([base, values]) => [base, median(values)]))
  return { ...result, ratios, relative_to }
}

/** The median of each figure that they have; whole figures stay whole. */
function figuresOf(results: readonly BenchResult[]): Record<string, number> {
  const values = new Map<string, number[]>()
  for (const [key, value] of results.flatMap((one) => Object.entries(one)))
    if (typeof value === 'number') values.set(key, [...(values.get(key) ?? []), value])
  return Object.fromEntries(
    [...values].map(([key, all]) => [key, all.every(Number.isInteger) ? Math.round(median(all)) : median(all)]),
  )
}

function thousandths(ns: number): number {
  return Math.round(ns * 1000) / 1000
}
