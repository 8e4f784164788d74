/** Does --compare tell a change from chance, and from a slower host? And what does it say to a file that is no document? */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ofSamples } from '../../bench/measure.ts'
import { type CombinedResult, combine } from '../../src/bench/combine.ts'
import { type Comparable, compare, readBenchDocument } from '../../src/bench/compare.ts'
import { rankSumP, smallestP } from '../../src/bench/ranksum.ts'
import { benchDocument, document } from '../../src/documents.ts'
import { hmm } from '../support/command.ts'

const folder = mkdtempSync(join(tmpdir(), 'hmm-compare-'))
t.teardown(() => rmSync(folder, { recursive: true }))

/** Microseconds of five repetitions, and of the loop beside each. */
interface Made {
  readonly op: readonly number[]
  readonly loop?: readonly number[]
  readonly floor?: readonly number[]
}
const EVEN = [100, 101, 99, 102, 98]

function made({ op, loop = op.map(() => 200), floor }: Made): Omit<Comparable, 'results'> & { results: CombinedResult[] } {
  const results = combine(
    'made',
    op.map((us, i) => [
      {
        ...ofSamples('made/op', [us * 1000]),
        relative_to: floor === undefined ? {} : { 'floor/op': us / (floor[i] as number) },
      },
    ]),
  )
  return {
    era: 'sequence',
    node: 'v0',
    cpu: 'made',
    cores: 2,
    quick: false,
    benchmarks: [{ name: 'made', loop_ns: loop.map((us) => us * 1000), others: [] as number[] }],
    results,
  }
}

const only = (old: Made, now: Made, threshold?: number) => {
  const [change] = compare(made(old), made(now), 'old', threshold).changes
  if (change === undefined) throw new Error('nothing compared')
  return change
}
const times = (values: readonly number[], factor: number) => values.map((one) => one * factor)

t.test('the test is exact', (t) => {
  t.equal(rankSumP([1, 2, 3, 4], [5, 6, 7, 8]), 2 / 70)
  t.equal(smallestP(3, 3), 0.1, 'three and three can never tell')
  t.ok(smallestP(3, 5) < 0.05 && smallestP(4, 4) < 0.05)
  t.equal(rankSumP([1, 4], [2, 3]), 1)
  t.equal(rankSumP([5, 5, 5], [5, 5, 5]), 1, 'equal values share their ranks')
  // From the published table: U = 2 for samples of 5 and 5 is the last with a two-sided p below 0.05.
  t.ok(Math.abs(rankSumP([1, 2, 3, 4, 7], [5, 6, 8, 9, 10]) - 8 / 252) < 1e-12)
  t.end()
})

t.test('a document compared with itself has no change', (t) => {
  const change = only({ op: EVEN }, { op: EVEN })
  t.match(change, { change: 0, p: 1, significant: false, regression: false })
  t.end()
})

t.test('twice as slow is a regression, half is none, and the threshold is kept', (t) => {
  t.match(only({ op: EVEN }, { op: times(EVEN, 2) }), { significant: true, regression: true, basis: 'host-loop' })
  t.match(only({ op: EVEN }, { op: times(EVEN, 0.5) }), { significant: true, regression: false })
  t.match(only({ op: EVEN }, { op: times(EVEN, 1.08) }), { significant: true, regression: false })
  t.match(only({ op: EVEN }, { op: times(EVEN, 1.08) }, 5), { significant: true, regression: true })
  t.end()
})

t.test('a change within what the repetitions differ by is not significant', (t) => {
  const wide = [80, 90, 100, 110, 120]
  t.match(only({ op: wide }, { op: times(wide, 1.2) }), { significant: false })
  t.match(only({ op: EVEN.slice(0, 3) }, { op: times(EVEN.slice(0, 3), 2) }), { significant: false }, 'nor with three and three')
  t.match(compare(made({ op: EVEN.slice(0, 3) }), made({ op: EVEN.slice(0, 3) }), 'old').notes, [
    /^3 and 3 repetitions are too few/,
  ])
  t.end()
})

t.test('what makes documents differ beside the code is told', (t) => {
  const now = { ...made({ op: EVEN }), era: 'events', cpu: 'another', quick: true }
  now.benchmarks = [{ name: 'made', loop_ns: [], others: [0.1, 0.6] }]
  const { notes, changes } = compare(made({ op: EVEN }), now, 'old')
  t.match(notes, [
    'another processor: made before, another now',
    'another era: sequence before, events now',
    /^a quick run/,
    /^other processes used up to 60 %/,
  ])
  t.equal(changes[0]?.basis, 'none', 'a loop that was not measured beside both is no basis')
  t.same(compare(made({ op: EVEN }), { ...now, results: [] }, 'old').only_old, ['made/op'])
  t.end()
})

t.test('a slower host is no regression: by the floor beside it, or by the loop', (t) => {
  const loop = EVEN.map(() => 200)
  t.match(only({ op: EVEN, loop }, { op: times(EVEN, 2), loop: times(loop, 2) }), { significant: false })
  t.match(only({ op: EVEN, floor: EVEN }, { op: times(EVEN, 2), floor: times(EVEN, 2) }), {
    significant: false,
    basis: 'floor/op',
  })
  t.match(only({ op: EVEN, floor: EVEN }, { op: EVEN, floor: times(EVEN, 0.5) }), { regression: true })
  t.end()
})

t.test('hmm bench --compare OLD --with NEW: 0 for the same, 1 for p50s that are doubled, 2 for another file', (t) => {
  const write = (name: string, content: object) => {
    const file = join(folder, name)
    writeFileSync(file, JSON.stringify(content))
    return file
  }
  const { results, ...rest } = made({ op: EVEN })
  const base = { ...rest, clock: { step_ns: 50, cost_ns: 50 }, interrupted: false, notes: [] }
  const whole = base.benchmarks.map((one) => ({ ...one, repetitions: 5, seconds: 1 }))
  const of = (some: readonly CombinedResult[]) => document('bench', true, { ...base, benchmarks: whole, results: some })
  const old = write('old.json', of(results))
  const slow = write(
    'slow.json',
    of(results.map((one) => ({ ...one, p50_ns: one.p50_ns * 2, repetitions: times(one.repetitions, 2) }))),
  )
  const same = hmm('bench', '--compare', old, '--with', old)
  t.equal(same.status, 0, same.stderr)
  t.match(same.stdout, /made\/op .* 100 us +100 us +0\.0 % +not significant/)
  t.match(same.stdout, /verdict: no regression beyond 10 %\./)
  const worse = hmm('bench', '--compare', old, '--with', slow, '--json', '-')
  t.equal(worse.status, 1, worse.stderr)
  const { ok, comparison } = benchDocument.parse(JSON.parse(worse.stdout))
  t.same([ok, comparison?.changes.map(({ name, change }) => [name, change])], [false, [['made/op', 1]]])
  t.match(worse.stderr, /verdict: 1 regression beyond 10 %: made\/op\./)
  const other = write('other.json', { schema: 'hmm-runtime/stress/1' })
  t.match(hmm('bench', '--compare', other), {
    status: 2,
    stderr: /^hmm: .*other\.json: is no document of hmm bench: its schema is "hmm-runtime\/stress\/1"/,
  })
  t.throws(() => readBenchDocument(write('half.json', { schema: 'hmm-runtime/bench/1' })), { code: 'HMM_ERR_INPUT' })
  t.throws(() => readBenchDocument(join(folder, 'none.json')), {
    code: 'HMM_ERR_INPUT',
    message: /none\.json: cannot be read: ENOENT$/,
  })
  t.match(hmm('bench', '--with', old), { status: 2, stderr: /it needs --compare/ })
  t.end()
})
