/** madvise pageout: what is put out, what is left alone, and what comes back. */
import t from 'tap'
import { type Frame, frameGet, frameHead, frameIsBlock, frameMaps } from '../../shared/frame/frames.ts'
import { framePut, freeFrames, SWAP_ZONE, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import {
  A,
  area,
  entries,
  entry,
  entryRuns,
  fileArea,
  frameOf,
  hugeArea,
  load,
  newSpace,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const SPAN = 512
const SWAP = { swapFrames: 1024 }
const SWAPPED = 'kind 1'

t.test('private pages go one by one, each with its event, and come back writable', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, 3, RW)
  store(task, A, 5)
  store(task, A + 2, 7)
  const [system, swap] = [freeFrames(task, SYSTEM_ZONE), freeFrames(task, SWAP_ZONE)]
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A, 3, ADVICE.pageout), 0)
  t.same(watcher.take(), ['clear 0..0', 'clear 2..2'])
  t.same(entries(task, mm, A, 3), [SWAPPED, '-', SWAPPED])
  t.same([freeFrames(task, SYSTEM_ZONE), freeFrames(task, SWAP_ZONE)], [system + 2, swap - 2])
  t.same([load(task, A), load(task, A + 2)], [5, 7])
  t.same(entries(task, mm, A, 3), ['rw', '-', 'rw'])
  t.equal(freeFrames(task, SWAP_ZONE), swap)
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('left alone: pages that others map, the page of zeros, and everything when there is no swap', async (t) => {
  for (const swapFrames of [1024, 0]) {
    const { task, leftovers } = solo({ swapFrames })
    const mm = newSpace(task)
    area(task, mm, A, 3, RW)
    store(task, A, 5)
    const child = fork(task, mm, 2)
    load(task, A + 1)
    if (swapFrames === 0) store(task, A + 2, 6)
    const before = entries(task, mm, A, 3)
    t.equal(madvise(task, mm, A, 3, ADVICE.pageout), 0)
    t.same(entries(task, mm, A, 3), before)
    t.equal(load(task, A), 5)
    mmPut(task, child)
    mmPut(task, mm)
    t.same(leftovers(), [])
  }
})

t.test('a swapped page that fork shares comes back read-only, and each writes its own', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  madvise(task, mm, A, 1, ADVICE.pageout)
  const child = fork(task, mm, 2)
  t.equal(load(task, A), 5)
  t.equal(entry(task, mm, A), 'ro')
  store(task, A, 6)
  switchMm(task, child)
  t.equal(load(task, A), 5)
  store(task, A, 7)
  switchMm(task, mm)
  t.equal(load(task, A), 6)
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages of a file go to its slots, and whoever maps it finds them there', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 2, RW | VM_SHARED)
  t.equal(mmap(task, mm, A + SPAN, 2, RW | VM_SHARED, PLACE_FIXED, file), A + SPAN)
  store(task, A, 5)
  store(task, A + 1, 6)
  load(task, A + SPAN + 1)
  munmap(task, mm, A + SPAN, 1)
  const swap = freeFrames(task, SWAP_ZONE)
  madvise(task, mm, A, 2, ADVICE.pageout)
  t.same(entries(task, mm, A, 2), ['-', 'rw'], 'the second is mapped twice')
  t.equal(freeFrames(task, SWAP_ZONE), swap - 1)
  t.equal(load(task, A), 5)
  t.equal(freeFrames(task, SWAP_ZONE), swap)
  madvise(task, mm, A, 1, ADVICE.pageout)
  mmPut(task, mm)
  t.same(leftovers(), [], 'the last area takes the slots along')
})

t.test('a huge page is taken apart and goes; of one that is covered in part, the part goes', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN * 2, RW)
  for (let i = 0; i < SPAN * 2; i++) store(task, A + i, i + 1)
  madvise(task, mm, A, SPAN, ADVICE.pageout)
  madvise(task, mm, A + SPAN + 500, 12, ADVICE.pageout)
  t.same(entryRuns(task, mm, A, SPAN * 2), [`512 x ${SWAPPED}`, '500 x rw', `12 x ${SWAPPED}`])
  t.notOk(frameIsBlock(task, frameOf(task, mm, A + SPAN)))
  for (const i of [0, 511, 512, 1012, 1023]) t.equal(load(task, A + i), i + 1)
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a huge page that another process maps, or that somebody holds, stays one', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN * 2, RW)
  store(task, A, 1)
  const child = fork(task, mm, 2)
  store(task, A + SPAN, 1)
  const held = frameOf(task, mm, A + SPAN + 9) as Frame
  frameGet(task, held)
  madvise(task, mm, A, SPAN * 2, ADVICE.pageout)
  t.same(entryRuns(task, mm, A, SPAN * 2), ['512 x huge ro', '512 x huge rw'])
  t.equal(frameMaps(task, frameHead(task, held)), 1)
  framePut(task, held)
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('hugetlb is not put out', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW | VM_HUGETLB)
  store(task, A, 1)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.pageout), -EINVAL)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
