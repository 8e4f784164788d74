/** madvise free: which pages may be dropped instead of being put out, and which must keep what they hold? */
import t from 'tap'
import { FRAME_LAZY_FREE, type Frame, frameFlags, frameGet, frameHead } from '../../shared/frame/frames.ts'
import { framePut, freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { EINVAL } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, fileArea, frameOf, load, newSpace, RO, RW, store, watchEvents, wrongCounts } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const SPAN = 512
const SWAP = { swapFrames: 1024 }

/** Free, then memory becomes scarce: the pages are put out, or dropped. */
function freeAndPageOut(
  task: Parameters<typeof madvise>[0],
  mm: Parameters<typeof madvise>[1],
  first: number,
  pages: number,
): void {
  madvise(task, mm, first, pages, ADVICE.free)
  madvise(task, mm, first, pages, ADVICE.pageout)
}

t.test('nothing is unmapped, and everything is told once', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  for (let i = 0; i < 4; i++) store(task, A + i, i + 1)
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A, 4, ADVICE.free), 0)
  t.same(watcher.take(), ['clear 0..3'])
  t.same([load(task, A), load(task, A + 3)], [1, 4])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a page that is clean still when it should be put out is dropped; one that was written since stays', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, 3, RW)
  for (let i = 0; i < 3; i++) store(task, A + i, 7)
  madvise(task, mm, A, 3, ADVICE.free)
  store(task, A + 1, 8)
  t.equal(load(task, A + 2), 7, 'reading it does not save it')
  madvise(task, mm, A, 3, ADVICE.pageout)
  t.same([load(task, A), load(task, A + 1), load(task, A + 2)], [0, 8, 0])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('all pages of a block are dropped, not only its first', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  madvise(task, mm, A, SPAN, ADVICE.hugepage)
  const free = freeFrames(task, SYSTEM_ZONE)
  for (let i = 0; i < SPAN; i++) store(task, A + i, i + 1)
  t.equal(freeFrames(task, SYSTEM_ZONE), free - SPAN)
  freeAndPageOut(task, mm, A, SPAN)
  t.equal(freeFrames(task, SYSTEM_ZONE), free)
  t.same([load(task, A), load(task, A + 1), load(task, A + SPAN - 1)], [0, 0, 0])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('of a block that was written again nothing is dropped', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  madvise(task, mm, A, SPAN, ADVICE.hugepage)
  for (let i = 0; i < SPAN; i++) store(task, A + i, i + 1)
  madvise(task, mm, A, SPAN, ADVICE.free)
  store(task, A + 3, 99)
  madvise(task, mm, A, SPAN, ADVICE.pageout)
  t.same([load(task, A), load(task, A + 3), load(task, A + SPAN - 1)], [1, 99, SPAN])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('advice for a part of a block takes the block apart first; the rest is not meant', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  madvise(task, mm, A, SPAN, ADVICE.hugepage)
  for (let i = 0; i < SPAN; i++) store(task, A + i, i + 1)
  madvise(task, mm, A, 10, ADVICE.free)
  madvise(task, mm, A, SPAN, ADVICE.pageout)
  t.same([load(task, A), load(task, A + 9), load(task, A + 10), load(task, A + SPAN - 1)], [0, 0, 11, SPAN])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('if the block cannot be taken apart, because somebody holds it, no part of it is freed', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  madvise(task, mm, A, SPAN, ADVICE.hugepage)
  for (let i = 0; i < SPAN; i++) store(task, A + i, i + 1)
  mprotect(task, mm, A, 1, RO) // mapped in pieces from here on
  const piece = frameOf(task, mm, A + 5)
  const head = frameHead(task, piece)
  t.not(head, piece)
  frameGet(task, piece)
  madvise(task, mm, A + 1, 9, ADVICE.free)
  t.equal(frameFlags(task, head) & FRAME_LAZY_FREE, 0, 'page 0 was not given up')
  framePut(task, piece)
  madvise(task, mm, A + 1, SPAN - 1, ADVICE.pageout)
  t.same([load(task, A + 1), load(task, A + 5)], [2, 6])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('who shares a page decides for nobody else', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, SPAN * 2, RW)
  madvise(task, mm, A, SPAN, ADVICE.hugepage)
  for (const vpn of [A, A + SPAN]) store(task, vpn, 5)
  const child = fork(task, mm, 2)
  freeAndPageOut(task, mm, A, SPAN * 2)
  t.same([load(task, A), load(task, A + SPAN)], [5, 5])
  for (const vpn of [A, A + SPAN])
    t.equal(frameFlags(task, frameHead(task, frameOf(task, mm, vpn) as Frame)) & FRAME_LAZY_FREE, 0)
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages that are swapped out already are given up at once', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  store(task, A, 5)
  store(task, A + 1, 6)
  madvise(task, mm, A, 2, ADVICE.pageout)
  madvise(task, mm, A, 1, ADVICE.free)
  t.same([load(task, A), load(task, A + 1)], [0, 6])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('only private memory without a file takes the advice', async (t) => {
  const { task, leftovers } = solo(SWAP)
  const mm = newSpace(task)
  fileArea(task, mm, A, 4, RW | VM_SHARED)
  area(task, mm, A + SPAN, SPAN, RW | VM_HUGETLB)
  t.equal(madvise(task, mm, A, 4, ADVICE.free), -EINVAL)
  t.equal(madvise(task, mm, A + SPAN, SPAN, ADVICE.free), -EINVAL)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
