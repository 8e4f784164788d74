/** What happens when memory is out? Operations answer with their errno, nothing is half done, everything comes back. */
import t from 'tap'
import { driverUrl } from '../../src/drivers.ts'
import { Machine } from '../../src/machine.ts'
import { stress } from '../../src/stress.ts'

const svm = driverUrl('svm')

t.test('a machine too small for its actors is refused with one sentence', async (t) => {
  await t.rejects(Machine.boot({ cpus: 16, drivers: [svm, svm, svm, svm], bytes: 256 * 1024 }), {
    message: /needs at least \d+ KiB, not 256 KiB/,
  })
  await t.rejects(Machine.boot({ bytes: 1000 }), { message: /256 KiB to 4 GiB/ })
  await t.rejects(Machine.boot({ cpus: 17 }), { message: /1 to 16 cpus, not 17/ })
})

t.test('a load with too few frames goes on, and stays clean', async (t) => {
  const result = await stress({ seconds: 2, cpus: 2, devices: ['svm', 'svm'], bytes: 1536 * 1024, seed: 3 })
  t.same(result.violations, [])
  t.ok(result.operations > 100)
})
