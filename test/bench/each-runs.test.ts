/** Does each benchmark of the table run, and measure what its document says? Briefly, and never for speed. */
import t from 'tap'
import { TABLE } from '../../bench/index.ts'
import { BENCHMARKS, bench } from '../../src/bench.ts'
import { benchDocument, document } from '../../src/documents.ts'

t.same(BENCHMARKS, Object.keys(TABLE), 'those that can be named are those of the table')

for (const name of BENCHMARKS) {
  t.test(name, async (t) => {
    const report = await bench({ names: [name], quick: true, repetitions: 1 })
    const { results, benchmarks } = benchDocument.strict().parse(document('bench', true, report))
    t.same(
      benchmarks.map((one) => [one.name, one.repetitions]),
      [[name, 1]],
    )
    t.ok(results.length > 0)
    for (const one of results) {
      t.equal(one.benchmark, name)
      t.ok(one.n > 0 && one.repetitions.length === 1, one.name)
      t.ok(
        one.min_ns <= one.p50_ns && one.p50_ns <= one.p90_ns && one.p90_ns <= one.p99_ns && one.p999_ns <= one.max_ns,
        one.name,
      )
      for (const base of Object.keys(one.relative_to))
        t.ok(
          results.some((other) => other.name === base),
          `${one.name} is held against ${base}, which was measured in the same run`,
        )
    }
  })
}
