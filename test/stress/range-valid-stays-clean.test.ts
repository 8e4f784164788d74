/** Do the drivers of today stay clean on the ranges of 2019, under the same loads and the same oracles? */
import t from 'tap'
import { stress } from '../../src/stress.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const OF_2019 = new URL(`../drivers/of-2019${extension}`, import.meta.url).href

t.test('4 devices that fault, callbacks inline: every fill meets the invalidations of all', async (t) => {
  const result = await stress({
    seconds: 1,
    cpus: 2,
    devices: ['svm', 'svm', 'svm', 'svm'],
    era: 'range-valid',
    notify: 'inline',
  })
  t.same(result.violations, [])
  t.equal(result.era, 'range-valid')
  t.ok(result.faults > 50, `${result.faults} faults were served`)
  t.ok(result.retries > 0, `${result.retries} were collided with`)
})

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
