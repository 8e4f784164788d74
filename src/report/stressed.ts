/** Pages of stress runs. */
import type { StressDocument } from '../documents.ts'
import type { PageModel, Section } from './model.ts'

const QUANTILES = ['p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns'] as const
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
    sections: [...violationSection(document), ...latencySections(document)],
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

function latencySections({ latency }: StressDocument): Section[] {
  const names = Object.keys(latency)
  if (names.length === 0) return []
  return [
    {
      kind: 'plot',
      title: 'Latency',
      note: 'Each line is one kind of work: how long the slower ones of it take.',
      x: { label: 'share that is at most as slow', scale: 'names', names: QUANTILE_NAMES, unit: 'count' },
      y: { label: 'latency', scale: 'log', unit: 'ns' },
      series: Object.entries(latency).map(([label, one]) => ({
        label: inWords(label),
        points: QUANTILES.map((key, i) => [i, Math.max(1, one[key])] as const),
      })),
    },
  ]
}

/** `cpuFault`: `cpu fault`. */
function inWords(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
}

function grouped(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}
