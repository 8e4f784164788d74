/**
 * The benchmarks that there are, in the order in which they are run. Each is one line here and one file: what it measures, and how
 * it makes sure that it did, is said there. A file is loaded when its benchmark is run.
 */
import type { Era } from '../shared/hmm/era.ts'
import type { BenchResult } from './measure.ts'

export interface RunBenchOptions {
  readonly era: Era
  /** A tenth of the work or less: to see that it runs, not how fast. */
  readonly quick: boolean
}

export interface Benchmark {
  /** What is measured, in a line of the help. */
  readonly summary: string
  /** One repetition. It is run on a thread of its own, which may start workers; it leaves none behind. */
  run(options: RunBenchOptions): Promise<BenchResult[]>
}

const QUICK = { seconds: 0.05 }

/** By their names. */
export const TABLE = {
  scale: {
    summary: 'what mirroring a page costs as the address space and the number of its areas grow',
    run: async ({ era, quick }) => (await import('./scale.ts')).scale({ era, ...(quick ? QUICK : {}) }),
  },
  explore: {
    summary: 'schedules and steps per second for a scenario of five actors',
    run: async ({ era, quick }) =>
      (await import('./explore.ts')).exploreBench({ era, ...(quick ? { schedules: 500, warmUp: 200 } : {}) }),
  },
} as const satisfies Record<string, Benchmark>

export type BenchmarkName = keyof typeof TABLE

/** Their names and summaries, for the help. */
export function benchmarkLines(): string[] {
  const width = Math.max(...Object.keys(TABLE).map((name) => name.length))
  return Object.entries(TABLE).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
}
