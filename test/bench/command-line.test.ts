/** What does `hmm bench` print and write, and what does it say to a name that is none? */
import t from 'tap'
import { BENCHMARKS } from '../../src/bench.ts'
import { benchDocument } from '../../src/documents.ts'
import { hmm } from '../support/command.ts'

t.test('explore: one result per strategy and one per step, as a document that stands alone on stdout', (t) => {
  const { status, stdout, stderr } = hmm('bench', 'explore', '--quick', '--json', '-')
  t.equal(status, 0, stderr)
  const { verb, ok, schema, results } = benchDocument.parse(JSON.parse(stdout))
  t.same([verb, ok, schema], ['bench', true, 'hmm-runtime/bench/1'])
  t.same(
    results.map(({ name }) => name),
    ['explore/pct', 'explore/random', 'explore/dfs', 'explore/step'],
  )
  for (const one of results.slice(0, 3)) {
    t.equal(one.n, 500, `${one.name} ran all its schedules`)
    t.ok((one.median_steps ?? 0) >= 60 && (one.median_steps ?? 0) <= 140, `${one.median_steps} points`)
    t.ok((one.switches_per_schedule ?? 0) >= 4, 'five actors are not switched between in fewer')
    t.ok(one.min_ns > 0 && one.min_ns <= one.p50_ns && one.p50_ns <= one.p999_ns && one.p999_ns <= one.max_ns)
    t.ok(Math.abs(one.ops_per_s - 1e9 / one.mean_ns) / one.ops_per_s < 0.01, 'operations per second are the mean, turned round')
    t.ok((one.distinct_traces ?? 0) > 20)
  }
  t.ok((results[3]?.ns_per_step ?? 0) > 1, 'a step is not free')
  t.match(stderr, /explore\/pct .*\n.*points in the median schedule/, 'people read it on stderr')
  t.end()
})

t.test('an unknown name is one sentence that lists the names, and exit 2', (t) => {
  const { status, stdout, stderr } = hmm('bench', 'explore', 'speed', '--json', '-')
  t.equal(status, 2)
  t.equal(stdout, '', 'nothing was measured')
  t.equal(stderr, `hmm: there is no benchmark "speed"; there are ${BENCHMARKS.join(', ')}\n`)
  t.end()
})
