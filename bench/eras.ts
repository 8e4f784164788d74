/**
 * The eras side by side: the same load on each, in turns, and what a device's fault and a change of the page table cost in it. Each
 * figure is the median over the turns, so that a host that is slow for a while is slow for one turn of all of them.
 */
import type { Era } from '../shared/hmm/era.ts'
import { ERAS_THERE } from '../shared/hmm/protocol.ts'
import { HmmError } from '../shared/seam/error.ts'
import { duration, grouped } from '../src/cli/output.ts'
import { type StressResult, stress } from '../src/stress.ts'

export interface ErasOptions {
  /** Default: all that this build has. */
  readonly eras?: readonly Era[]
  /** Seconds of one turn. Default 5. */
  readonly seconds?: number
  /** Turns of each era. Default 3. */
  readonly turns?: number
  readonly devices?: readonly string[]
}

/** Median figures of one era. */
export interface EraRow {
  readonly era: Era
  readonly faults_per_s: number
  readonly retries_per_100_faults: number
  readonly longest_retry_chain: number
  readonly fault_p50_ns: number
  readonly fault_p99_ns: number
  readonly invalidation_p50_ns: number
  readonly invalidation_p99_ns: number
  /** Of 100 invalidations: flushes that were under way while another device's was, too. */
  readonly overlapped_per_100: number
}

/** Runs the load. Throws HmmError when an era is not coherent: then its figures would say nothing. */
export async function compareEras(options: ErasOptions = {}): Promise<EraRow[]> {
  const { eras = ERAS_THERE, seconds = 5, turns = 3, devices = ['svm', 'svm', 'svm', 'svm'] } = options
  const results = new Map<Era, StressResult[]>(eras.map((era) => [era, []]))
  for (let turn = 0; turn < turns; turn++) {
    for (const era of eras) {
      const result = await stress({ era, seconds, devices, seed: turn + 1 })
      if (result.violations[0] !== undefined)
        throw new HmmError('HMM_ERR_BENCH', `era ${era} is not coherent: ${result.violations[0].message}`)
      results.get(era)?.push(result)
    }
  }
  return eras.map((era) => rowOf(era, results.get(era) ?? []))
}

function rowOf(era: Era, results: readonly StressResult[]): EraRow {
  const middle = (of: (one: StressResult) => number) => results.map(of).sort((a, b) => a - b)[results.length >> 1] ?? 0
  const latency = (name: string, at: 'p50_ns' | 'p99_ns') => middle((one) => one.latency[name]?.[at] ?? 0)
  return {
    era,
    faults_per_s: Math.round(middle((one) => one.faults / one.seconds)),
    retries_per_100_faults: middle((one) => (100 * one.retries) / Math.max(1, one.faults)),
    longest_retry_chain: Math.max(...results.map((one) => one.longest_retry_chain)),
    fault_p50_ns: latency('deviceFault', 'p50_ns'),
    fault_p99_ns: latency('deviceFault', 'p99_ns'),
    invalidation_p50_ns: latency('invalidation', 'p50_ns'),
    invalidation_p99_ns: latency('invalidation', 'p99_ns'),
    overlapped_per_100: middle((one) => (100 * one.overlapped_passes) / Math.max(1, one.invalidations)),
  }
}

const HEAD = [
  'era',
  'faults/s',
  'retries per 100',
  'longest',
  'fault p50',
  'p99',
  'invalidation p50',
  'p99',
  'overlapped per 100',
]

/** The rows as a table in Markdown. */
export function eraLines(rows: readonly EraRow[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
  return [
    line(HEAD),
    line(HEAD.map((_, i) => (i === 0 ? '---' : '---:'))),
    ...rows.map((row) =>
      line([
        row.era,
        grouped(row.faults_per_s),
        row.retries_per_100_faults.toFixed(1),
        String(row.longest_retry_chain),
        duration(row.fault_p50_ns),
        duration(row.fault_p99_ns),
        duration(row.invalidation_p50_ns),
        duration(row.invalidation_p99_ns),
        row.overlapped_per_100.toFixed(2),
      ]),
    ),
  ]
}
