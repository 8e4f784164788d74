/**
 * The same load under every era that there is: is each of them coherent, does each of them retry, and do the flushes of several
 * devices run at the same time where they are meant to, and only there?
 */
import t from 'tap'
import { compareEras, eraLines } from '../../bench/eras.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { loadUntil } from '../support/load.ts'

for (const era of ERAS_THERE) {
  t.test(`${era}: load with four devices`, async (t) => {
    const devices = ['svm', 'svm', 'svm', 'svm']
    const result = await loadUntil(({ faults, invalidations }) => faults > 20 && invalidations > 20, { era, devices })
    t.same(result.violations, [])
    t.equal(result.era, era)
    t.ok(result.faults > 20, `${result.faults} faults were served`)
    t.ok(result.invalidations > 20, `${result.invalidations} invalidations`)
    t.equal(result.second_passes > 0, era === 'two-pass', `${result.second_passes} second passes`)
    t.ok(result.overlapped_passes <= result.second_passes)
  })
}

t.test('the table has a row for each era, and there is none when an era is not coherent', async (t) => {
  const rows = await compareEras({ eras: ['sequence', 'two-pass'], seconds: 0.5, turns: 1, devices: ['svm'] })
  t.same(
    rows.map(({ era }) => era),
    ['sequence', 'two-pass'],
  )
  t.ok(rows.every(({ faults_per_s, fault_p99_ns, fault_p50_ns }) => faults_per_s > 0 && fault_p50_ns <= fault_p99_ns))
  const lines = eraLines(rows)
  t.equal(new Set(lines.map((line) => line.split('|').length)).size, 1, 'all lines have the same columns')
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const faulty = new URL(`../../src/races/begin-under-lock/driver${extension}`, import.meta.url).href
  await t.rejects(compareEras({ eras: ['sequence'], seconds: 10, turns: 1, devices: [faulty] }), {
    message: /^era sequence is not coherent: lock order inverted/,
  })
})
