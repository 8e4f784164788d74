/** `hmm bench`: percentiles and throughput as a table, and as a document; and what has changed since an older one. */
import type { BenchmarkName } from '../../bench/index.ts'
import type { Era } from '../../shared/hmm/era.ts'
import { HmmError } from '../../shared/seam/error.ts'
import type { CombinedResult } from '../bench/combine.ts'
import { type Comparison, compare, readBenchDocument } from '../bench/compare.ts'
import { BENCHMARKS, bench } from '../bench.ts'
import { type BenchDocument, document } from '../documents.ts'
import { changeLines } from './benchchanges.ts'
import { duration, EXIT, grouped, interruptSignal, Output } from './output.ts'

export interface BenchFlags {
  readonly json?: string
  readonly quick?: boolean
  readonly era?: Era
  readonly repetitions?: number
  readonly floor?: string
  readonly compare?: string
  readonly with?: string
  readonly threshold: number
}

/** Repetitions that are compared: with those of an older document, even if these are three, enough to tell a change from chance. */
const COMPARED = 5

export async function benchVerb(names: readonly string[], flags: BenchFlags): Promise<number> {
  const output = new Output(flags.json)
  if (flags.with !== undefined) return compareVerb(names, flags, output)
  const old = flags.compare === undefined ? undefined : readBenchDocument(flags.compare)
  const signal = interruptSignal()
  const repetitions = flags.repetitions ?? (old === undefined || flags.quick === true ? undefined : COMPARED)
  const report = await bench({
    names: names.length > 0 || old === undefined ? names : namesIn(old),
    quick: flags.quick === true,
    ...(flags.era === undefined ? {} : { era: flags.era }),
    ...(repetitions === undefined ? {} : { repetitions }),
    ...(flags.floor === undefined ? {} : { floor: flags.floor }),
    signal,
    onRepetition: (name, number, of) => {
      if (of > 1) output.progress(`${name}: repetition ${number} of ${of}`)
    },
    onResults: (name, results, notes) => {
      for (const line of [...tableOf(name, results), ...notes.map((note) => `note: ${note}`), '']) output.say(line)
    },
  })
  output.say(
    `node ${report.node}, ${report.cpu}, ${report.cores} cores; a clock of ${report.clock.step_ns} ns${report.quick ? '; quick: no figures to quote' : ''}`,
  )
  const comparison = old === undefined ? undefined : compare(old, report, flags.compare as string, flags.threshold)
  return told(output, report, comparison)
}

/** Two documents that are there already: nothing is measured. */
function compareVerb(names: readonly string[], flags: BenchFlags, output: Output): number {
  if (flags.compare === undefined)
    throw new HmmError('HMM_ERR_USAGE', '--with takes the place of measuring: it needs --compare and the older document')
  if (names.length > 0 || flags.floor !== undefined || flags.repetitions !== undefined || flags.quick === true)
    throw new HmmError(
      'HMM_ERR_USAGE',
      '--with compares two documents and measures nothing: it takes no benchmarks and none of their options',
    )
  const [old, now] = [readBenchDocument(flags.compare), readBenchDocument(flags.with as string)]
  return told(output, now, compare(old, now, flags.compare, flags.threshold))
}

function told(output: Output, report: { readonly interrupted: boolean }, comparison: Comparison | undefined): number {
  for (const line of comparison === undefined ? [] : changeLines(comparison)) output.say(line)
  const worse = comparison?.changes.some(({ regression }) => regression) === true
  output.write(document('bench', !worse, { ...report, ok: !worse, ...(comparison === undefined ? {} : { comparison }) }))
  if (worse) return EXIT.finding
  return report.interrupted ? EXIT.failure : EXIT.clean
}

/** Benchmarks that an older document has and this build knows. */
function namesIn(old: BenchDocument): BenchmarkName[] {
  const both = BENCHMARKS.filter((name) => old.benchmarks.some((one) => one.name === name))
  if (both.length === 0) throw new HmmError('HMM_ERR_USAGE', `the older document has none of ${BENCHMARKS.join(', ')}`)
  return both
}

const COLUMNS = ['p50', 'p90', 'p99', 'p99.9', 'max', 'per second']

function tableOf(name: string, results: readonly CombinedResult[]): string[] {
  const width = Math.max(name.length, ...results.map((one) => one.name.length))
  const row = (head: string, cells: readonly string[]) =>
    `${head.padEnd(width)} ${cells.map((cell) => ` ${cell.padStart(10)}`).join('')}`
  const rows = results.flatMap((one) => {
    const times = [one.p50_ns, one.p90_ns, one.p99_ns, one.p999_ns, one.max_ns].map(time)
    const more = moreOf(one)
    return [row(one.name, [...times, grouped(one.ops_per_s)]), ...(more === '' ? [] : [`  ${more}`])]
  })
  return [row(name, COLUMNS), ...rows]
}

function time(ns: number): string {
  return ns < 1000 ? `${ns} ns` : duration(ns)
}

/** What a benchmark says beside its times. */
function moreOf(result: CombinedResult): string {
  const parts = [
    result.repetitions.length > 1 ? `${result.repetitions.length} repetitions within ${Math.round(100 * result.spread)} %` : '',
    of(result.ns_per_page, (ns) => `${ns.toFixed(1)} ns per page`),
    of(result.median_steps, (steps) => `${steps} points in the median schedule`),
    of(result.switches_per_schedule, (switches) => `${switches.toFixed(1)} switches on average`),
    of(result.steps_per_s, (steps) => `${grouped(steps)} points per second`),
    of(result.distinct_traces, (traces) => `${grouped(traces)} different traces in ${grouped(result.n)}`),
    of(result.cold_schedules_per_s, (rate) => `${grouped(rate)} schedules per second from cold`),
    of(result.ns_per_step, (ns) => `${ns.toFixed(1)} ns per point without a switch`),
    of(result.drops_per_s, (rate) => `${grouped(rate)} drops per second`),
    of(result.retries_per_success, (retries) => `${retries} retries per success`),
    of(result.longest_chain, (chain) => `${chain} in a row at most`),
    of(result.hop_futex_round_trips, (hops) => `${hops} futex round trips more than inline`),
    of(result.actors, (actors) => `${actors} actors`),
    ...Object.entries(result.relative_to).map(([name, ratio]) => `${ratio.toFixed(2)} x ${name}`),
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function of(value: number | undefined, say: (value: number) => string): string {
  return value === undefined ? '' : say(value)
}
