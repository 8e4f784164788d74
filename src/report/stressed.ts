/** Pages of stress runs: throughput, latencies by phase, causes of retries, and locks. */
import { PHASES } from '../../shared/seam/stats.ts'
import { BOOK_NAMES } from '../../shared/sync/classes.ts'
import type { StressDocument } from '../documents.ts'
import type { PageModel, Section } from './model.ts'

const QUANTILES = ['p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns'] as const
/** Phases and operations that are called otherwise among people. */
const FIELD_NAMES: Readonly<Record<string, string>> = {
  readBegin: 'read_begin wait',
  mmapSem: 'mmap_sem',
  serviceFault: 'fault service',
  none: 'not known',
}
const QUANTILE_NAMES = ['50 %', '90 %', '99 %', '99.9 %', 'max']

export function stressPage(document: StressDocument): PageModel {
  const { violations, seconds, operations, faults } = document
  const volume = `${grouped(operations)} operations and ${grouped(faults)} device faults in ${seconds.toFixed(1)} s by ${document.cpus} cpus and ${document.devices.length} devices`
  const [first] = violations
  return {
    title: `Stress: ${document.profile}`,
    tone: first !== undefined ? 'finding' : document.interrupted ? 'open' : 'clean',
    verdict:
      first === undefined
        ? `No oracle objected: ${volume}${document.interrupted ? ', ended early' : ''}; a race whose window nobody hit in that time is not excluded.`
        : `${first.oracle}: ${first.message}${violations.length > 1 ? `, and ${violations.length - 1} more` : ''}; found in ${volume}.`,
    facts: factsOf(document),
    sections: [
      ...violationSection(document),
      ...throughput(document),
      ...latencySections(document),
      ...causes(document),
      ...lockSections(document),
    ],
  }
}

function factsOf(document: StressDocument): [string, string][] {
  const { faults, retries, retries_by_others } = document
  const share = (n: number) => (faults === 0 ? '0' : ((100 * n) / faults).toFixed(1))
  return [
    ['era', document.era],
    ['seed', String(document.seed)],
    ['devices', document.devices.join(', ')],
    ['invalidations', grouped(document.invalidations)],
    ['retries', `${grouped(retries)}: ${share(retries)} per 100 faults, ${share(retries_by_others)} caused by another actor`],
    ['longest chain of retries', grouped(document.longest_retry_chain)],
    ['migrations', grouped(document.migrations)],
    [
      'close calls',
      Object.entries(document.close_calls)
        .map(([oracle, n]) => `${oracle} ${grouped(n)}`)
        .join(', '),
    ],
    ['version', document.version],
  ]
}

function violationSection({ violations }: StressDocument): Section[] {
  if (violations.length === 0) return []
  return [
    {
      kind: 'table',
      title: 'Violations',
      note: '',
      columns: ['oracle', 'what it saw', 'actor', 'operations that met'],
      numeric: [],
      rows: violations.map((one) => [one.oracle, one.message, one.actor ?? '', (one.operations ?? []).join('; ')]),
    },
  ]
}

/** A line of percentiles for each of `names`. */
function percentiles(title: string, note: string, latency: StressDocument['latency'], names: readonly string[]): Section[] {
  const there = names.filter((name) => latency[name] !== undefined)
  if (there.length === 0) return []
  return [
    {
      kind: 'plot',
      title,
      note,
      x: { label: 'share that is at most as slow', scale: 'names', names: QUANTILE_NAMES, unit: 'count' },
      y: { label: 'time', scale: 'log', unit: 'ns' },
      series: there.map((name) => ({
        label: inWords(name),
        points: QUANTILES.map((key, i) => [i, Math.max(1, latency[name]?.[key] ?? 0)] as const),
      })),
    },
  ]
}

function latencySections({ latency }: StressDocument): Section[] {
  const phases: readonly string[] = PHASES
  const whole = Object.keys(latency).filter((name) => !phases.includes(name))
  const note = 'Each line is one kind of work: how long the slower ones of it take.'
  const unmeasured = phases.some((name) => latency[name] !== undefined)
    ? ''
    : ' Its phases are measured with hmm stress --phases.'
  return [
    ...percentiles('Latency', `${note}${unmeasured}`, latency, whole),
    ...percentiles(
      'A fault, phase by phase',
      'Where the time of a fault service goes, from the buffer to the mirror.',
      latency,
      phases,
    ),
  ]
}

function throughput({ samples = [] }: StressDocument): Section[] {
  if (samples.length < 2) return []
  const rate = (key: 'operations' | 'faults' | 'retries' | 'invalidations') =>
    samples.map((sample, i) => {
      const before = samples[i - 1]
      const seconds = sample.seconds - (before?.seconds ?? 0)
      return [sample.seconds, Math.max(1, (sample[key] - (before?.[key] ?? 0)) / Math.max(0.001, seconds))] as const
    })
  return [
    {
      kind: 'plot',
      title: 'Throughput over time',
      note: 'Per second, looked at once a second. A line that goes down is a leak or a fight.',
      x: { label: 'time', scale: 'linear', unit: 's' },
      y: { label: 'per second', scale: 'log', unit: 'count' },
      series: [
        { label: 'operations', points: rate('operations') },
        { label: 'device faults', points: rate('faults') },
        { label: 'retries', points: rate('retries') },
        { label: 'invalidations', points: rate('invalidations') },
      ],
    },
  ]
}

function causes({ retry_causes = {}, retries }: StressDocument): Section[] {
  const counts = Object.entries(retry_causes).sort(([, a], [, b]) => b - a)
  if (counts.length === 0) return []
  return [
    {
      kind: 'table',
      title: 'Retries by cause',
      note: 'What the actor was doing whose invalidation spoilt a fill. A fault service spoils its own when it has to fault pages in.',
      columns: ['operation', 'retries', 'share'],
      numeric: [1, 2],
      rows: counts.map(([cause, count]) => [
        inWords(cause),
        grouped(count),
        `${((100 * count) / Math.max(1, retries)).toFixed(1)} %`,
      ]),
    },
  ]
}

function lockSections({ locks }: StressDocument): Section[] {
  if (locks === undefined) return []
  const sections: Section[] = []
  if (locks.order.length > 0) {
    const names = BOOK_NAMES.filter((name) => locks.order.some(({ held, taken }) => held === name || taken === name))
    const others = [...new Set(locks.order.flatMap(({ held, taken }) => [held, taken]))].filter(
      (name) => !BOOK_NAMES.includes(name),
    )
    const all = [...names, ...others]
    const upwards = locks.order.filter(({ held, taken }) => all.indexOf(taken) < all.indexOf(held)).length
    sections.push({
      kind: 'order',
      title: 'Lock order',
      note: `Outermost first, as the book of locks has them; an arc for each lock that was taken while another was held. ${upwards === 0 ? 'None runs upwards.' : `${upwards} run upwards: an inverted order.`}`,
      locks: all,
      edges: locks.order.map(({ held, taken }) => [all.indexOf(held), all.indexOf(taken)]),
    })
  }
  if (locks.times.length > 0) {
    const times = [...locks.times].sort((a, b) => b.wait_ns - a.wait_ns)
    sections.push({
      kind: 'table',
      title: 'Locks: waits and holds',
      note: 'Those that were waited for longest first. Times of all actors together.',
      columns: ['lock', 'taken', 'waited in all', 'mean wait', 'longest wait', 'held in all', 'mean hold', 'longest hold'],
      numeric: [1, 2, 3, 4, 5, 6, 7],
      rows: times.map(({ name, taken, wait_ns, wait_max_ns, hold_ns, hold_max_ns }) => [
        name,
        grouped(taken),
        ...[wait_ns, wait_ns / taken, wait_max_ns, hold_ns, hold_ns / taken, hold_max_ns].map(time),
      ]),
    })
  }
  return sections
}

/** `cpuFault`: `cpu fault`. */
function inWords(name: string): string {
  return FIELD_NAMES[name] ?? name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function grouped(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

function time(ns: number): string {
  if (ns < 1e3) return `${Math.round(ns)} ns`
  if (ns < 1e6) return `${(ns / 1e3).toFixed(1)} us`
  return ns < 1e9 ? `${(ns / 1e6).toFixed(1)} ms` : `${(ns / 1e9).toFixed(2)} s`
}
