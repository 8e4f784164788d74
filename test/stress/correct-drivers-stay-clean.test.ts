/** Does the correct protocol stay clean under load, in both ways of notification, and lose nothing? */
import t from 'tap'
import { stress } from '../../src/stress.ts'

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`2 cpus and 4 devices with noise, callbacks by ${notify}`, async (t) => {
    const result = await stress({ seconds: 6, cpus: 2, devices: ['svm', 'svm', 'svm', 'svm'], notify, seed: 5 })
    t.same(result.violations, [])
    t.ok(result.faults > 1000, `${result.faults} faults were served`)
    t.ok(result.retries_by_others > 0, 'and some of them collided with an invalidation of another actor')
    t.ok(result.longest_retry_chain < 200, `the longest retry chain was ${result.longest_retry_chain}`)
  })
}

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`2 MiB pages: 3 cpus and 2 devices, callbacks by ${notify}`, async (t) => {
    const result = await stress({ profile: 'huge', seconds: 5, cpus: 3, devices: ['svm', 'svm'], notify, seed: 6 })
    t.same(result.violations, [])
    t.ok(result.faults > 200, `${result.faults} faults were served`)
    t.ok(result.invalidations > 200, `${result.invalidations} invalidations`)
  })
}

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`era events: 2 cpus and 4 devices with noise, callbacks by ${notify}`, async (t) => {
    const result = await stress({ era: 'events', seconds: 4, devices: ['svm', 'svm', 'svm', 'svm'], notify, seed: 7 })
    t.same(result.violations, [])
    t.ok(result.faults > 200, `${result.faults} faults were served`)
    t.ok(result.invalidations > 50, `${result.invalidations} invalidations`)
  })
}

t.test('era events: 2 MiB pages', async (t) => {
  const result = await stress({ era: 'events', profile: 'huge', seconds: 3, cpus: 3, devices: ['svm', 'svm'], seed: 8 })
  t.same(result.violations, [])
  t.ok(result.faults > 50, `${result.faults} faults were served`)
})

t.test('one cpu and one device, without checks: the audits still hold', async (t) => {
  const result = await stress({ seconds: 2, cpus: 1, devices: ['svm'], checked: false, noise: 0 })
  t.same(
    result.violations.filter(({ oracle }) => oracle !== 'SUM'),
    [],
  )
})

t.test('many threads: 16 cpus and 8 devices', async (t) => {
  const result = await stress({ seconds: 4, cpus: 16, devices: new Array<string>(8).fill('svm'), noise: 0 })
  t.same(result.violations, [])
  t.ok(result.operations > 0)
})
