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

const times = (era: Era, quick: boolean) => ({ era, ...(quick ? { seconds: 0.05 } : {}) })
const QUICK_SCALE = { pages: [512, 4096, 32768], areas: [64, 512] }
const QUICK_EXPLORE = { schedules: 500, warmUp: 200 }

/** By their names. */
export const TABLE = {
  floors: {
    summary: 'what the language and the memory cost: Atomics, plain accesses, copies',
    run: async ({ era, quick }) => (await import('./floors.ts')).floorsBench(times(era, quick)),
  },
  'mirror-range': {
    summary: 'the loop of a driver over 512 pages and over one, present and not',
    run: async ({ era, quick }) => (await import('./mirrorrange.ts')).mirrorRangeBench(times(era, quick)),
  },
  migrate: {
    summary: '512 pages to a device and home',
    run: async ({ era, quick }) => (await import('./migrate.ts')).migrateBench(times(era, quick)),
  },
  locks: {
    summary: 'locks that nobody else wants, beside Atomics alone',
    run: async ({ era, quick }) => (await import('./locks.ts')).locksBench(times(era, quick)),
  },
  scale: {
    summary: 'what a page and an invalidation cost as the address space, its areas and its ranges grow',
    run: async ({ era, quick }) =>
      (await import('./scale.ts')).scaleBench({ ...times(era, quick), ...(quick ? QUICK_SCALE : {}) }),
  },
  peers: {
    summary: 'round trips between two threads: futex, spin, MessagePort, comlink, piscina',
    run: async ({ era, quick }) => (await import('./peers.ts')).peersBench(times(era, quick)),
  },
  mailbox: {
    summary: 'a message to an actor and back, awake and parked',
    run: async ({ era, quick }) => (await import('./mailbox.ts')).mailboxBench(times(era, quick)),
  },
  invalidate: {
    summary: 'a page is unmapped that 1, 2, 4 devices mirror, until it may be freed',
    run: async ({ era, quick }) => (await import('./invalidate.ts')).invalidateBench(times(era, quick)),
  },
  'device-fault': {
    summary: 'a device touches a page that it has not: raised, served, replayed',
    run: async ({ era, quick }) => (await import('./devicefault.ts')).deviceFaultBench(times(era, quick)),
  },
  contention: {
    summary: 'faults of a device under drops at a rising rate, in each era',
    run: async ({ era, quick }) => (await import('./contention.ts')).contentionBench(times(era, quick)),
  },
  'contended-locks': {
    summary: 'locks that two threads want, beside Atomics that they contend for',
    run: async ({ era, quick }) => (await import('./contendedlocks.ts')).contendedLocksBench(times(era, quick)),
  },
  explore: {
    summary: 'schedules and steps per second for a scenario of five actors',
    run: async ({ era, quick }) => (await import('./explore.ts')).exploreBench({ era, ...(quick ? QUICK_EXPLORE : {}) }),
  },
} as const satisfies Record<string, Benchmark>

/** Name of a benchmark. */
export type BenchmarkName = keyof typeof TABLE

/** Their names and summaries, for the help. */
export function benchmarkLines(): string[] {
  const width = Math.max(...Object.keys(TABLE).map((name) => name.length))
  return Object.entries(TABLE).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`)
}
