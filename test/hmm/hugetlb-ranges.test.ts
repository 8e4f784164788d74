/** What is in a range over hugetlb, by the page shift it was registered with? */
import t from 'tap'
import { hmmRangePageSize } from '../../shared/hmm/hmmrange.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { VM_HUGETLB } from '../../shared/mm/vma.ts'
import { A, area, frameOf, RW, store } from '../support/addressspace.ts'
import { type Ranged, ranged, V, W } from '../support/ranged.ts'

function hugetlb(pages: number): Ranged {
  const r = ranged({ bytes: 32 * 1024 * 1024 })
  t.equal(mmap(r.task, r.mm, A, pages, RW | VM_HUGETLB, PLACE_FIXED), A)
  return r
}

t.test('2 MiB: one entry for each huge page, its first frame', (t) => {
  const r = hugetlb(1024)
  store(r.task, A, 1)
  t.equal(r.register(A, 1024, 21), 0)
  t.equal(hmmRangePageSize(r.task, r.range), 2 * 1024 * 1024)
  t.same(r.snapshot(), { result: 1024, held: true }, 'counted in 4 KiB all the same')
  t.same(r.see(), ['VW', '-'])
  t.same(r.fault({ flags: V | W }), { result: 1024, held: true })
  t.same(r.see(), ['VW', 'VW'])
  t.ok(r.valid())
  r.start(A + 700)()
  t.notOk(r.valid(), 'an invalidation of any of its 4 KiB pages spoils it')
  t.same(r.end(), [])
  t.end()
})

t.test('4 KiB: one entry for each, with the frame of that piece', (t) => {
  const r = hugetlb(512)
  t.equal(r.register(A + 100, 8), 0)
  t.same(r.fault({ flags: V | W }), { result: 8, held: true })
  t.same(r.see(), new Array(8).fill('VW'))
  t.equal((r.pfns()[3] as bigint) & 0xffffffffn & ~0xfffn, BigInt((frameOf(r.task, r.mm, A) + 103) * 4096))
  t.same(r.end(), [])
  t.end()
})

t.test('other memory in the same range: with 4 KiB only; and a huge range begins and ends with huge pages', (t) => {
  const r = hugetlb(512)
  area(r.task, r.mm, A + 512, 512, RW)
  t.equal(r.register(A + 500, 24), 0)
  t.same(r.fault({ flags: V }), { result: 24, held: true })
  r.unregister()
  t.equal(r.register(A, 1024, 21), 0)
  t.same(r.fault({ flags: V }), { result: -EINVAL, held: true })
  r.unregister()
  t.equal(r.register(A + 1, 512, 21), -EINVAL)
  t.equal(r.register(A, 511, 21), -EINVAL)
  t.equal(r.register(A, 512, 16), 0, "a shift that is no area's page")
  t.same(r.fault({ flags: V }), { result: -EINVAL, held: true })
  t.same(r.end(), [])
  t.end()
})
