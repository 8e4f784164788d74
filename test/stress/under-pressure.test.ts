/** Does everything hold while pages are put out, moved and reaped under the load, and while faults have to reclaim for themselves? */
import t from 'tap'
import { stress } from '../../src/index.ts'
import { loadUntil } from '../support/load.ts'

t.test('a reclaimer, and less memory than the load maps', async (t) => {
  const result = await loadUntil(
    ({ stat }) => (['putOut', 'moved', 'reaps', 'directReclaims'] as const).every((name) => stat(name) > 0),
    { reclaimers: 1, systemPages: 180, devices: ['svm', 'svm'], seed: 3 },
  )
  t.same(result.violations, [])
  for (const name of ['put_out', 'moved', 'reaps', 'direct_reclaims'] as const) t.ok(result[name] > 0, `${name}: ${result[name]}`)
})

t.test('a reaper that is refused leaves every count as it was', async (t) => {
  // Era events refuses whenever a fault of the device is in progress; the audit behind the run looks at every count.
  const options = { era: 'events', reclaimers: 2, devices: ['svm', 'svm', 'svm'], seed: 4 } as const
  const result = await loadUntil(({ stat }) => stat('reapsRefused') > 0, options)
  t.same(result.violations, [])
  t.ok(result.reaps_refused > 0, `${result.reaps_refused} refused`)
})

t.test('bounds are named', async (t) => {
  await t.rejects(stress({ reclaimers: 5 }), { code: 'HMM_ERR_CONFIG', message: /0 to 4 reclaimers, not 5/ })
  await t.rejects(stress({ systemPages: 3 }), { code: 'HMM_ERR_CONFIG', message: /at least 12 pages of system memory, not 3/ })
})
