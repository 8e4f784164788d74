/** Transparent huge pages: what is mapped by 2 MiB at once and what is not, what a write does to it, and who is told. */
import t from 'tap'
import { BLOCK_FRAMES, FRAME_EXCLUSIVE, frameFlags, frameHead, frameMaps, frameRefs } from '../../shared/frame/frames.ts'
import { liveCounts } from '../../shared/frame/objects.ts'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import {
  A,
  area,
  entry,
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

t.test('the first write to an advised span maps a block of its own, zeroed, for all its pages', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  const free = freeFrames(task, SYSTEM_ZONE)
  t.equal(store(task, A + 100, 7), 'ok')
  t.equal(freeFrames(task, SYSTEM_ZONE), free - BLOCK_FRAMES)
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge rw'])
  const head = frameHead(task, frameOf(task, mm, A + 100))
  t.same([frameOf(task, mm, A), frameOf(task, mm, A + SPAN - 1)], [head, head + SPAN - 1])
  t.same([frameRefs(task, head), frameMaps(task, head)], [1, 1], 'one entry, one reference')
  t.same([load(task, A), load(task, A + 100), load(task, A + SPAN - 1)], [0, 7, 0])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a read maps the page of zeros for all of it; a write then splits it and gives that page a frame', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  t.equal(load(task, A + 9), 0)
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge 0'])
  const watcher = watchEvents(task, mm)
  store(task, A + 9, 1)
  t.same(watcher.take(), ['clear 0..511', 'clear 9..9'])
  t.same(entryRuns(task, mm, A, SPAN), ['9 x 0', '1 x rw', '502 x 0'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('what is not mapped by 2 MiB', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, SPAN, RW)
  store(task, A + 3, 1)
  t.equal(entry(task, mm, A + 3), 'rw', 'an area without the advice')
  hugeArea(task, mm, A + SPAN, SPAN, RW)
  madvise(task, mm, A + SPAN, SPAN, ADVICE.nohugepage)
  store(task, A + SPAN, 1)
  t.equal(entry(task, mm, A + SPAN), 'rw', 'one that was advised otherwise later')
  hugeArea(task, mm, A + 2 * SPAN + 1, SPAN * 2 - 2, RW)
  store(task, A + 2 * SPAN + 1, 1)
  store(task, A + 4 * SPAN - 2, 1)
  t.same(
    [entry(task, mm, A + 2 * SPAN + 1), entry(task, mm, A + 4 * SPAN - 2)],
    ['rw', 'rw'],
    'a span that the area does not fill',
  )
  fileArea(task, mm, A + 5 * SPAN, SPAN, RW)
  madvise(task, mm, A + 5 * SPAN, SPAN, ADVICE.hugepage)
  store(task, A + 5 * SPAN, 1)
  t.equal(entry(task, mm, A + 5 * SPAN), 'rw', 'a file')
  madvise(task, mm, A, SPAN, ADVICE.hugepage)
  madvise(task, mm, A, SPAN, ADVICE.dontneed)
  store(task, A + 3, 1)
  t.equal(entry(task, mm, A + 3), 'rw', 'a span that has a table already')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('after a huge page is dropped as a whole its place may be served so again', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  store(task, A, 1)
  const before = liveCounts(task).get('page table')
  madvise(task, mm, A, SPAN, ADVICE.dontneed)
  t.equal(liveCounts(task).get('page table'), (before ?? 0) - 1, 'the leaf that was put by goes, too')
  t.equal(load(task, A), 0)
  t.equal(entry(task, mm, A), 'huge 0')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('without a free block a write gets a small page, and the span stays small', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  const giveBack = makeScarce(task, 'block', 0)
  t.equal(store(task, A + 4, 1), 'ok')
  t.same(entryRuns(task, mm, A, 6), ['4 x -', '1 x rw', '1 x -'])
  giveBack()
  store(task, A + 5, 1)
  t.equal(entry(task, mm, A + 5), 'rw')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('without a page table to put by there is no huge page, and nothing leaks', async (t) => {
  for (let left = 0; left <= 3; left++) {
    const { task, leftovers } = solo()
    const mm = newSpace(task)
    hugeArea(task, mm, A, SPAN, RW)
    const giveBack = makeScarce(task, 'page table', left)
    const answer = store(task, A + 4, 1)
    t.equal(answer, left < 3 ? 'oom' : 'ok', `${left} tables: two upper ones are missing, and one is put by`)
    giveBack()
    t.equal(store(task, A + 4, 1), 'ok')
    t.same(wrongCounts(task, mm), [])
    mmPut(task, mm)
    t.same(leftovers(), [])
  }
})

t.test('fork shares the block, read-only in both: one event, one flush, no split', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  store(task, A, 1)
  const head = frameOf(task, mm, A)
  const watcher = watchEvents(task, mm)
  const child = fork(task, mm, 2)
  t.same(watcher.take(), ['protectionPage 0..511'])
  t.same([entry(task, mm, A), entry(task, child, A)], ['huge ro', 'huge ro'])
  t.same([frameRefs(task, head), frameMaps(task, head)], [2, 2])
  t.equal(frameFlags(task, head) & FRAME_EXCLUSIVE, 0)
  watcher.stop()
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a write to a shared block splits the writer’s entry and copies one page; the other keeps the block', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  for (const i of [0, 9, 511]) store(task, A + i, i + 1)
  const head = frameOf(task, mm, A)
  const child = fork(task, mm, 2)
  const watcher = watchEvents(task, mm)
  store(task, A + 9, 99)
  t.same(watcher.take(), ['clear 0..511', 'clear 9..9'])
  t.same(entryRuns(task, mm, A, SPAN), ['9 x ro', '1 x rw', '502 x ro'])
  t.same(entryRuns(task, child, A, SPAN), ['512 x huge ro'])
  t.same([frameRefs(task, head), frameMaps(task, head)], [512, 512], '511 pieces and one whole')
  t.same([load(task, A), load(task, A + 9), load(task, A + 511)], [1, 99, 512])
  switchMm(task, child)
  t.same([load(task, A), load(task, A + 9), load(task, A + 511)], [1, 10, 512])
  t.same(wrongCounts(task, mm, child), [])
  watcher.stop()
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('once the other is gone a write takes the block over, without an event and without a copy', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  store(task, A, 1)
  const head = frameOf(task, mm, A)
  const child = fork(task, mm, 2)
  mmPut(task, mm)
  switchMm(task, child)
  const watcher = watchEvents(task, child)
  t.equal(store(task, A + 5, 2), 'ok')
  t.same(watcher.take(), [])
  t.same(entryRuns(task, child, A, SPAN), ['512 x huge rw'])
  t.equal(frameOf(task, child, A), head)
  t.ok((frameFlags(task, head) & FRAME_EXCLUSIVE) !== 0)
  watcher.stop()
  mmPut(task, child)
  t.same(leftovers(), [])
})

t.test('a read-only area maps what is there, and gives SIGSEGV for a write', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RO)
  t.equal(load(task, A), 0)
  t.equal(store(task, A, 1), 'segv')
  t.equal(entry(task, mm, A), 'huge 0')
  mmPut(task, mm)
  t.same(leftovers(), [])
})
