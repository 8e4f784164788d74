/** hugetlb: memory that is 2 MiB pages or nothing. Which spans are refused, what is shared and what is copied, and who is told. */
import t from 'tap'
import { BLOCK_FRAMES, frameMaps, frameRefs } from '../../shared/frame/frames.ts'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_ANYWHERE, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import {
  A,
  area,
  areas,
  entry,
  fileArea,
  frameOf,
  load,
  makeScarce,
  NONE,
  newSpace,
  RO,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const SPAN = 512
const PRIVATE = RW | VM_HUGETLB
const SHARED = RW | VM_SHARED | VM_HUGETLB
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED

t.test('sizes are rounded up to whole pages; places and parts must be whole pages', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  t.equal(mmap(task, mm, A + 1, SPAN, PRIVATE, PLACE_FIXED), -EINVAL)
  t.equal(mmap(task, mm, A, 5, PRIVATE, PLACE_FIXED), A)
  t.equal(areas(task, mm)[0]?.pages, SPAN)
  const anywhere = mmap(task, mm, 0, SPAN, PRIVATE, PLACE_ANYWHERE)
  t.equal(anywhere % SPAN, 0)
  store(task, A, 1)
  t.equal(munmap(task, mm, A + 1, 5), -EINVAL)
  t.equal(mprotect(task, mm, A, 5, RO), -EINVAL)
  t.equal(mremap(task, mm, A, SPAN, SPAN, MOVE, A + SPAN * 4 + 1), -EINVAL)
  t.equal(mremap(task, mm, A, SPAN, SPAN * 2, MREMAP_MAYMOVE), -EINVAL, 'it does not grow')
  t.equal(mremap(task, mm, A, SPAN, SPAN, MREMAP_MAYMOVE | MREMAP_DONTUNMAP), -EINVAL)
  for (const advice of [ADVICE.free, ADVICE.pageout, ADVICE.collapse, ADVICE.wipeonfork])
    t.equal(madvise(task, mm, A, SPAN, advice), -EINVAL)
  t.equal(madvise(task, mm, A + 1, SPAN - 1, ADVICE.dontneed), -EINVAL, 'the start is no page’s')
  t.equal(madvise(task, mm, A, 5, ADVICE.dontneed), 0, 'no whole page is meant')
  t.equal(load(task, A), 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('private: the first touch brings a block of its own; a read maps it read-only', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN * 2, PRIVATE)
  const free = freeFrames(task, SYSTEM_ZONE)
  t.equal(load(task, A + 5), 0)
  t.equal(entry(task, mm, A), 'huge ro')
  t.equal(freeFrames(task, SYSTEM_ZONE), free - BLOCK_FRAMES)
  const watcher = watchEvents(task, mm)
  const head = frameOf(task, mm, A)
  store(task, A + 5, 1)
  t.same([entry(task, mm, A), frameOf(task, mm, A), watcher.take()], ['huge rw', head, []], 'its own: no copy')
  store(task, A + SPAN, 1)
  t.equal(entry(task, mm, A + SPAN), 'huge rw')
  t.equal(madvise(task, mm, A, SPAN, ADVICE.dontneed), 0)
  t.same(watcher.take(), ['clear 0..511'])
  t.equal(load(task, A + 5), 0)
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('shared: the file has the block; what is dropped comes back, what is removed does not', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, SPAN * 2, SHARED)
  t.equal(mmap(task, mm, A + SPAN * 4, SPAN * 2, SHARED, PLACE_FIXED, file), A + SPAN * 4)
  store(task, A + SPAN + 5, 7)
  t.equal(load(task, A + SPAN * 5 + 5), 7)
  t.same([entry(task, mm, A + SPAN), entry(task, mm, A + SPAN * 5)], ['huge rw', 'huge rw'], 'also after a read')
  const head = frameOf(task, mm, A + SPAN)
  t.same([frameRefs(task, head), frameMaps(task, head)], [3, 2], 'two entries and the file')
  t.equal(madvise(task, mm, A + SPAN, SPAN, ADVICE.dontneed), 0)
  t.equal(load(task, A + SPAN + 5), 7)
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A + SPAN, SPAN, ADVICE.remove), 0)
  t.same(watcher.take(), ['clear 512..1023', 'clear 2560..3071'], 'whoever maps it')
  t.same([load(task, A + SPAN + 5), load(task, A + SPAN * 5 + 5)], [0, 0])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('remove of a part clears the pages inside and leaves them mapped', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, SPAN * 2, SHARED)
  for (const i of [0, 10, 511, 512, 1023]) store(task, A + i, i + 1)
  t.equal(madvise(task, mm, A + 10, SPAN - 10 + SPAN / 2, ADVICE.remove), 0)
  t.same(
    [0, 10, 511, 512, 1023].map((i) => load(task, A + i)),
    [1, 0, 0, 0, 1024],
  )
  t.equal(entry(task, mm, A), 'huge rw')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('beyond the end of its file there is SIGBUS, and so there is without a block', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, SPAN * 2, SHARED, SPAN)
  t.equal(store(task, A + SPAN, 1), 'sigbus')
  area(task, mm, A + SPAN * 4, SPAN, PRIVATE)
  const giveBack = makeScarce(task, 'block', 0)
  t.equal(store(task, A, 1), 'sigbus')
  t.equal(load(task, A + SPAN * 4), 'sigbus')
  giveBack()
  t.equal(store(task, A, 1), 'ok')
  t.equal(load(task, A + SPAN * 4), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('after fork the block is shared until one of them writes; the whole of it is copied then', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN, PRIVATE)
  for (const i of [0, 100, 511]) store(task, A + i, i + 1)
  const watcher = watchEvents(task, mm)
  const child = fork(task, mm, 2)
  t.same(watcher.take(), ['clear 0..511'])
  t.same([entry(task, mm, A), entry(task, child, A)], ['huge ro', 'huge ro'])
  const head = frameOf(task, mm, A)
  store(task, A + 100, 9)
  t.same(watcher.take(), ['clear 0..511'])
  t.not(frameOf(task, mm, A), head)
  t.equal(frameOf(task, child, A), head)
  t.same([load(task, A), load(task, A + 100), load(task, A + 511)], [1, 9, 512])
  switchMm(task, child)
  store(task, A, 8)
  t.equal(frameOf(task, child, A), head, 'the last one takes it over')
  t.same([load(task, A), load(task, A + 100)], [8, 101])
  t.same(wrongCounts(task, mm, child), [])
  watcher.stop()
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a copy for which there is no block ends in SIGBUS, and the page stays shared', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN, PRIVATE)
  store(task, A, 1)
  const child = fork(task, mm, 2)
  const giveBack = makeScarce(task, 'block', 0)
  t.equal(store(task, A, 2), 'sigbus')
  t.same([load(task, A), entry(task, mm, A)], [1, 'huge ro'])
  giveBack()
  t.equal(store(task, A, 2), 'ok')
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('rights go and come back for whole pages; private ones are written by a fault only', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN, PRIVATE)
  fileArea(task, mm, A + SPAN, SPAN, SHARED)
  for (const vpn of [A, A + SPAN]) {
    store(task, vpn, 5)
    mprotect(task, mm, vpn, SPAN, NONE)
    t.same([entry(task, mm, vpn), load(task, vpn)], ['huge none', 'segv'])
    mprotect(task, mm, vpn, SPAN, RW)
    t.equal(entry(task, mm, vpn), vpn === A ? 'huge ro' : 'huge rw')
    t.same([load(task, vpn), store(task, vpn, 6), load(task, vpn)], [5, 'ok', 6])
  }
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('it moves as a whole, and shrinks by whole pages', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN * 2, PRIVATE)
  store(task, A, 1)
  store(task, A + SPAN, 2)
  const far = A + SPAN * 8
  t.equal(mremap(task, mm, A, SPAN * 2, SPAN * 2, MOVE, far), far)
  t.same([load(task, far), load(task, far + SPAN), load(task, A)], [1, 2, 'segv'])
  t.equal(entry(task, mm, far + SPAN), 'huge rw')
  t.equal(mremap(task, mm, far, SPAN * 2, SPAN, 0), far)
  t.same([load(task, far), load(task, far + SPAN)], [1, 'segv'])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})
