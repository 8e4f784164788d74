/**
 * Do drivers stay clean on the ranges of 2019 when devices take pages from each other, and does one by the calls of 2019? Devices that
 * only fault: every-era.
 */
import t from 'tap'
import { stress } from '../../src/stress.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const OF_2019 = new URL(`../drivers/of-2019${extension}`, import.meta.url).href

t.test('test devices take pages, and devices that fault ask for them', async (t) => {
  const devices = ['mirror', 'mirror', 'svm', 'svm']
  const result = await stress({ profile: 'migrate', seconds: 1, cpus: 2, devices, era: 'range-valid', seed: 2 })
  t.same(result.violations, [])
  t.ok(result.migrations > 20, `${result.migrations} pages moved`)
  t.ok(result.faults > 50, `${result.faults} faults were served`)
})

t.test('a driver of 2019 by the calls of 2019 stays clean as well', async (t) => {
  const result = await stress({ seconds: 1, cpus: 2, devices: [OF_2019, OF_2019, 'svm'], era: 'range-valid', seed: 3 })
  t.same(result.violations, [])
  t.ok(result.faults > 50, `${result.faults} faults were served`)
})
