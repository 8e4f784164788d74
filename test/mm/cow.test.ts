/** Who gets the copy when a page is shared copy-on-write, and when is there no copy at all? */
import t from 'tap'
import { FRAME_EXCLUSIVE, frameFlags, frameGet, frameMaps, frameRefs } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, entries, entry, frameOf, load, newSpace, RW, store, watchEvents, wrongCounts } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

/** Parent (current) and child, sharing page A with value 1. */
function family(task: Task): { parent: Mm; child: Mm } {
  const parent = newSpace(task)
  area(task, parent, A, 2, RW)
  store(task, A, 1)
  return { parent, child: fork(task, parent, 2) }
}

function storeIn(task: Task, mm: Mm, value: number): string {
  switchMm(task, mm)
  return store(task, A, value)
}

function loadIn(task: Task, mm: Mm): number | string {
  switchMm(task, mm)
  return load(task, A)
}

t.test('after fork both have the same frame, read-only', async (t) => {
  const { task, leftovers } = solo()
  const { parent, child } = family(task)
  const frame = frameOf(task, parent, A)
  t.equal(frameOf(task, child, A), frame)
  t.same([entry(task, parent, A), entry(task, child, A)], ['ro', 'ro'])
  t.same([frameRefs(task, frame), frameMaps(task, frame)], [2, 2])
  t.equal(frameFlags(task, frame) & FRAME_EXCLUSIVE, 0)
  t.same(wrongCounts(task, parent, child), [])
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

for (const writer of ['parent', 'child'] as const) {
  t.test(`the ${writer} writes first: it gets a copy, and the other keeps the frame and the content`, async (t) => {
    const { task, leftovers } = solo()
    const both = family(task)
    const other = writer === 'parent' ? both.child : both.parent
    const frame = frameOf(task, other, A)
    t.equal(storeIn(task, both[writer], 5), 'ok')
    t.equal(loadIn(task, both[writer]), 5)
    t.equal(loadIn(task, other), 1)
    t.equal(frameOf(task, other, A), frame)
    t.not(frameOf(task, both[writer], A), frame)
    t.same([entry(task, both[writer], A), entry(task, other, A)], ['rw', 'ro'])
    t.same(wrongCounts(task, both.parent, both.child), [])
    mmPut(task, both.child)
    mmPut(task, both.parent)
    t.same(leftovers(), [])
  })

  t.test(`the ${writer} writes when the other has its own copy: the frame is reused in place, and nobody is told`, async (t) => {
    const { task, leftovers } = solo()
    const both = family(task)
    const other = writer === 'parent' ? both.child : both.parent
    storeIn(task, other, 5)
    const frame = frameOf(task, both[writer], A)
    const watcher = watchEvents(task, both[writer])
    t.equal(storeIn(task, both[writer], 6), 'ok')
    t.equal(frameOf(task, both[writer], A), frame)
    t.equal(entry(task, both[writer], A), 'rw')
    t.ok(frameFlags(task, frame) & FRAME_EXCLUSIVE)
    t.same(watcher.take(), [])
    watcher.stop()
    mmPut(task, both.child)
    mmPut(task, both.parent)
    t.same(leftovers(), [])
  })
}

t.test('a copy sends CLEAR for one page, to subscribers of the writer only', async (t) => {
  const { task, leftovers } = solo()
  const { parent, child } = family(task)
  const watchers = [watchEvents(task, parent), watchEvents(task, child)]
  storeIn(task, child, 5)
  t.same(
    watchers.map((watcher) => watcher.take()),
    [[], ['clear 0..0']],
  )
  for (const watcher of watchers) watcher.stop()
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('after the exit of the child the parent writes in place', async (t) => {
  const { task, leftovers } = solo()
  const { parent, child } = family(task)
  const frame = frameOf(task, parent, A)
  mmPut(task, child)
  t.equal(entry(task, parent, A), 'ro', 'nothing gives the right back but a fault')
  t.equal(storeIn(task, parent, 3), 'ok')
  t.equal(frameOf(task, parent, A), frame)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('a frame that somebody else holds is copied, although only one entry maps it', async (t) => {
  const { task, leftovers } = solo()
  const { parent, child } = family(task)
  mmPut(task, child)
  const frame = frameOf(task, parent, A)
  frameGet(task, frame)
  t.equal(storeIn(task, parent, 3), 'ok')
  t.not(frameOf(task, parent, A), frame)
  framePut(task, frame)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('three generations share one frame and part one after the other', async (t) => {
  const { task, leftovers } = solo()
  const { parent, child } = family(task)
  const grandchild = fork(task, child, 3)
  const frame = frameOf(task, parent, A)
  t.equal(frameMaps(task, frame), 3)
  storeIn(task, child, 20)
  t.equal(frameMaps(task, frame), 2)
  storeIn(task, parent, 10)
  t.equal(frameMaps(task, frame), 1)
  t.same([loadIn(task, parent), loadIn(task, child), loadIn(task, grandchild)], [10, 20, 1])
  t.equal(storeIn(task, grandchild, 30), 'ok')
  t.equal(frameOf(task, grandchild, A), frame, 'the last one has it for itself')
  t.same(wrongCounts(task, parent, child, grandchild), [])
  for (const mm of [grandchild, parent, child]) mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a second fork after the copies shares again what each has', async (t) => {
  const { task, leftovers } = solo()
  const { parent, child } = family(task)
  storeIn(task, child, 5)
  const grandchild = fork(task, child, 3)
  t.same([entry(task, parent, A), entry(task, child, A), entry(task, grandchild, A)], ['ro', 'ro', 'ro'])
  t.equal(frameOf(task, grandchild, A), frameOf(task, child, A))
  storeIn(task, grandchild, 6)
  t.same([loadIn(task, parent), loadIn(task, child), loadIn(task, grandchild)], [1, 5, 6])
  for (const mm of [grandchild, parent, child]) mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the page of zeros is shared without counting, and a write by either replaces it there only', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 2, RW)
  store(task, A + 1, 1) // the area owns a frame, so fork copies its entries
  load(task, A)
  const child = fork(task, parent, 2)
  t.same(entries(task, child, A, 2), ['0', 'ro'])
  storeIn(task, child, 8)
  t.same([entry(task, parent, A), entry(task, child, A)], ['0', 'rw'])
  t.same([loadIn(task, parent), loadIn(task, child)], [0, 8])
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})
