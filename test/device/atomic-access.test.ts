/**
 * How does an atomic access of a device reach a page of system memory? As the policy says: as a write; by taking the page from all CPUs,
 * until one touches it; or by moving it.
 */
import t from 'tap'
import type { MigrationPolicy } from '../../shared/drivers/svm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, entries, fileArea, load, RO, RW, store, wrongCounts } from '../support/addressspace.ts'
import { gpu } from '../support/gpu.ts'

const PRIVATE = 'kind 3'
const EXCLUSIVE = 'kind 4'
const policy = (atomics: MigrationPolicy['atomics']): MigrationPolicy => ({
  name: 'maps',
  ...(atomics === undefined ? {} : { atomics }),
  onFault: () => ({ do: 'map' }),
})

for (const [atomics, there, mapped, home] of [
  [undefined, 'rw', 'sys rw', 'sys rw'],
  ['map', 'rw', 'sys rw', 'sys rw'],
  ['exclusive', EXCLUSIVE, 'sys rw', '-'],
  ['migrate', PRIVATE, 'dev rw', '-'],
] as const) {
  t.test(`atomics ${atomics ?? 'as they are by default'}`, (t) => {
    const the = gpu({ memory: [4], policy: policy(atomics) })
    const { task, mm } = the
    area(task, mm, A, 1, RW)
    store(task, A, 5)
    t.equal(the.fault(0, 'atomic'), 'ok')
    t.same([entries(task, mm, A, 1), the.mapped(0, 1)], [[there], [mapped]])
    t.equal(load(task, A), 5)
    t.same([entries(task, mm, A, 1), the.mapped(0, 1)], [['rw'], [home]])
    t.equal(the.count('exclusives'), atomics === 'exclusive' ? 1 : 0)
    t.same(wrongCounts(task, mm), [])
    t.same(the.close(), [])
    t.end()
  })
}

t.test('what cannot be taken is served as any other page', (t) => {
  const the = gpu({ memory: [4], policy: policy('exclusive') })
  const { task, mm } = the
  fileArea(task, mm, A, 1, RW | VM_SHARED)
  area(task, mm, A + 1, 1, RW)
  store(task, A + 1, 5)
  mprotect(task, mm, A + 1, 1, RO)
  t.same([the.fault(0, 'atomic'), the.fault(1, 'atomic'), the.fault(2, 'atomic')], ['ok', 'EPERM', 'EFAULT'])
  t.same(the.mapped(0, 3), ['sys rw', '-', '-'])
  t.equal(the.count('exclusives'), 0)
  t.same(the.close(), [])
  t.end()
})

t.test('a read of the same device gives the page back; another device takes it over', (t) => {
  const the = gpu({ memory: [4, 4], policy: policy('exclusive') })
  const { task, mm } = the
  area(task, mm, A, 1, RW)
  the.fault(0, 'atomic', 0)
  the.fault(0, 'atomic', 1)
  t.same([the.mapped(0, 1, 0), the.mapped(0, 1, 1), entries(task, mm, A, 1)], [['-'], ['sys rw'], [EXCLUSIVE]])
  the.fault(0, 'read', 0)
  t.same([the.mapped(0, 1, 0), the.mapped(0, 1, 1), entries(task, mm, A, 1)], [['sys rw'], ['-'], ['rw']])
  t.same(the.close(), [])
  t.end()
})

t.test('era events: taking pages exclusively is younger than its rules, the access is a write', (t) => {
  const the = gpu({ memory: [4], policy: policy('exclusive'), era: 'events' })
  area(the.task, the.mm, A, 1, RW)
  t.equal(the.fault(0, 'atomic'), 'ok')
  t.same([entries(the.task, the.mm, A, 1), the.mapped(0, 1)], [['rw'], ['sys rw']])
  t.same(the.close(), [])
  t.end()
})
