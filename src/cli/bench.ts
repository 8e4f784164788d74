/** `hmm bench`: percentiles and throughput as a table, and as a document. */
import type { BenchResult } from '../../bench/measure.ts'
import type { Era } from '../../shared/hmm/era.ts'
import { bench } from '../bench.ts'
import { document } from '../documents.ts'
import { duration, EXIT, grouped, interruptSignal, Output } from './output.ts'

export interface BenchFlags {
  readonly json?: string
  readonly quick?: boolean
  readonly era?: Era
}

export async function benchVerb(names: readonly string[], flags: BenchFlags): Promise<number> {
  const output = new Output(flags.json)
  const signal = interruptSignal()
  const report = await bench({
    names,
    quick: flags.quick === true,
    ...(flags.era === undefined ? {} : { era: flags.era }),
    signal,
    onResults: (name, results) => {
      for (const line of tableOf(name, results)) output.say(line)
    },
  })
  output.say(
    `node ${report.node}, ${report.cpu}, ${report.cores} cores${flags.quick === true ? '; quick: no figures to quote' : ''}`,
  )
  output.write(document('bench', true, report))
  return report.interrupted ? EXIT.failure : EXIT.clean
}

const COLUMNS = ['p50', 'p90', 'p99', 'p99.9', 'max', 'per second']

function tableOf(name: string, results: readonly BenchResult[]): string[] {
  const width = Math.max(name.length, ...results.map((one) => one.name.length))
  const row = (head: string, cells: readonly string[]) =>
    `${head.padEnd(width)} ${cells.map((cell) => cell.padStart(11)).join('')}`
  const rows = results.flatMap((one) => {
    const times = [one.p50_ns, one.p90_ns, one.p99_ns, one.p999_ns, one.max_ns].map(time)
    const more = moreOf(one)
    return [row(one.name, [...times, grouped(one.ops_per_s)]), ...(more === '' ? [] : [`  ${more}`])]
  })
  return [row(name, COLUMNS), ...rows, '']
}

function time(ns: number): string {
  return ns < 1000 ? `${ns} ns` : duration(ns)
}

/** What a benchmark says beside its times. */
function moreOf(result: BenchResult): string {
  const parts = [
    of(result.ns_per_page, (ns) => `${ns.toFixed(1)} ns per page`),
    of(result.median_steps, (steps) => `${steps} points in the median schedule`),
    of(result.switches_per_schedule, (switches) => `${switches} switches on average`),
    of(result.steps_per_s, (steps) => `${grouped(steps)} points per second`),
    of(result.distinct_traces, (traces) => `${grouped(traces)} different traces in ${grouped(result.n)}`),
    of(result.cold_schedules_per_s, (rate) => `${grouped(rate)} schedules per second from cold`),
    of(result.ns_per_step, (ns) => `${ns} ns per point without a switch`),
    ...Object.entries(result.relative_to).map(([name, ratio]) => `${ratio.toFixed(2)} x ${name}`),
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function of(value: number | undefined, say: (value: number) => string): string {
  return value === undefined ? '' : say(value)
}
