/**
 * What does a driver's answer "not now" come to? The access waits for the time it said, if nothing else was to be served, and is then
 * served; it is not refused.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

const SCENARIO = `scenario not-now
notifier inline
device 0 svm
setup
  mmap A 1 rw private
  store A 0 7
thread user cpu
  add A 0 5
thread gpu dev 0
  a: dadd 0 A 0 1 1
expect
  a is ok
  final load A 0 is 13
`

t.test('the replay comes when the time is over', async (t) => {
  const driver = new URL('../drivers/leaves-alone.js', import.meta.url).href
  const scenario = parseConcurrent('not-now.scn', SCENARIO)
  const result = await explore({ scenario, drivers: { svm: driver }, schedules: 40, jobs: 1, shrink: false })
  t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, 40])
})
