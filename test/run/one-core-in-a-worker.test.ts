/**
 * A worker has one copy of the core, or the machine does not boot: a driver that names a file of the core by its path would bring
 * the file by file copy into a worker that has the bundled one.
 */
import { test } from 'tap'
import { driverUrl } from '../../src/drivers.ts'
import { Machine } from '../../src/machine.ts'

const plain = new URL(`../../shared/drivers/svm${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url).href

test('a driver that brings a second copy of the core is refused by name', async (t) => {
  await t.rejects(Machine.boot({ cpus: 1, drivers: [plain] }), {
    code: 'HMM_ERR_DRIVER',
    message: `a second copy of hmm-runtime came with ${plain}: import hmm-runtime/driver or hmm-runtime/sync, of this version`,
  })
})

test('a built-in driver finds the copy that is there, bundled or plain', async (t) => {
  for (const plain of [false, true]) {
    const machine = await Machine.boot({ cpus: 1, drivers: [driverUrl('svm')], plain })
    await machine.close()
    t.pass(plain ? 'plain' : 'bundled')
  }
})
