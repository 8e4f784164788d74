/** What does `merge` add up, and what does it refuse? Each refusal is one sentence that names the file. */
import { join } from 'node:path'
import t from 'tap'
import { document, type ExploreDocument, exploreDocument, type StressDocument, stressDocument } from '../../src/documents.ts'
import { InputError, merge } from '../../src/index.ts'

type Scenario = ExploreDocument['scenarios'][number]

const SCENARIO: Scenario = {
  file: 'a.scn',
  name: 'a',
  subject: 0,
  strategy: 'pct',
  seed: 1,
  depth: 3,
  schedules: 100,
  complete: false,
  interrupted: false,
  steps: 30_000,
  switches: 900,
  close_calls: 4,
  depth_reached: 1,
  seconds: 2,
  schedules_per_second: 50,
  base_steps: 240,
  max_steps: 400,
  actors: 4,
  bound: 1e-6,
  cut_off: 0,
}

const violation: NonNullable<Scenario['violation']> = {
  oracle: 'PG',
  message: 'a stale entry',
  preemptions: 1,
  steps: 190,
  operations: 2,
  found: { number: 3, preemptions: 4, steps: 400, operations: 3 },
  token: 'hmm1_x',
  table: 'a table',
}

/** The document of shard `part` of 3. */
function shard(part: number, more: Partial<Scenario> = {}, frame: Partial<ExploreDocument> = {}): ExploreDocument {
  const scenarios = [{ ...SCENARIO, ...more }]
  const ok = more.violation === undefined
  return document('explore', ok, { campaign: 'c1', shards: { of: 3, parts: [part], unfinished: [] }, scenarios, ...frame })
}

function stressed(seed: number, more: Partial<StressDocument> = {}): StressDocument {
  return document('stress', true, {
    profile: 'mixed',
    era: 'sequence',
    mirror_reclaim: 'immediate',
    seed,
    seconds: 10,
    cpus: 2,
    devices: ['svm'],
    operations: 1000,
    faults: 100,
    retries: 10,
    retries_by_others: 9,
    longest_retry_chain: seed,
    invalidations: 50,
    device_memory: 0,
    policy: '',
    migrations: 0,
    prefetched: 0,
    evictions: 0,
    throttled: 0,
    pinned: 0,
    exclusives: 0,
    failed_copies: 0,
    second_passes: 0,
    overlapped_passes: 0,
    mirror_directories: 0,
    put_out: 0,
    moved: 0,
    reaps: 0,
    reaps_refused: 0,
    direct_reclaims: 0,
    jobs: 0,
    jobs_failed: 0,
    close_calls: { PG: 3 },
    latency: { invalidation: { count: 1, p50_ns: 1, p90_ns: 1, p99_ns: 1, p999_ns: 1, max_ns: 1 } },
    violations: [],
    interrupted: false,
    ...more,
  })
}

t.test('shards of an exploration', (t) => {
  const { document: sum, gaps } = merge([shard(3, { max_steps: 500, depth_reached: 2 }), shard(1), shard(2)])
  t.same(gaps, [])
  t.match(sum, { ok: true, campaign: 'c1', shards: { of: 3, parts: [1, 2, 3], unfinished: [] } })
  t.match((sum as ExploreDocument).scenarios, [
    {
      schedules: 300,
      steps: 90_000,
      switches: 2700,
      close_calls: 12,
      seconds: 6,
      schedules_per_second: 50,
      max_steps: 500,
      depth_reached: 2,
      bound: 1 / (4 * 500 ** 2),
    },
  ])
  t.ok(exploreDocument.safeParse(sum).success)
  t.end()
})

t.test('the find with the smallest number is the find; one shard that is not ok is enough', (t) => {
  const late = { ...violation, token: 'hmm1_late' }
  const sum = merge([shard(1), shard(2, { first_hit: 130, violation }), shard(3, { first_hit: 240, violation: late })]).document
  t.equal(sum.ok, false)
  t.match((sum as ExploreDocument).scenarios[0], { first_hit: 130, violation: { token: 'hmm1_x' } })
  t.end()
})

t.test('complete only if every shard is', (t) => {
  const own = (part: number, complete: boolean) => shard(part, { subject: part - 1, complete })
  const completes = (...all: ExploreDocument[]) =>
    (merge(all).document as ExploreDocument).scenarios.map(({ complete }) => complete)
  t.same(completes(own(1, true), own(2, false), own(3, true)), [true, false, true], 'each scenario for itself')
  t.same(completes(shard(1, { complete: true }), shard(2), shard(3)), [false])
  t.end()
})

t.test('what has been added up can be added up again', (t) => {
  const some = merge([shard(1), shard(3)])
  t.same(some.gaps, ['missing: shard 2 of 3'])
  const all = merge([shard(2), some.document])
  t.same(all.gaps, [])
  t.match(all.document, { shards: { parts: [1, 2, 3] } })
  t.equal((all.document as ExploreDocument).scenarios[0]?.schedules, 300)
  t.end()
})

t.test('shards that are missing, or did not finish, are named', (t) => {
  t.same(merge([shard(2)]).gaps, ['missing: shards 1, 3 of 3'])
  const cut = shard(2, { interrupted: true }, { shards: { of: 3, parts: [2], unfinished: [2] } })
  t.same(merge([shard(1), cut, shard(3)]).gaps, ['shard 2 of 3 did not finish (document 2)'])
  const many = shard(1, {}, { shards: { of: 100, parts: [1], unfinished: [] } })
  t.same(merge([many]).gaps, ['missing: shards 2, 3, 4, 5, 6, 7, 8, 9 and 91 more of 100'])
  t.end()
})

t.test('runs of a stress load', (t) => {
  const { document: sum, gaps } = merge([stressed(1), stressed(2, { interrupted: true, close_calls: { PG: 1, SUB: 2 } })])
  t.match(sum, {
    ok: true,
    operations: 2000,
    seconds: 20,
    longest_retry_chain: 2,
    close_calls: { PG: 4, SUB: 2 },
    interrupted: true,
  })
  t.same((sum as StressDocument).latency, {}, 'percentiles do not add up')
  t.same(gaps, ['document 2 did not finish'])
  t.ok(stressDocument.safeParse(sum).success)
  t.end()
})

t.test('runs of one trace: accesses add up, pages do not; another trace is another load', (t) => {
  const trace = {
    ...{ file: 'sort.lackey.gz', format: 'lackey', device_share: 0.5, passes: 1, complete: true },
    ...{ fetches: 5, loads: 4, stores: 3, modifies: 2, pages: 7, areas: 2 },
    ...{ cpu_accesses: 10, device_accesses: 3, refused: 1, cpu_faults: 6 },
  }
  const run = (seed: number, more: object) => stressed(seed, { profile: 'trace', trace: { ...trace, ...more } })
  const { document: sum } = merge([run(1, {}), run(2, { complete: false, passes: 0, loads: 1, pages: 6 })])
  t.same((sum as StressDocument).trace, {
    ...trace,
    ...{ passes: 1, complete: false, fetches: 10, loads: 5, stores: 6, modifies: 4, pages: 7, areas: 2 },
    ...{ cpu_accesses: 20, device_accesses: 6, refused: 2, cpu_faults: 12 },
  })
  t.throws(() => merge([run(1, {}), run(2, { file: 'other.csv' })]), { message: /is of another load than/ })
  t.throws(() => merge([run(1, {}), stressed(2, { profile: 'trace' })]), { message: /is of another load than/ })
  t.end()
})

t.test('what is refused', (t) => {
  const folder = t.testdir({
    'text.json': 'no { json',
    'number.json': '7',
    'other.json': JSON.stringify({ schema: 'hmm-runtime/run/1', version: '0.1.0' }),
    'old.json': JSON.stringify({ ...shard(1), version: '0.0.1' }),
    'torn.json': JSON.stringify({ ...shard(1), scenarios: [{ ...SCENARIO, steps: -1 }] }),
    'one.json': JSON.stringify(shard(1)),
    'again.json': JSON.stringify(shard(1)),
    'foreign.json': JSON.stringify(shard(2, {}, { campaign: 'c2' })),
    'of-four.json': JSON.stringify(shard(2, {}, { shards: { of: 4, parts: [2], unfinished: [] } })),
    'stress.json': JSON.stringify(stressed(1)),
    'stress-again.json': JSON.stringify(stressed(1)),
    'stress-other.json': JSON.stringify(stressed(2, { cpus: 4 })),
  })
  for (const [names, sentence] of [
    [['nothing.json'], /nothing\.json: cannot be read/],
    [['text.json'], /text\.json: is not JSON$/],
    [['number.json'], /number\.json: is JSON, but no document$/],
    [['other.json'], /other\.json: is no result of explore or stress: its schema is "hmm-runtime\/run\/1", not /],
    [['old.json'], /old\.json: was written by version 0\.0\.1, and this is \d/],
    [['torn.json'], /torn\.json: scenarios\.0\.steps: /],
    [['one.json', 'again.json'], /again\.json: has shard 1 of 3, and so has .*one\.json$/],
    [['one.json', 'foreign.json'], /foreign\.json: is of another campaign than .*one\.json: scenarios, options or code differ$/],
    [['one.json', 'of-four.json'], /of-four\.json: is one of 4 shards, and .*one\.json is one of 3$/],
    [['one.json', 'stress.json'], /stress\.json: is a result of stress, and .*one\.json is one of explore: they do not add up$/],
    [['stress.json', 'stress-again.json'], /stress-again\.json: is the same run as .*stress\.json$/],
    [['stress.json', 'stress-other.json'], /stress-other\.json: is of another load than .*stress\.json: /],
  ] as const) {
    let thrown: unknown
    try {
      merge(names.map((name) => join(folder, name)))
    } catch (error) {
      thrown = error
    }
    t.type(thrown, InputError, names.join(' '))
    t.match(thrown, { message: sentence })
  }
  t.throws(() => merge([]), { code: 'HMM_ERR_USAGE' })
  t.end()
})
