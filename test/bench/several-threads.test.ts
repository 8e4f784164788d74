/**
 * Do the benchmarks of several threads do the work that they say, in each of their shapes? Briefly: no time is looked at, a ratio must be
 * that of its rows. That each runs at all: each-runs.
 */
import t, { type Test } from 'tap'
import { contentionBench } from '../../bench/contention.ts'
import { invalidateBench } from '../../bench/invalidate.ts'
import { type BenchResult, medianOf } from '../../bench/measure.ts'

const FLOORS = ['floor/futex-round-trip', 'floor/spin-round-trip']
const BRIEF = { seconds: 0.01 }

function sound(t: Test, rows: readonly BenchResult[], names: readonly string[]): void {
  t.same(
    rows.map(({ name }) => name),
    names,
  )
  for (const row of rows) {
    t.ok(
      row.n > 0 && row.p50_ns > 0 && row.min_ns <= row.p50_ns && row.p50_ns <= row.p99_ns && row.p99_ns <= row.max_ns,
      row.name,
    )
    for (const [name, ratio] of Object.entries(row.relative_to)) {
      const base = rows.find((one) => one.name === name)
      t.equal(ratio, base === undefined ? Number.NaN : medianOf(row) / medianOf(base), `${row.name} beside ${name}`)
    }
  }
}

t.test('invalidate: pages are unmapped from idle and from running engines, inline and by the dispatcher', async (t) => {
  const rows = await invalidateBench({ ...BRIEF, engines: [2] })
  const names = ['inline/idle', 'inline/running', 'dispatcher/idle', 'dispatcher/running']
  sound(t, rows, [...FLOORS, ...names.map((name) => `invalidate/2/${name}`)])
  t.same(
    rows.slice(2).map((row) => row.actors),
    [5, 5, 6, 6],
  )
  for (const row of rows.slice(4)) t.type(row.hop_futex_round_trips, 'number')
})

t.test('contention: a curve for each era', async (t) => {
  const eras = ['events', 'sequence'] as const
  const rows = await contentionBench({ seconds: 0.1, rates: [500, 2000], eras })
  sound(
    t,
    rows,
    eras.flatMap((era) => [`contention/${era}/rate-500`, `contention/${era}/rate-2000`]),
  )
  for (const row of rows) {
    t.ok((row.drops_per_s ?? 0) > 0 && (row.retries_per_success ?? -1) >= 0 && (row.longest_chain ?? -1) >= 0, row.name)
    t.ok(row.retries_per_success === 0 || (row.longest_chain ?? 0) > 0, 'a retry is in a chain')
  }
})
