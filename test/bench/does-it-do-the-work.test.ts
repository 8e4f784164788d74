/** Would the benchmark `explore` notice that it measures something else than it says? And does measuring leave schedules alone? */
import t from 'tap'
import { exploreBench, FIVE_ACTORS } from '../../bench/explore.ts'
import { ofSamples } from '../../bench/measure.ts'
import { Journal } from '../../shared/actor/journal.ts'
import { Runs } from '../../src/explore/runs.ts'
import { prepareScenario } from '../../src/explore/subjects.ts'
import { parseConcurrent } from '../../src/scenario/concurrent.ts'

const FEW = { schedules: 40, warmUp: 20 }

t.test('an operation that did not answer as it should is noticed', async (t) => {
  const scenario = FIVE_ACTORS.replace('read is EFAULT', 'read is ok')
  await t.rejects(exploreBench({ ...FEW, scenario }), {
    code: 'HMM_ERR_BENCH',
    message: /^explore\/pct: schedule -?\d+: .*EFAULT/,
  })
})

t.test('schedules that are too short or too long are noticed', async (t) => {
  const short = FIVE_ACTORS.replace('drop: madvise A 0 1 dontneed', 'drop: store A 0 1').replace(
    'read: dread 0 B 0 1',
    'read: dread 0 A 1 1',
  )
  await t.rejects(exploreBench({ ...FEW, scenario: short.replace('read is EFAULT', 'read is ok') }), {
    message: /the median schedule has \d+ points, not 60 to 140/,
  })
})

t.test('a scenario with fewer actors is noticed', async (t) => {
  const scenario = FIVE_ACTORS.replace('notifier dispatcher', 'notifier inline')
  await t.rejects(exploreBench({ ...FEW, scenario }), { message: /the scenario has 4 actors, not 5/ })
})

t.test('nothing measured is no result', (t) => {
  t.throws(() => ofSamples('nothing', []), { code: 'HMM_ERR_BENCH' })
  const { p50_ns, p99_ns, max_ns, mean_ns, n } = ofSamples(
    'hundred',
    Array.from({ length: 100 }, (_, i) => (100 - i) * 1e6),
    10,
  )
  const exact = [5e6, 9.9e6, 1e7, 5.05e6]
  for (const [i, ns] of [p50_ns, p99_ns, max_ns, mean_ns].entries())
    t.ok(Math.abs(ns / (exact[i] as number) - 1) < 2e-4, `${ns} ns: four digits of one operation`)
  t.equal(n, 1000)
  t.end()
})

t.test('a journal changes no schedule, and tells the same traces again', async (t) => {
  const runs = new Runs(prepareScenario(parseConcurrent('five', FIVE_ACTORS)).stage)
  try {
    const run = async (journal?: SharedArrayBuffer) => {
      const strategy = { name: 'random', seed: 3, depth: 1, preemptions: 0, loose: false } as const
      return (await runs.run({ strategy, count: 30, teardownEvery: 16, ...(journal === undefined ? {} : { journal }) })).hash
    }
    const journals = [1, 2].map(() => new SharedArrayBuffer(Journal.bytes(30)))
    const hashes = [await run(), await run(journals[0]), await run(journals[1])]
    t.equal(new Set(hashes).size, 1, 'the last schedule is the same, with a journal and without')
    const [first, second] = journals.map((journal) => new Journal(journal).entries().map(({ trace, steps }) => [trace, steps]))
    t.equal(first?.length, 30)
    t.same(first, second)
    t.ok(new Set(first?.map(([trace]) => trace)).size > 20, 'and not one trace thirty times')
  } finally {
    await runs.close()
  }
})
