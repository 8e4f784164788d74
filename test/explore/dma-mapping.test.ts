/**
 * A driver maps the page that faulted for DMA while a cpu drops it. Is every mapping undone, and does the device never use a page
 * through one that is gone, whatever the interleaving and in every era in which ranges are filled? And is a driver found that leaves a
 * page mapped when it begins again?
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { explore } from '../../src/explore.ts'
import { stress } from '../../src/stress.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/drop-during-device-read.scn', import.meta.url))
const driver = (name: string) => new URL(`../../src/races/touched-unowned-frame/${name}${extension}`, import.meta.url).href
const MAPS_FOR_DMA = driver('fixed')

for (const era of ERAS_THERE.filter((one) => one !== 'events')) {
  t.test(`${era}: clean over 300 schedules`, async (t) => {
    const result = await explore({ scenario: SCENARIO, era, schedules: 300, drivers: { svm: MAPS_FOR_DMA } })
    t.equal(result.violation, undefined)
    t.equal(result.cut_off, 0)
    t.ok(result.close_calls > 0, 'some page was mapped in vain')
  })
}

t.test('a driver that forgets to unmap is found when everything is closed', async (t) => {
  const drivers = { svm: driver('driver') }
  const { violation } = await explore({ scenario: SCENARIO, schedules: 1000, teardownEvery: 1, drivers, shrink: false })
  t.equal(violation?.oracle, 'REF')
  t.match(violation?.message, /DMA mappings of device 0: 1 at the end, 0 at the start/)
})

t.test('under load: two seconds, two devices', async (t) => {
  const result = await stress({ seconds: 2, devices: [MAPS_FOR_DMA, MAPS_FOR_DMA] })
  t.same(result.violations, [])
  t.ok(result.faults > 20, `${result.faults} faults were served`)
})
