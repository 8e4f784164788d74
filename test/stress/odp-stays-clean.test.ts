/**
 * Adapters with on-demand paging under load, in every era: is each clean while regions come and go, while the whole address space is
 * one, and beside devices of another family?
 */
import t from 'tap'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { stress } from '../../src/stress.ts'

for (const era of ERAS_THERE) {
  t.test(`${era}: regions are registered, prefetched and deregistered`, async (t) => {
    const result = await stress({ profile: 'regions', era, seconds: 1.5, devices: ['odp', 'odp'] })
    t.same(result.violations, [])
    t.ok(result.faults > 20, `${result.faults} faults were served`)
    t.ok(result.invalidations > 10, `${result.invalidations} invalidations`)
  })
}

t.test('the whole address space, beside a device that takes page frames', async (t) => {
  const result = await stress({ seconds: 2, devices: ['odp', 'svm', 'odp'], notify: 'inline' })
  t.same(result.violations, [])
  t.ok(result.faults > 20, `${result.faults} faults were served`)
})

t.test('2 MiB pages', async (t) => {
  const result = await stress({ profile: 'huge', seconds: 2, devices: ['odp', 'odp'] })
  t.same(result.violations, [])
  t.ok(result.faults > 5, `${result.faults} faults were served`)
})
