/**
 * Does the correct protocol stay clean under load, in both ways of notification, and lose nothing? Two seconds each, and on a busy
 * host until enough was done.
 */
import t from 'tap'
import { stress } from '../../src/stress.ts'
import type { StressProgress } from '../../src/stressfigures.ts'
import { loadUntil } from '../support/load.ts'

/** Two seconds, and so many faults and invalidations at least. */
function enough(faults: number, invalidations = 0): (progress: StressProgress) => boolean {
  return (progress) => progress.seconds >= 2 && progress.faults > faults && progress.invalidations > invalidations
}

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`2 cpus and 4 devices with noise, callbacks by ${notify}`, async (t) => {
    const result = await loadUntil(enough(1000), { devices: ['svm', 'svm', 'svm', 'svm'], notify, seed: 5 })
    t.same(result.violations, [])
    t.ok(result.faults > 1000, `${result.faults} faults were served`)
    t.ok(result.retries_by_others > 0, 'and some of them collided with an invalidation of another actor')
    t.ok(result.longest_retry_chain < 200, `the longest retry chain was ${result.longest_retry_chain}`)
  })
}

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`2 MiB pages: 3 cpus and 2 devices, callbacks by ${notify}`, async (t) => {
    const result = await loadUntil(enough(200, 200), { profile: 'huge', cpus: 3, notify, seed: 6 })
    t.same(result.violations, [])
    t.ok(result.faults > 200, `${result.faults} faults were served`)
    t.ok(result.invalidations > 200, `${result.invalidations} invalidations`)
  })
}

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`era events: 2 cpus and 4 devices with noise, callbacks by ${notify}`, async (t) => {
    const result = await loadUntil(enough(200, 50), { era: 'events', devices: ['svm', 'svm', 'svm', 'svm'], notify, seed: 7 })
    t.same(result.violations, [])
    t.ok(result.faults > 200, `${result.faults} faults were served`)
    t.ok(result.invalidations > 50, `${result.invalidations} invalidations`)
  })
}

t.test('era events: 2 MiB pages', async (t) => {
  const result = await loadUntil(enough(50), { era: 'events', profile: 'huge', cpus: 3, seed: 8 })
  t.same(result.violations, [])
  t.ok(result.faults > 50, `${result.faults} faults were served`)
})

t.test('one cpu and one device, without checks: the audits still hold', async (t) => {
  const result = await stress({ seconds: 2, cpus: 1, devices: ['svm'], checked: false, noise: 0 })
  t.same(result.violations, [])
})

t.test('many threads: 16 cpus and 8 devices', async (t) => {
  const result = await stress({ seconds: 2, cpus: 16, devices: new Array<string>(8).fill('svm'), noise: 0 })
  t.same(result.violations, [])
  t.ok(result.operations > 0)
})
