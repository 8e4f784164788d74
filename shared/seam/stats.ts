/**
 * Statistics: counters and latency histograms of each actor, in the buffer. Written plainly by their own actor, summed by
 * the booting thread; nothing is decided by them.
 *
 *   per actor   COUNTER_WORDS counters in `stats`; HISTOGRAM_WORDS buckets, 512 a histogram, in `histograms`, which a
 *               small machine does without
 *
 * A bucket covers 1/16 of a power of two of nanoseconds: 6 % wide at worst, 2^32 ns (4.3 s) in all.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import type { Task } from './task.ts'

export const STAT = {
  operations: 0,
  /** Device faults served: the engine's access went through, or was refused for good, after a fault. */
  faults: 1,
  /** Fill attempts thrown away because the range was invalidated. */
  retries: 2,
  /** Those of them where the invalidation's origin is another actor. */
  retriesByOthers: 3,
  /** Longest chain of retries for one fault. A maximum, not a sum. */
  longestRetryChain: 4,
  invalidations: 5,
  /** Invalidations whose callbacks a dispatcher ran. */
  dispatched: 6,
  deviceAccesses: 7,
  cpuAccesses: 8,
  cpuFaults: 9,
  migrations: 10,
  /** Faults that could not be served: the command was cancelled. */
  cancelledFaults: 11,
  shootdownWaits: 12,
  /** Close calls: a retry that kept a stale entry out. */
  savedByRetry: 13,
  /** Close calls: a device TLB flush that had to wait for an access in flight. */
  savedByShootdown: 14,
  /** Second passes of invalidations: work that a first pass had begun. */
  secondPasses: 15,
  /** Those of them that shared their invalidation with another: they were under way at the same time. */
  overlappedPasses: 16,
  /** Directories of mirror page tables that were made, on all levels but the root. */
  mirrorDirectories: 17,
  /** Pages that reclaim put out (mm/shrink.ts). */
  putOut: 18,
  /** Faults that found no frame and reclaimed themselves. */
  directReclaims: 19,
  /** Pages that were moved to another frame (mm/compact.ts). */
  moved: 20,
  /** Spans that the OOM reaper took, and those that a subscriber refused or that it could not lock. */
  reaps: 21,
  reapsRefused: 22,
  /** Jobs that engines did for drivers (device/jobs.ts), and those of them that ended with an error. */
  jobs: 23,
  jobsFailed: 24,
  /** Accesses of a trace that were not made: memory was out. */
  refusedAccesses: 25,
  /** Pages of a device's own memory that went home to make room. */
  evictions: 26,
  /** Pages that moved to a device because their neighbours had. */
  prefetched: 27,
  /** Device faults that were left alone for a while, because their page was moved to and fro. */
  throttled: 28,
  /** Pages that were left in system memory for that reason. */
  pinned: 29,
  /** Pages taken from all CPUs for a device's atomic access. */
  exclusives: 30,
  /** Copies that the device's hardware failed to make. */
  failedCopies: 31,
} as const
export type StatName = keyof typeof STAT
export const STAT_NAMES = Object.keys(STAT) as StatName[]
const MAXIMA: ReadonlySet<StatName> = new Set<StatName>(['longestRetryChain'])

export const HISTOGRAM = {
  deviceFault: 0,
  invalidation: 1,
  cpuFault: 2,
  /** Parts of a fault's service, where they are measured (seam/phases.ts). */
  queue: 3,
  readBegin: 4,
  mmapSem: 5,
  walk: 6,
  driverLock: 7,
  check: 8,
  install: 9,
} as const
export type HistogramName = keyof typeof HISTOGRAM
export const HISTOGRAM_NAMES = Object.keys(HISTOGRAM) as HistogramName[]

/** Parts of a fault's service, in the order in which it goes through them. */
export const PHASES = [
  'queue',
  'readBegin',
  'mmapSem',
  'walk',
  'driverLock',
  'check',
  'install',
] as const satisfies HistogramName[]

/** Counters of retries by the operation that caused them (seam/trace.ts numbers them), behind the others. */
const RETRIES_BY_OPERATION = 40
export const COUNTER_WORDS = 80
const BUCKETS = 512
const SUB_BITS = 4
export const HISTOGRAM_WORDS = HISTOGRAM_NAMES.length * BUCKETS

export function countStat(task: Task, stat: number, amount = 1): void {
  const at = regionAt(task.words, 'stats') + task.id * COUNTER_WORDS + stat
  task.words[at] = (task.words[at] as number) + amount
}

/** A counter of this actor, as it is now. */
export function ownStat(task: Task, stat: number): number {
  return task.words[regionAt(task.words, 'stats') + task.id * COUNTER_WORDS + stat] as number
}

/** For maxima: keeps the larger one. */
export function maxStat(task: Task, stat: number, value: number): void {
  const at = regionAt(task.words, 'stats') + task.id * COUNTER_WORDS + stat
  if (value > (task.words[at] as number)) task.words[at] = value
}

/** Counts a retry whose cause is an operation of that number. */
export function countRetryCause(task: Task, op: number): void {
  countStat(task, RETRIES_BY_OPERATION + op)
}

/** Retries over all actors that an operation of that number caused. */
export function readRetryCause(words: Words, actors: number, op: number): number {
  let total = 0
  for (let id = 0; id < actors; id++)
    total += (words[regionAt(words, 'stats') + id * COUNTER_WORDS + RETRIES_BY_OPERATION + op] as number) >>> 0
  return total
}

/** Adds a latency of `ns` to a histogram. */
export function recordLatency(task: Task, histogram: number, ns: number): void {
  if (regionWords(task.words, 'histograms') === 0) return
  const at = regionAt(task.words, 'histograms') + task.id * HISTOGRAM_WORDS + histogram * BUCKETS + bucketOf(ns)
  task.words[at] = (task.words[at] as number) + 1
}

/** A counter over all actors: the sum, or the maximum where the counter is one. */
export function readStat(words: Words, actors: number, name: StatName): number {
  let total = 0
  for (let id = 0; id < actors; id++) {
    const value = words[regionAt(words, 'stats') + id * COUNTER_WORDS + STAT[name]] as number
    total = MAXIMA.has(name) ? Math.max(total, value) : total + (value >>> 0)
  }
  return total
}

/** Count and quantiles of a histogram over all actors, in ns: each quantile is the upper edge of its bucket. */
export function readHistogram(
  words: Words,
  actors: number,
  name: HistogramName,
  quantiles: readonly number[],
): { count: number; ns: number[] } {
  const sums = new Array<number>(BUCKETS).fill(0)
  if (regionWords(words, 'histograms') === 0) return { count: 0, ns: quantiles.map(() => 0) }
  for (let id = 0; id < actors; id++) {
    const at: WordAt = regionAt(words, 'histograms') + id * HISTOGRAM_WORDS + HISTOGRAM[name] * BUCKETS
    for (let i = 0; i < BUCKETS; i++) sums[i] = (sums[i] as number) + (words[at + i] as number)
  }
  const count = sums.reduce((a, b) => a + b, 0)
  const ns = quantiles.map((quantile) => {
    let left = Math.max(1, Math.ceil(quantile * count))
    for (let i = 0; i < BUCKETS; i++) {
      left -= sums[i] as number
      if (left <= 0 && count > 0) return edgeOf(i)
    }
    return 0
  })
  return { count, ns }
}

/** Bucket of a latency: below 16 ns one bucket per ns, then 16 per power of two. */
function bucketOf(ns: number): number {
  const whole = Math.max(0, Math.min(0xffffffff, Math.round(ns)))
  if (whole < 1 << SUB_BITS) return whole
  const exponent = 31 - Math.clz32(whole)
  return Math.min(
    BUCKETS - 1,
    ((exponent - SUB_BITS + 1) << SUB_BITS) + ((whole >>> (exponent - SUB_BITS)) & ((1 << SUB_BITS) - 1)),
  )
}

/** Upper edge of a bucket. */
function edgeOf(bucket: number): number {
  if (bucket < 1 << SUB_BITS) return bucket
  const exponent = (bucket >> SUB_BITS) + SUB_BITS - 1
  const step = 2 ** (exponent - SUB_BITS)
  return 2 ** exponent + ((bucket & ((1 << SUB_BITS) - 1)) + 1) * step - 1
}
