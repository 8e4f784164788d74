/** Do the benchmarks of one thread run in every era, and would they notice if they did not work? That each runs at all: each-runs. */
import t, { type Test } from 'tap'
import type { BenchResult } from '../../bench/measure.ts'
import { mirrorRangeBench } from '../../bench/mirrorrange.ts'
import { scaleBench } from '../../bench/scale.ts'
import { BASE, openSolo } from '../../bench/solo.ts'
import { measureLoop, measureTimed } from '../../bench/timed.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'

const seconds = 0.01

function namesOf(results: readonly BenchResult[]): string[] {
  return results.map(({ name }) => name)
}

function allPositive(t: Test, results: readonly BenchResult[]): void {
  for (const { name, n, min_ns, p50_ns, max_ns, ops_per_s } of results)
    t.ok(n > 0 && min_ns <= p50_ns && p50_ns <= max_ns && ops_per_s > 0, `${name}: ${p50_ns} ns`)
}

for (const era of ERAS_THERE) {
  t.test(`mirror-range and scale: era ${era}`, (t) => {
    const mirrored = mirrorRangeBench({ era, seconds })
    t.same(namesOf(mirrored), [
      'floor/copy-512',
      'mirror-range/512',
      'mirror-range/1',
      'mirror-range/512/steps',
      'mirror-range/1/steps',
      'mirror-range/512/fresh',
      'range-fault/none-512',
    ])
    allPositive(t, mirrored)
    t.ok(mirrored[1]?.relative_to['floor/copy-512'], 'beside a copy of the entries')
    const scaled = scaleBench({ era, seconds, pages: [512, 1024], areas: [64, 128], ranges: [10, 50] })
    t.same(namesOf(scaled), [
      'floor/copy-page',
      'scale/pages/512',
      'scale/pages/1024',
      'scale/areas/64',
      'scale/areas/128',
      'scale/ranges/10',
      'scale/ranges/50',
    ])
    allPositive(t, scaled)
    t.end()
  })
}

t.test('a loop that did nothing is noticed', (t) => {
  t.throws(() => measureLoop({ name: 'idle', seconds, repeat: 10, expected: 10 }, () => 0), {
    code: 'HMM_ERR_BENCH',
    message: 'idle: 10 operations left 0 behind, not 10',
  })
  t.end()
})

t.test('what is undone between two operations is not in the figures', (t) => {
  const spin = (ns: number) => {
    const until = performance.now() + ns / 1e6
    while (performance.now() < until);
  }
  const result = measureTimed(
    { name: 'undone', pages: 2, seconds },
    () => spin(20_000),
    () => spin(2_000_000),
  )
  t.ok(result.min_ns >= 20_000 && result.p50_ns < 1_000_000, `${result.p50_ns} ns`)
  t.equal(result.ns_per_page, result.p50_ns / 2)
  t.end()
})

t.test('pages that are not there are noticed', (t) => {
  const solo = openSolo({ era: 'sequence', pages: 16 })
  t.teardown(() => solo.close())
  solo.map(BASE, 8)
  solo.mirrorRange(BASE, 8)
  t.equal(solo.mirrored(BASE, 8), 8)
  t.throws(() => solo.mirrorRange(BASE + 4, 8), {
    code: 'HMM_ERR_BENCH',
    message: 'of a range of 8 pages -14 were installed',
  })
  t.throws(() => solo.mirrorRangeBySteps(BASE + 4, 8), {
    code: 'HMM_ERR_BENCH',
    message: /of a range of 8 pages -14 were filled and/,
  })
  solo.drop(BASE, 8)
  t.equal(solo.mirrored(BASE, 8), 0, 'a drop takes them from the device')
  t.end()
})
