/** The figures of a stress load, read from the machine: counts while it runs, and totals, latencies and locks when it is over. */
import { HISTOGRAM_NAMES, readHistogram, readRetryCause, readStat, type StatName } from '../shared/seam/stats.ts'
import { OPERATION } from '../shared/seam/trace.ts'
import { className } from '../shared/sync/classes.ts'
import { seenOrders } from '../shared/sync/held.ts'
import { type LockTime, readLockTimes } from '../shared/sync/locktimes.ts'
import type { Machine } from './machine.ts'

/** How far a load is: counts since its beginning. */
export interface StressProgress {
  readonly seconds: number
  readonly operations: number
  readonly faults: number
  readonly retries: number
  readonly invalidations: number
  /** Any other count, as it stands. */
  readonly stat: (name: StatName) => number
}

/** Counts since the beginning. */
export interface StressSample {
  readonly seconds: number
  readonly operations: number
  readonly faults: number
  readonly retries: number
  readonly invalidations: number
}

/** Which class of lock was taken while which was held, outermost first, and what `phases` measured of each. */
export interface StressLocks {
  readonly order: readonly { readonly held: string; readonly taken: string }[]
  readonly times: readonly LockTime[]
}

/** Percentiles of a histogram, in nanoseconds: the upper edge of a bucket, which is 6 % wide at most. */
export interface Latency {
  readonly count: number
  readonly p50_ns: number
  readonly p90_ns: number
  readonly p99_ns: number
  readonly p999_ns: number
  readonly max_ns: number
}

/** Counts as they stand. */
export function progress(machine: Machine, seconds: number): StressProgress {
  const stat = statReader(machine)
  return {
    seconds,
    operations: stat('operations'),
    faults: stat('faults'),
    retries: stat('retries'),
    invalidations: stat('invalidations'),
    stat,
  }
}

/** Of the counts what is kept for every second. */
export function sampleOf({ seconds, operations, faults, retries, invalidations }: StressProgress): StressSample {
  return { seconds: Math.round(seconds * 1000) / 1000, operations, faults, retries, invalidations }
}

/** What the book of held locks knows when the load is over. */
export function locksOf({ task, actorNames }: Machine): StressLocks {
  const order = seenOrders(task.words).map(({ held, taken }) => ({ held: className(held), taken: className(taken) }))
  return { order, times: readLockTimes(task.words, actorNames.length) }
}

function retryCauses({ task, actorNames }: Machine): Record<string, number> {
  const counts = Object.entries(OPERATION).map(([name, op]) => [name, readRetryCause(task.words, actorNames.length, op)] as const)
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

/** Counts and latencies of a load that is over. */
export function totals(machine: Machine) {
  const stat = statReader(machine)
  const latency: Record<string, Latency> = {}
  for (const name of HISTOGRAM_NAMES) {
    const { count, ns } = readHistogram(machine.task.words, machine.actorNames.length, name, [0.5, 0.9, 0.99, 0.999, 1])
    if (count === 0) continue
    const [p50_ns = 0, p90_ns = 0, p99_ns = 0, p999_ns = 0, max_ns = 0] = ns
    latency[name] = { count, p50_ns, p90_ns, p99_ns, p999_ns, max_ns }
  }
  return {
    operations: stat('operations'),
    faults: stat('faults'),
    retries: stat('retries'),
    retries_by_others: stat('retriesByOthers'),
    longest_retry_chain: stat('longestRetryChain'),
    invalidations: stat('invalidations'),
    migrations: stat('migrations'),
    prefetched: stat('prefetched'),
    evictions: stat('evictions'),
    throttled: stat('throttled'),
    pinned: stat('pinned'),
    exclusives: stat('exclusives'),
    failed_copies: stat('failedCopies'),
    second_passes: stat('secondPasses'),
    overlapped_passes: stat('overlappedPasses'),
    mirror_directories: stat('mirrorDirectories'),
    put_out: stat('putOut'),
    moved: stat('moved'),
    reaps: stat('reaps'),
    reaps_refused: stat('reapsRefused'),
    direct_reclaims: stat('directReclaims'),
    jobs: stat('jobs'),
    jobs_failed: stat('jobsFailed'),
    close_calls: { PG: stat('savedByRetry') + stat('savedByShootdown') },
    latency,
    retry_causes: retryCauses(machine),
  }
}

function statReader(machine: Machine): (name: StatName) => number {
  return (name) => readStat(machine.task.words, machine.actorNames.length, name)
}
