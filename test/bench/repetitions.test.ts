/** What do several repetitions make of a benchmark, and is each on a thread of its own? */
import t from 'tap'
import { type BenchResult, ofSamples, relativeTo } from '../../bench/measure.ts'
import { combine } from '../../src/bench/combine.ts'
import { notesOf } from '../../src/bench/notes.ts'
import { bench } from '../../src/bench.ts'

const of = (name: string, us: number, more: Partial<BenchResult> = {}): BenchResult => ({
  ...ofSamples(name, [us * 1000, us * 1000, us * 1000]),
  ...more,
})

t.test('figures are medians, ratios are taken within a repetition, and the spread is told', (t) => {
  const repetitions = [
    [of('base', 100), relativeTo(of('other', 200, { pages: 4, ns_per_page: 5 }), of('base', 100))],
    [of('base', 200), relativeTo(of('other', 800, { pages: 4, ns_per_page: 7 }), of('base', 200))],
    [of('base', 400), relativeTo(of('other', 1200, { pages: 4, ns_per_page: 6.5 }), of('base', 400))],
  ]
  const [base, other] = combine('two', repetitions)
  t.match(base, { benchmark: 'two', n: 3, relative_to: {} })
  for (const ns of [base?.p50_ns, base?.p99_ns]) t.ok(Math.abs((ns ?? 0) / 200_000 - 1) < 2e-4, `${ns} ns`)
  t.ok(Math.abs((base?.spread ?? 0) - 300 / 200) < 0.001)
  t.ok(Math.abs((other?.repetitions[1] ?? 0) / 800_000 - 1) < 0.001)
  t.match(other, { pages: 4, ns_per_page: 6.5 })
  t.ok(
    Math.abs((other?.relative_to.base ?? 0) - 3) < 0.01,
    'the median of 2, 4 and 3; of medians it would be 800 to 200, which nobody measured',
  )
  t.end()
})

t.test('repetitions of something else are noticed', (t) => {
  t.throws(() => combine('odd', [[of('a', 100)], [of('b', 100)]]), {
    code: 'HMM_ERR_BENCH',
    message: 'repetitions 1 and 2 of odd are not of the same: a is in one only',
  })
  t.throws(() => combine('twice', [[of('a', 100), of('a', 100)]]), { message: 'twice has two results of the name a' })
  t.end()
})

t.test('notes tell of shared cores, of others at work, and of repetitions that differ', (t) => {
  const results = combine('crowd', [
    [of('few', 100, { actors: 2 }), of('many', 100, { actors: 5 })],
    [of('few', 100, { actors: 2 }), of('many', 200, { actors: 5 })],
  ])
  t.same(notesOf('crowd', results, { cores: 2, quick: false, others: [0.01, 0.4] }), [
    "many: up to 5 actors share 2 cores: the host's scheduler is in the figures",
    "crowd: other processes used up to 40 % of the cores' time during a repetition",
    'crowd: repetitions differ by more than 25 % in many (67 %)',
  ])
  t.same(notesOf('crowd', results.slice(0, 1), { cores: 8, quick: false, others: [] }), [])
  t.end()
})

t.test('every repetition is run, and the number of them has to be one', async (t) => {
  const seen: string[] = []
  const report = await bench({
    names: ['scale'],
    quick: true,
    repetitions: 2,
    onRepetition: (name, number, count) => seen.push(`${name} ${number}/${count}`),
  })
  t.same(seen, ['scale 1/2', 'scale 2/2'])
  t.ok(report.results.every(({ repetitions }) => repetitions.length === 2))
  t.same(
    report.benchmarks.map(({ name, repetitions, loop_ns }) => [name, repetitions, loop_ns.length]),
    [['scale', 2, 2]],
  )
  t.ok((report.benchmarks[0]?.loop_ns[0] ?? 0) > 1000)
  await t.rejects(bench({ repetitions: 0 }), { code: 'HMM_ERR_CONFIG', message: /a whole number from 1 to 50, not 0/ })
})

t.test('an aborted run begins no further repetition, and says so', async (t) => {
  const controller = new AbortController()
  const report = await bench({
    names: ['scale', 'explore'],
    quick: true,
    repetitions: 3,
    signal: controller.signal,
    onRepetition: () => controller.abort(),
  })
  t.equal(report.interrupted, true)
  t.same(
    report.benchmarks.map(({ name, repetitions }) => [name, repetitions]),
    [['scale', 1]],
    'what was measured is there',
  )
})
