/**
 * Devices whose memory holds a quarter of what they work on, with a copy engine that fails now and then: does everything come to its end,
 * stay where it was put, and come back?
 */
import t from 'tap'
import { stress } from '../../src/stress.ts'

for (const era of ['sequence', 'events'] as const) {
  t.test(`era ${era}: four times as many pages as there is room for`, async (t) => {
    const result = await stress({
      profile: 'oversubscribe',
      era,
      seconds: 3,
      devices: ['svm', 'svm'],
      deviceMemory: 16,
      copyFailures: 0.1,
      seed: 3,
    })
    t.same(result.violations, [])
    t.ok(result.faults > 0, `${result.faults} faults were served`)
    t.ok(result.evictions > 0, `${result.evictions} pages had to make room`)
    t.ok(result.failed_copies > 0, `${result.failed_copies} copies failed`)
  })
}

t.test('atomic accesses take their pages exclusively', async (t) => {
  const result = await stress({
    profile: 'oversubscribe',
    seconds: 3,
    devices: ['svm', 'svm'],
    policy: new URL('../device/policies/atomics-exclusive.js', import.meta.url).href,
    seed: 4,
  })
  t.same(result.violations, [])
  t.ok(result.exclusives > 0, `${result.exclusives} pages were taken`)
})

t.test('a policy made of a built-in one: first-touch without neighbours', async (t) => {
  const policy = new URL('../device/policies/no-neighbours.js', import.meta.url).href
  const result = await stress({ profile: 'oversubscribe', seconds: 2, devices: ['svm'], deviceMemory: 128, policy, seed: 5 })
  t.same(result.violations, [])
  t.ok(result.migrations > 0, `${result.migrations} pages moved`)
  t.equal(result.prefetched, 0)
})
