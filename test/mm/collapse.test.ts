/** madvise collapse: what becomes a huge page, what is refused, and that nothing is lost on the way. */
import t from 'tap'
import { type Frame, frameGet, frameHead, frameIsBlock } from '../../shared/frame/frames.ts'
import { framePut, freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { EAGAIN, EINVAL, ENOMEM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import {
  A,
  area,
  entryRuns,
  fileArea,
  frameOf,
  hugeArea,
  load,
  makeScarce,
  newSpace,
  RO,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const SPAN = 512

t.test('pages written, read, put out and never touched become one block with the same content', async (t) => {
  const { task, leftovers } = solo({ swapFrames: 16 })
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  for (const i of [0, 5, 511]) store(task, A + i, i + 1)
  madvise(task, mm, A + 5, 1, ADVICE.pageout)
  load(task, A + 7)
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), 0)
  t.same(watcher.take(), ['clear 0..511'])
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge rw'])
  t.ok(frameIsBlock(task, frameOf(task, mm, A)))
  t.same(
    [0, 5, 7, 8, 511].map((i) => load(task, A + i)),
    [1, 6, 0, 0, 512],
  )
  t.same(wrongCounts(task, mm), [])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a block that was mapped in pieces is copied into a new one, and given back', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  for (let i = 0; i < SPAN; i++) store(task, A + i, i + 1)
  mprotect(task, mm, A, 1, RO)
  mprotect(task, mm, A, 1, RW)
  const old = frameHead(task, frameOf(task, mm, A))
  const free = freeFrames(task, SYSTEM_ZONE)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), 0)
  t.not(frameOf(task, mm, A), old)
  t.equal(freeFrames(task, SYSTEM_ZONE), free)
  t.same([load(task, A), load(task, A + 511)], [1, 512])
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), 0, 'what is one block already stays')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages that a child shares are copied: the child keeps its own view', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  for (let i = 0; i < 8; i++) store(task, A + i, i + 1)
  const child = fork(task, mm, 2)
  store(task, A, 100)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), 0)
  store(task, A + 1, 200)
  t.same([load(task, A), load(task, A + 1), load(task, A + 2)], [100, 200, 3])
  switchMm(task, child)
  t.same([load(task, A), load(task, A + 1), load(task, A + 2)], [1, 2, 3])
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('refused, and left as it was', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN * 2, RW)
  // Before memory is taken for tables: a chunk of that stays theirs.
  fileArea(task, mm, A + 4 * SPAN, SPAN, RW | VM_SHARED)
  area(task, mm, A + 8 * SPAN, SPAN, RW | VM_HUGETLB)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), -EINVAL, 'nothing is there')
  t.equal(madvise(task, mm, A + 1, 100, ADVICE.collapse), -EINVAL, 'a part of one span')
  load(task, A)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), -EINVAL, 'nothing was written')
  store(task, A + 3, 4)
  const frame = frameOf(task, mm, A + 3) as Frame
  frameGet(task, frame)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), -EAGAIN, 'somebody holds a page')
  framePut(task, frame)
  const noBlock = makeScarce(task, 'block', 0)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), -ENOMEM)
  noBlock()
  const noTable = makeScarce(task, 'page table', 0)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), -ENOMEM)
  noTable()
  t.same(entryRuns(task, mm, A, SPAN), ['1 x 0', '2 x -', '1 x rw', '508 x -'])
  madvise(task, mm, A, SPAN, ADVICE.nohugepage)
  t.equal(madvise(task, mm, A, SPAN, ADVICE.collapse), -EINVAL, 'advised otherwise')
  for (const vpn of [A + 4 * SPAN, A + 8 * SPAN]) {
    store(task, vpn, 1)
    t.equal(madvise(task, mm, vpn, SPAN, ADVICE.collapse), -EINVAL)
  }
  t.equal(load(task, A + 3), 4)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a collapsed page is split and dropped like any other', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN * 2, RW)
  for (let i = 0; i < SPAN * 2; i++) store(task, A + i, i + 1)
  t.equal(madvise(task, mm, A + 5, SPAN * 2 - 5, ADVICE.collapse), 0, 'the whole spans in between')
  t.same(entryRuns(task, mm, A, SPAN * 2), ['512 x rw', '512 x huge rw'])
  munmap(task, mm, A + SPAN, 100)
  t.same(entryRuns(task, mm, A + SPAN, SPAN), ['100 x -', '412 x rw'])
  t.equal(load(task, A + SPAN + 100), SPAN + 101)
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})
