/** What does each call of March 2019 answer, and who holds mmap_sem afterwards? */
import t from 'tap'
import { hmmRangePageShift, hmmRangePageSize, hmmRangeUnregister } from '../../shared/hmm/hmmrange.ts'
import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOMEM, EPERM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { makeEntry, makePte, PTE_KIND } from '../../shared/mm/pte.ts'
import { VM_IO, VM_MIXEDMAP, VM_PFNMAP } from '../../shared/mm/vma.ts'
import { A, area, frameOf, hugeArea, makeScarce, NONE, RO, RW, store } from '../support/addressspace.ts'
import { plantEntry } from '../support/plantedentry.ts'
import { ranged, V, W } from '../support/ranged.ts'

const held = (result: number) => ({ result, held: true })
const dropped = (result: number) => ({ result, held: false })

t.test('register: 0, -EINVAL for what is not aligned or empty, and valid only while nothing runs', (t) => {
  const r = ranged()
  t.equal(r.register(A, 4), 0)
  t.equal(r.state(), 'valid')
  r.unregister()
  const end = r.start(A + 100)
  t.equal(r.register(A, 4), 0)
  t.equal(r.state(), 'invalid', 'nothing overlaps it; but an invalidation runs')
  end()
  t.equal(r.state(), 'valid')
  t.equal(hmmRangePageShift(r.task, r.range), 12)
  t.equal(hmmRangePageSize(r.task, r.range), 4096)
  r.unregister()
  for (const [start, pages, shift] of [
    [A, 0],
    [A, -1],
    [A + 0.5, 1],
    [A, 65],
    [A + 1, 512, 21],
    [A, 511, 21],
    [A, 4, 11],
  ] as const)
    t.equal(r.register(start, pages, shift), -EINVAL, `${start - A}, ${pages}, ${shift}`)
  t.equal(r.state(), 'idle')
  t.same(r.end(), [])
  t.end()
})

t.test('register: -EFAULT once the mirror or its address space is dead, and the range is registered with nobody', (t) => {
  const r = ranged()
  r.release()
  t.equal(r.register(A, 1), -EFAULT)
  t.equal(r.state(), 'idle')
  hmmRangeUnregister(r.task, r.range)
  t.same(r.end(), [])
  t.end()
})

t.test('register: -EINVAL in another era', (t) => {
  const r = ranged({ era: 'sequence' })
  t.equal(r.register(A, 1), -EINVAL)
  t.same(r.end(), [])
  t.end()
})

t.test('wait: true when it may be filled, false when the time is over, or the address space', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  r.register(A, 1)
  t.equal(r.wait(), true, 'at once')
  const end = r.start(A)
  t.equal(r.wait(1), false)
  end()
  t.equal(r.wait(), true)
  t.same(r.end(), [])
  t.end()
})

t.test('valid: only what was filled since the last start, under the update lock', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  r.register(A, 1)
  t.equal(r.valid(), false, 'nothing was filled')
  t.same(r.fault({ flags: V }), held(1))
  t.equal(r.valid(), true)
  r.start(A)()
  t.equal(r.valid(), false)
  t.same(r.end(), [])
  t.end()
})

t.test('unregister: a range that is not registered is left alone', (t) => {
  const r = ranged()
  hmmRangeUnregister(r.task, r.range)
  r.register(A, 1)
  r.unregister()
  r.unregister()
  t.same(r.end(), [])
  t.end()
})

for (const call of ['snapshot', 'fault'] as const) {
  const fill = (r: ReturnType<typeof ranged>) => (call === 'fault' ? r.fault({ flags: V }) : r.snapshot())

  t.test(`${call}: the number of pages, over several areas`, (t) => {
    const r = ranged()
    area(r.task, r.mm, A, 2, RW)
    area(r.task, r.mm, A + 2, 2, RO)
    store(r.task, A, 1)
    r.register(A, 4)
    t.same(fill(r), held(4))
    t.same(r.see(), call === 'fault' ? ['VW', 'V', 'V', 'V'] : ['VW', '-', '-', '-'])
    t.same(r.end(), [])
    t.end()
  })

  t.test(`${call}: -EAGAIN while an invalidation that touched it runs`, (t) => {
    const r = ranged()
    area(r.task, r.mm, A, 1, RW)
    r.register(A, 1)
    const end = r.start(A)
    t.same(fill(r), call === 'fault' ? dropped(-EAGAIN) : held(-EAGAIN))
    end()
    t.same(fill(r), held(1))
    t.same(r.end(), [])
    t.end()
  })

  t.test(`${call}: -EFAULT without an area at or behind the page, or in a device's`, (t) => {
    const r = ranged()
    r.register(A, 1)
    t.same(fill(r), held(-EFAULT), 'no area')
    area(r.task, r.mm, A, 1, RW)
    for (const flag of [VM_IO, VM_PFNMAP, VM_MIXEDMAP]) {
      r.setFlags(A, RW | flag)
      t.same(fill(r), held(-EFAULT))
    }
    r.setFlags(A, RW)
    t.same(fill(r), held(1))
    t.same(r.end(), [])
    t.end()
  })

  t.test(`${call}: -EINVAL for a page shift that does not fit the area`, (t) => {
    const r = ranged()
    hugeArea(r.task, r.mm, A, 512, RW)
    t.equal(r.register(A, 512, 21), 0)
    t.same(fill(r), held(-EINVAL), 'transparent huge pages are none of hugetlb')
    t.same(r.end(), [])
    t.end()
  })

  t.test(`${call}: -EPERM for an area that may not be read, and all entries are NONE`, (t) => {
    const r = ranged()
    area(r.task, r.mm, A, 1, RW)
    area(r.task, r.mm, A + 1, 1, NONE)
    store(r.task, A, 1)
    r.register(A, 2)
    r.pfns().fill(V)
    t.same(fill(r), held(-EPERM))
    t.same(r.see(), ['-', '-'])
    t.same(r.end(), [])
    t.end()
  })

  t.test(`${call}: -EFAULT, and no more faults, once the address space has ended`, (t) => {
    const r = ranged()
    area(r.task, r.mm, A, 1, RW)
    r.register(A, 1)
    r.release()
    t.same(fill(r), held(-EFAULT))
    t.equal(r.wait(1000), false, 'and nobody waits for it')
    t.same(r.end(), [])
    t.end()
  })
}

t.test('snapshot: a bad entry ends the walk and is no error', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 3, RW)
  store(r.task, A, 1)
  store(r.task, A + 2, 1)
  r.register(A, 3)
  const remove = plantEntry(r.task, r.mm, A + 1, makeEntry(7, 0, 0))
  t.same(r.snapshot(), held(1))
  t.same(r.see().slice(0, 2), ['VW', 'E'])
  t.equal(r.valid(), true, 'what is before it may be used')
  remove()
  t.same(r.end(), [])
  t.end()
})

t.test('fault: -EBUSY when its own CPU fault invalidates the range: mmap_sem held, wait and again', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  store(r.task, A, 1)
  const child = fork(r.task, r.mm, 2)
  r.register(A, 1)
  t.same(r.fault({ flags: V | W }), held(-EBUSY), 'the copy was made')
  t.same(r.see(), ['-'])
  t.equal(r.wait(), true)
  t.same(r.fault({ flags: V | W }), held(1))
  t.same(r.see(), ['VW'])
  mmPut(r.task, child)
  t.same(r.end(), [])
  t.end()
})

t.test('fault: -EAGAIN for a migration that it does not want to wait for, and mmap_sem is gone', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  store(r.task, A, 1)
  r.register(A, 1)
  const remove = plantEntry(r.task, r.mm, A, makeEntry(PTE_KIND.migration, frameOf(r.task, r.mm, A), 0))
  t.same(r.fault({ flags: V, block: false }), dropped(-EAGAIN))
  remove()
  t.same(r.fault({ flags: V, block: false }), held(1), 'what has not to be waited for is faulted all the same')
  t.same(r.end(), [])
  t.end()
})

t.test('fault: -EFAULT for a gap that is asked for; a gap that is not is NONE', (t) => {
  const r = ranged()
  area(r.task, r.mm, A + 1, 1, RW)
  r.register(A, 2)
  t.same(r.fault({ flags: V }), held(-EFAULT))
  t.same(r.see(), ['-', '-'])
  t.same(r.fault({ mask: V, pfns: [0n, V] }), held(2))
  t.same(r.see(), ['-', 'V'])
  t.same(r.snapshot(), held(2))
  t.same(r.end(), [])
  t.end()
})

t.test('fault: -EFAULT for an entry that cannot be had; it and what is behind it are NONE', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 3, RW)
  for (let i = 0; i < 3; i++) store(r.task, A + i, 1)
  r.register(A, 3)
  for (const bad of [makeEntry(7, 0, 0), makePte(0xfffff as never, 0)]) {
    const remove = plantEntry(r.task, r.mm, A + 1, bad)
    r.pfns().fill(V)
    t.same(r.fault({ flags: V }), held(-EFAULT))
    t.same(r.see(), ['VW', '-', '-'])
    remove()
  }
  t.same(r.end(), [])
  t.end()
})

t.test('fault: -ENOMEM when there is no frame', (t) => {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  r.register(A, 1)
  store(r.task, A, 1) // so that its tables are there
  area(r.task, r.mm, A + 1, 1, RW)
  r.unregister()
  r.register(A + 1, 1)
  const giveBack = makeScarce(r.task, 'frame', 0)
  t.same(r.fault({ flags: V | W }), held(-ENOMEM))
  giveBack()
  t.same(r.fault({ flags: V | W }), held(1))
  t.same(r.end(), [])
  t.end()
})
