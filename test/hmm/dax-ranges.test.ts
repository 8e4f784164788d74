/**
 * Pages of a DAX file in a range of 2019: as others, with a reference of the file's page map while they are looked at and no longer; and
 * -EBUSY once the device is gone and its pages are about to go (section 4.8.1, row devmap).
 */
import t from 'tap'
import { EBUSY, EFAULT } from '../../shared/memory/errno.ts'
import { type File, fileGet, filePagemap, filePut } from '../../shared/mm/file.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { killPagemap, pagemapGet, pagemapPut } from '../../shared/mm/pagemap.ts'
import { unplugFile } from '../../shared/mm/unplug.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { assert } from '../../shared/seam/error.ts'
import { A, area, daxArea, RW, store } from '../support/addressspace.ts'
import { everyPreemption } from '../support/interleave.ts'
import { type Filled, type Ranged, ranged, V, W } from '../support/ranged.ts'

const SHARED = RW | VM_SHARED

/** A page of private memory at A, and three of a DAX file behind it, the first two written; a range over all four. The caller has a use of the file. */
function mapped(): { r: Ranged; file: File } {
  const r = ranged()
  area(r.task, r.mm, A, 1, RW)
  const file = daxArea(r.task, r.mm, A + 1, 3, SHARED)
  fileGet(r.task, file)
  for (const i of [0, 1, 2]) store(r.task, A + i, i + 1)
  assert(r.register(A, 4) === 0, 'the range is registered')
  return { r, file }
}

function end({ r, file }: { r: Ranged; file: File }): string[] {
  filePut(r.task, file)
  return r.end()
}

t.test('the device is there: its pages are VALID, with WRITE where the CPU has it; one that is asked for is faulted in', (t) => {
  const all = mapped()
  const { r } = all
  t.same(r.snapshot(), { result: 4, held: true })
  t.same(r.see(), ['VW', 'VW', 'VW', '-'])
  t.same(r.fault({ flags: V | W }), { result: 4, held: true })
  t.same(r.see(), ['VW', 'VW', 'VW', 'VW'])
  t.ok(r.valid())
  t.same(end(all), [])
  t.end()
})

t.test('gone, and its pages not yet: a snapshot ends there, a fault is -EBUSY with mmap_sem held', (t) => {
  const all = mapped()
  const { r, file } = all
  killPagemap(r.second, filePagemap(r.task, file))
  t.same(r.snapshot(), { result: 1, held: true })
  t.same(r.see().slice(0, 2), ['VW', '-'], 'what is before it is filled')
  t.same(r.fault({ flags: V }), { result: -EBUSY, held: true })
  t.same(r.see(), ['VW', '-', '-', '-'])
  t.notOk(r.valid())
  t.same(end(all), [])
  t.end()
})

t.test('gone with its pages: an invalidation as any other; then nothing is there, and a fault is -EFAULT', (t) => {
  const all = mapped()
  const { r, file } = all
  r.fault({ flags: V })
  t.ok(r.valid())
  r.told.length = 0
  unplugFile(r.second, file)
  t.ok(r.told.length > 0)
  t.notOk(r.valid())
  t.same(r.snapshot(), { result: 4, held: true })
  t.same(r.see(), ['VW', '-', '-', '-'])
  t.same(r.fault({ flags: V }), { result: -EFAULT, held: true })
  t.same(r.see(), ['VW', '-', '-', '-'])
  t.same(end(all), [])
  t.end()
})

t.test('a copy that a private mapping made is no page of the device, and outlives it', (t) => {
  const all = mapped()
  const { r, file } = all
  r.unregister()
  t.equal(mmap(r.task, r.mm, A + 512, 2, RW, PLACE_FIXED, file), A + 512)
  store(r.task, A + 512, 5)
  unplugFile(r.second, file)
  r.register(A + 512, 1)
  t.same(r.fault({ flags: V | W }), { result: 1, held: true })
  t.same(r.see(), ['VW'])
  t.same(end(all), [])
  t.end()
})

t.test('the map dies at any moment of a walk: all or -EBUSY, and in the middle it waits for the walk', (t) => {
  const outcomes = new Set<string>()
  let met = 0
  const ran = everyPreemption(() => {
    const all = mapped()
    const { r, file } = all
    const map = filePagemap(r.task, file)
    let filled: Filled
    return {
      first: r.task,
      run: () => {
        filled = r.fault({ mask: V, pfns: [V, V, V, 0n] })
      },
      second: r.second,
      meanwhile: () => {
        met++
        killPagemap(r.second, map)
      },
      check: () => {
        outcomes.add(`${filled.result}: ${r.see()}`)
        assert(!pagemapGet(r.task, map), "a dead map is nobody's")
        const wrong = end(all)
        assert(wrong.length === 0, wrong.join('; '))
      },
    }
  })
  t.same([...outcomes].sort(), [`${-EBUSY}: VW,-,-,-`, '4: VW,VW,VW,-'])
  t.ok(met > ran, `${met - ran} times it had to wait, of ${met}`)
  t.end()
})

t.test('after the walk nobody has a reference: the device can be taken away at once', (t) => {
  const all = mapped()
  const { r, file } = all
  const map = filePagemap(r.task, file)
  r.fault({ flags: V })
  r.snapshot()
  t.ok(pagemapGet(r.second, map))
  pagemapPut(r.second, map)
  killPagemap(r.second, map) // would sleep for ever
  t.same(end(all), [])
  t.end()
})
