/** Does the page of benchmarks draw a curve for each family of results, and list the figures of all? */
import t from 'tap'
import { document } from '../../src/documents.ts'
import { benchPage } from '../../src/report/benched.ts'

const figures = {
  n: 10,
  min_ns: 5,
  p50_ns: 1000,
  p90_ns: 2000,
  p99_ns: 3000,
  p999_ns: 4000,
  max_ns: 5000,
  mean_ns: 1100,
  ops_per_s: 9,
  relative_to: {},
}

t.test('contention by era, scale, and percentiles of the rest', (t) => {
  const names = [
    'contention/sequence/rate-10',
    'contention/sequence/rate-2',
    'contention/events/rate-2',
    'scale/pages/64',
    'scale/pages/512',
    'scale/areas/8',
    'fault',
  ]
  const results = names.map((name) => ({
    name,
    ...figures,
    ...(name.startsWith('scale') ? { pages: 100, ns_per_page: 10 } : {}),
  }))
  const { sections } = benchPage(
    document('bench', true, { era: 'sequence', node: 'v', cpu: 'c', cores: 2, interrupted: false, results }),
  )
  t.same(
    sections.map(({ kind, title }) => `${kind}: ${title}`),
    ['plot: Contention, by era', 'plot: Scale: pages', 'plot: Scale: areas', 'plot: Percentiles', 'table: Figures'],
  )
  const [contention, pages] = sections
  if (contention?.kind !== 'plot' || pages?.kind !== 'plot') throw new Error('no plots')
  t.same(contention.series, [
    {
      label: 'sequence, 50 %',
      points: [
        [2, 1000],
        [10, 1000],
      ],
    },
    {
      label: 'sequence, 99 %',
      points: [
        [2, 3000],
        [10, 3000],
      ],
    },
    { label: 'events, 50 %', points: [[2, 1000]] },
    { label: 'events, 99 %', points: [[2, 3000]] },
  ])
  t.same(
    pages.series[0],
    {
      label: 'pages, 50 %',
      points: [
        [64, 10],
        [512, 10],
      ],
    },
    'time for a page',
  )
  t.same(pages.series[1]?.points[0], [64, 30])
  t.end()
})
