/**
 * `bench`: runs benchmarks by name, one after the other. What each measures, and how it makes sure that it did, is said in its own
 * file in bench/.
 */
import { availableParallelism, cpus } from 'node:os'
import type { ExploreBenchOptions } from '../bench/explore.ts'
import type { BenchResult } from '../bench/measure.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { HmmError } from '../shared/seam/error.ts'

/** Those that there are, in the order in which they are run. */
export const BENCHMARKS = ['scale', 'explore'] as const
export type BenchmarkName = (typeof BENCHMARKS)[number]

export interface BenchOptions {
  /** Default: all of them. */
  readonly names?: readonly string[]
  /** A tenth of the work: to see that it runs, not how fast. */
  readonly quick?: boolean
  /** Which protocol the drivers run on. Default `sequence`. */
  readonly era?: Era
  readonly onResults?: (name: BenchmarkName, results: readonly BenchResult[]) => void
  /** No further benchmark begins once it is aborted. */
  readonly signal?: AbortSignal
}

export interface BenchReport {
  readonly era: Era
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly interrupted: boolean
  readonly results: readonly BenchResult[]
}

/** Measures. Throws HmmError for a name that is none, and where a benchmark did not do what it is to measure. */
export async function bench(options: BenchOptions = {}): Promise<BenchReport> {
  const names = options.names === undefined || options.names.length === 0 ? BENCHMARKS : options.names.map(known)
  const { era = DEFAULT_ERA } = options
  const results: BenchResult[] = []
  for (const name of new Set(names)) {
    if (options.signal?.aborted === true) break
    const measured = await run(name, options.quick === true, era)
    options.onResults?.(name, measured)
    results.push(...measured)
  }
  return {
    era,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    interrupted: options.signal?.aborted === true,
    results,
  }
}

function known(name: string): BenchmarkName {
  const found = BENCHMARKS.find((one) => one === name)
  if (found === undefined)
    throw new HmmError('HMM_ERR_USAGE', `there is no benchmark ${JSON.stringify(name)}; there are ${BENCHMARKS.join(', ')}`)
  return found
}

const QUICK: ExploreBenchOptions = { schedules: 500, warmUp: 200 }

async function run(name: BenchmarkName, quick: boolean, era: Era): Promise<BenchResult[]> {
  if (name === 'scale') return (await import('../bench/scale.ts')).scale({ era, ...(quick ? { seconds: 0.05 } : {}) })
  return (await import('../bench/explore.ts')).exploreBench({ era, ...(quick ? QUICK : {}) })
}
