/** Does everything hold while pages are put out, moved and reaped under the load, and while faults have to reclaim for themselves? */
import t from 'tap'
import { stress } from '../../src/index.ts'

t.test('a reclaimer, and less memory than the load maps', async (t) => {
  const result = await stress({ seconds: 2.5, reclaimers: 1, systemPages: 180, devices: ['svm', 'svm'], seed: 3 })
  t.same(result.violations, [])
  for (const name of ['put_out', 'moved', 'reaps', 'direct_reclaims'] as const) t.ok(result[name] > 0, `${name}: ${result[name]}`)
})

t.test('a reaper that is refused leaves every count as it was', async (t) => {
  // Era events refuses whenever a fault of the device is in progress; the audit behind the run looks at every count.
  const result = await stress({ era: 'events', seconds: 2.5, reclaimers: 2, devices: ['svm', 'svm', 'svm'], seed: 4 })
  t.same(result.violations, [])
  t.ok(result.reaps_refused > 0, `${result.reaps_refused} refused`)
})

t.test('bounds are named', async (t) => {
  await t.rejects(stress({ reclaimers: 5 }), { code: 'HMM_ERR_CONFIG', message: /0 to 4 reclaimers, not 5/ })
  await t.rejects(stress({ systemPages: 3 }), { code: 'HMM_ERR_CONFIG', message: /at least 12 pages of system memory, not 3/ })
})
