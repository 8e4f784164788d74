/**
 * The verbs of an adapter with on-demand paging: what does each command do, and what does it say where it cannot? And what does the
 * adapter reach, with regions and without?
 */
import t from 'tap'
import { CHILD_PAGES, MAX_REGION_PAGES } from '../../shared/drivers/odp/region.ts'
import { kindById } from '../../shared/frame/objects.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { LAST_VPN } from '../../shared/mm/vma.ts'
import { adapter, RIGHTS } from '../support/adapter.ts'
import { A, area, load, NONE, RO, RW, store, takeAll } from '../support/addressspace.ts'

/** Number of the kind that regions are. */
const DRIVER_RECORD = 30

for (const era of ERAS_THERE) {
  t.test(`${era}: without a region the whole address space is one; pages outside an area are refused`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 2, RW)
    area(nic.task, nic.mm, A + 2, 1, RO)
    t.same([nic.touch(A, 'write'), nic.touch(A + 1, 'read'), nic.touch(A + 2, 'read')], ['ok', 'ok', 'ok'])
    t.equal(load(nic.task, A), 7)
    t.equal(nic.touch(A + 100, 'read'), 'EFAULT')
    t.equal(nic.touch(A + 2, 'write'), era === 'events' ? 'EACCES' : 'EPERM', 'the area may only be read')
    t.same(nic.has(A, 3), ['rw', 'ro', 'ro'])
    t.equal(nic.mapped(), 3, 'and it has them by addresses of its bus')
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: the first region ends that; what lies in no region is refused, and taken away`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 8, RW)
    t.equal(nic.touch(A, 'write'), 'ok')
    t.equal(nic.verb('reg_mr', A + 4, 2, RIGHTS.rw), 'ok')
    t.same([nic.has(A, 1), nic.mapped()], [['-'], 0])
    t.same([nic.touch(A, 'read'), nic.touch(A + 6, 'read')], ['EFAULT', 'EFAULT'])
    t.same([nic.touch(A + 4, 'write'), nic.touch(A + 5, 'atomic')], ['ok', 'ok'])
    t.same(nic.regions(), [A + 4])
    t.equal(nic.verb('dereg_mr', A + 4, 2), 'ok')
    t.same([nic.touch(A + 4, 'read'), nic.has(A + 4, 2), nic.mapped(), nic.regions()], ['EFAULT', ['-', '-'], 0, []])
    t.equal(nic.touch(A, 'read'), 'EFAULT', 'nor is the address space a region again')
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: a region that may only be read: -EACCES for a write, and no right to write where the CPU has one`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 2, RW)
    store(nic.task, A, 5)
    nic.verb('reg_mr', A, 2, RIGHTS.r)
    t.same([nic.touch(A, 'read'), nic.touch(A, 'write'), nic.touch(A + 1, 'atomic')], ['ok', 'EACCES', 'EACCES'])
    t.same(nic.has(A, 1), ['ro'])
    t.equal(load(nic.task, A), 5)
    t.same(nic.close(), [])
    t.end()
  })

  t.test(`${era}: prefetch brings pages in, for reading or for writing, and counts them`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 3, RW)
    area(nic.task, nic.mm, A + 3, 3, RO)
    nic.verb('reg_mr', A, 4, RIGHTS.rw)
    nic.verb('reg_mr', A + 4, 2, RIGHTS.r)
    t.equal(nic.verb('prefetch_write', A, 2), 'ok cpages=2')
    t.equal(nic.verb('prefetch', A + 2, 4), 'ok cpages=4', 'over two regions, and two areas')
    t.same(nic.has(A, 6), ['rw', 'rw', 'ro', 'ro', 'ro', 'ro'])
    t.same([nic.reach(A, 'write'), nic.reach(A + 5, 'read')], ['ok', 'ok'], 'without a page request')
    t.equal(nic.verb('prefetch_write', A + 4, 1), 'EPERM', 'a region that may only be read')
    t.equal(nic.verb('prefetch_write', A + 3, 1), era === 'events' ? 'EACCES' : 'EPERM', 'an area that may only be read')
    t.equal(nic.verb('prefetch', A + 5, 2), 'ENOENT', 'a page in no region')
    t.equal(nic.verb('prefetch', A, 0), 'EINVAL')
    nic.verb('reg_mr', A + 6, 1, RIGHTS.rw)
    t.equal(nic.verb('prefetch', A + 6, 1), 'EFAULT', 'no area')
    t.same(nic.close(), [])
    t.end()
  })
}

for (const era of ERAS_THERE.filter((one) => one !== 'events')) {
  t.test(`${era}: prefetch without faulting takes what is there, and leaves out what is not`, (t) => {
    const nic = adapter(era)
    area(nic.task, nic.mm, A, 3, RW)
    area(nic.task, nic.mm, A + 3, 1, NONE)
    store(nic.task, A + 1, 5)
    nic.verb('reg_mr', A, 5, RIGHTS.rw)
    t.equal(
      nic.verb('prefetch_no_fault', A, 5),
      'ok cpages=1',
      'one page; three that nobody may read or touched, one without an area',
    )
    t.same(nic.has(A, 5), ['-', 'rw', '-', '-', '-'])
    t.equal(nic.mapped(), 1)
    t.same(nic.close(), [])
    t.end()
  })
}

t.test('era events: HMM of 2016 looks at no page without bringing it in: -EOPNOTSUPP', (t) => {
  const nic = adapter('events')
  area(nic.task, nic.mm, A, 1, RW)
  t.equal(nic.verb('prefetch_no_fault', A, 1), 'EOPNOTSUPP')
  t.same(nic.close(), [])
  t.end()
})

t.test('reg_mr: what cannot be a region', (t) => {
  const nic = adapter()
  for (const [start, pages, rights, answer] of [
    [A, 0, RIGHTS.rw, 'EINVAL'],
    [A, -1, RIGHTS.rw, 'EINVAL'],
    [-1, 1, RIGHTS.rw, 'EINVAL'],
    [LAST_VPN, 2, RIGHTS.rw, 'EINVAL'],
    [A, MAX_REGION_PAGES + 1, RIGHTS.rw, 'EINVAL'],
    [A, 1, RIGHTS.w, 'EINVAL'],
    [A, 1, RIGHTS.none, 'EINVAL'],
    [A, MAX_REGION_PAGES, RIGHTS.rw, 'ok'],
    [LAST_VPN, 1, RIGHTS.r, 'ok'],
    [A + MAX_REGION_PAGES - 1, 1, RIGHTS.r, 'EEXIST'],
    [A - 1, 2, RIGHTS.r, 'EEXIST'],
    [A - 1, 1, RIGHTS.r, 'ok'],
  ] as const)
    t.equal(nic.verb('reg_mr', start, pages, rights), answer, `${start}, ${pages}, ${rights}`)
  t.equal(nic.verb('sing', A, 1), 'EINVAL', 'an unknown command')
  t.same(nic.close(), [])
  t.end()
})

t.test('reg_mr: -ENOMEM, and the implicit region is still there', (t) => {
  const nic = adapter()
  area(nic.task, nic.mm, A, 1, RW)
  nic.touch(A, 'read')
  const giveBack = takeAll(nic.task, kindById(DRIVER_RECORD))
  t.equal(nic.verb('reg_mr', A, 1, RIGHTS.rw), 'ENOMEM')
  giveBack()
  t.equal(nic.touch(A, 'write'), 'ok')
  t.same(nic.close(), [])
  t.end()
})

t.test('dereg_mr: -ENOENT unless it names a region from its first page to its last', (t) => {
  const nic = adapter()
  area(nic.task, nic.mm, A, 4, RW)
  nic.touch(A, 'read')
  t.equal(nic.verb('dereg_mr', A, CHILD_PAGES), 'ENOENT', 'a child of the implicit region was not registered')
  nic.verb('reg_mr', A, 4, RIGHTS.rw)
  for (const [start, pages] of [
    [A, 3],
    [A + 1, 3],
    [A + 4, 1],
  ] as const)
    t.equal(nic.verb('dereg_mr', start, pages), 'ENOENT')
  t.equal(nic.verb('dereg_mr', A, 0), 'EINVAL')
  t.equal(nic.verb('dereg_mr', A, 4), 'ok')
  t.equal(nic.verb('dereg_mr', A, 4), 'ENOENT', 'once')
  t.same(nic.close(), [])
  t.end()
})

t.test('a region may be registered before there is an area, and outlives one', (t) => {
  const nic = adapter()
  nic.verb('reg_mr', A, 1, RIGHTS.rw)
  t.equal(nic.touch(A, 'read'), 'EFAULT')
  area(nic.task, nic.mm, A, 1, RW)
  t.equal(nic.touch(A, 'write'), 'ok')
  munmap(nic.task, nic.mm, A, 1)
  t.same([nic.touch(A, 'read'), nic.mapped(), nic.regions()], ['EFAULT', 0, [A]])
  area(nic.task, nic.mm, A, 1, RW)
  t.equal(nic.touch(A, 'write'), 'ok')
  t.same(nic.close(), [])
  t.end()
})
