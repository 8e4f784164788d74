/** Pages of benchmarks: percentiles, and a curve for each family of results whose names differ in a number. */
import type { BenchDocument } from '../documents.ts'
import type { PageModel, PlotSection, Series, TableSection } from './model.ts'

type Result = BenchDocument['results'][number]

/** Results `FAMILY/SERIES.../PREFIX-N`: what N is, and how it is drawn. */
interface Curve {
  readonly pattern: RegExp
  readonly title: string
  readonly x: string
  readonly log: boolean
  series(match: RegExpExecArray): string
}

const CURVES: readonly Curve[] = [
  {
    pattern: /^contention\/([^/]+)\/rate-(\d+(?:\.\d+)?)$/,
    title: 'Contention, by era',
    x: 'rate of invalidations',
    log: false,
    series: ([, era = '']) => era,
  },
  { pattern: /^scale\/(pages)\/(\d+)$/, title: 'Scale: pages', x: 'pages mapped', log: true, series: () => 'pages' },
  {
    pattern: /^scale\/(areas)\/(\d+)$/,
    title: 'Scale: areas',
    x: 'areas of the address space',
    log: true,
    series: () => 'areas',
  },
  { pattern: /^scale\/(ranges)\/(\d+)$/, title: 'Scale: ranges', x: 'ranges', log: true, series: () => 'ranges' },
]

const QUANTILES = ['p50_ns', 'p90_ns', 'p99_ns', 'p999_ns', 'max_ns'] as const
const QUANTILE_NAMES = ['50 %', '90 %', '99 %', '99.9 %', 'max']
/** More lines than these cannot be told apart. */
const MAX_LINES = 6

export function benchPage(document: BenchDocument): PageModel {
  const { results } = document
  const curves = CURVES.flatMap((curve) => curveOf(curve, results))
  const plain = results.filter(({ name }) => !CURVES.some(({ pattern }) => pattern.test(name)))
  return {
    title: 'Benchmarks',
    tone: document.interrupted ? 'open' : 'figures',
    verdict: `${results.length} figures were measured on ${document.cores} cores${document.interrupted ? ', before it was ended early' : ''}; they hold for this host, and what they are compared to was measured in the same run.`,
    facts: [
      ['era', document.era],
      ['node', document.node],
      ['cpu', document.cpu],
      ['cores', String(document.cores)],
      ['version', document.version],
    ],
    sections: [...curves, ...(plain.length === 0 ? [] : [percentiles(plain.slice(0, MAX_LINES))]), figures(results)],
  }
}

function curveOf({ pattern, title, x, log, series }: Curve, results: readonly Result[]): PlotSection[] {
  const lines = new Map<string, [number, number][]>()
  const add = (label: string, n: number, ns: number) => {
    const points = lines.get(label) ?? []
    lines.set(label, points)
    points.push([n, ns])
  }
  let perPage = false
  for (const result of results) {
    const match = pattern.exec(result.name)
    if (match === null) continue
    const n = Number(match[2])
    const label = series(match)
    perPage ||= result.ns_per_page !== undefined
    const share = result.ns_per_page === undefined ? 1 : result.p50_ns / result.ns_per_page
    add(`${label}, 50 %`, n, result.p50_ns / share)
    add(`${label}, 99 %`, n, result.p99_ns / share)
  }
  if (lines.size === 0) return []
  const sorted: Series[] = [...lines].map(([label, points]) => ({ label, points: points.sort(([a], [b]) => a - b) }))
  return [
    {
      kind: 'plot',
      title,
      note: '',
      x: { label: x, scale: log ? 'log' : 'linear', unit: 'count' },
      y: { label: perPage ? 'time for a page' : 'latency', scale: 'log', unit: 'ns' },
      series: sorted,
    },
  ]
}

function percentiles(results: readonly Result[]): PlotSection {
  return {
    kind: 'plot',
    title: 'Percentiles',
    note: 'How long the slower ones take: a line that rises late is predictable.',
    x: { label: 'share that is at most as slow', scale: 'names', names: QUANTILE_NAMES, unit: 'count' },
    y: { label: 'latency', scale: 'log', unit: 'ns' },
    series: results.map((one) => ({ label: one.name, points: QUANTILES.map((key, i) => [i, Math.max(1, one[key])] as const) })),
  }
}

function figures(results: readonly Result[]): TableSection {
  return {
    kind: 'table',
    title: 'Figures',
    note: 'Times in nanoseconds.',
    columns: ['name', 'n', 'min', ...QUANTILE_NAMES, 'per second', 'relative to'],
    numeric: [1, 2, 3, 4, 5, 6, 7, 8],
    rows: results.map((one) => [
      one.name,
      one.n.toLocaleString('en-US'),
      one.min_ns.toLocaleString('en-US'),
      ...QUANTILES.map((key) => one[key].toLocaleString('en-US')),
      Math.round(one.ops_per_s).toLocaleString('en-US'),
      Object.entries(one.relative_to)
        .map(([name, ratio]) => `${ratio.toPrecision(3)} x ${name}`)
        .join(', '),
    ]),
  }
}
