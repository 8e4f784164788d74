/**
 * May a device write a page of its own memory that is on its way home? Until its driver takes the entry away, which it does before
 * the copy: the migration entry stands for the device's page, and its own invalidation is the driver's to ignore. The oracle of
 * permissions once reported it.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

const TEXT = `scenario on-the-way-home
device 0 mirror memory=8
setup
  mmap A 1 rw private
  store A 0 1
  migrate_dev 0 A 0 1
thread writer cpu
  dwrite 0 A 0 1 34
thread toucher cpu
  madvise A 0 1 populate_write
expect
  final load A 0 is 34
`

t.test('the write is legal, and it is not lost', async (t) => {
  const result = await explore({ scenario: parseConcurrent('x.scn', TEXT), strategy: 'dfs', preemptions: 2, schedules: 2000 })
  t.equal(result.violation?.message, undefined)
  t.ok(result.schedules > 100)
})
