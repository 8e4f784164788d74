/** Which areas does a child get, with which content, and which of them make fork tell the devices of the parent? */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmFamily } from '../../shared/mm/mm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { mmAsid } from '../../shared/notifier/mmhead.ts'
import {
  A,
  area,
  areas,
  entries,
  fileArea,
  frameOf,
  load,
  maps,
  NONE,
  newSpace,
  RO,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

t.test('private memory is copied: same areas, same content, one event over each area that owns frames', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 8, RW)
  area(task, parent, A + 100, 8, RW)
  area(task, parent, A + 200, 8, RW) // never written
  for (const vpn of [A + 3, A + 100, A + 107]) store(task, vpn, vpn)
  load(task, A + 201)
  const watcher = watchEvents(task, parent)
  const child = fork(task, parent, 7)
  t.same(watcher.take(), ['protectionPage 0..7', 'protectionPage 100..107'])
  t.equal(mmAsid(task, child), 7)
  t.equal(mmFamily(task, child), mmFamily(task, parent))
  t.same(areas(task, child), areas(task, parent))
  switchMm(task, child)
  t.same([load(task, A), load(task, A + 3), load(task, A + 107), load(task, A + 200)], [0, A + 3, A + 107, 0])
  t.same(wrongCounts(task, parent, child), [])
  watcher.stop()
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('an area that never owned a frame is not copied: its entries stay as they are in the parent', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 2, RW)
  load(task, A)
  const child = fork(task, parent, 2)
  t.same(entries(task, parent, A, 2), ['0', '-'])
  t.same(entries(task, child, A, 2), ['-', '-'])
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('shared memory is not copied and not write-protected: both write the same page', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  fileArea(task, parent, A, 4, RW | VM_SHARED)
  store(task, A, 1)
  const watcher = watchEvents(task, parent)
  const child = fork(task, parent, 2)
  t.same(watcher.take(), [])
  t.same(entries(task, parent, A, 1), ['rw'])
  t.same(entries(task, child, A, 1), ['-'], 'the child faults it in again')
  switchMm(task, child)
  t.equal(load(task, A), 1)
  store(task, A, 2)
  t.equal(frameOf(task, child, A), frameOf(task, parent, A))
  switchMm(task, parent)
  t.equal(load(task, A), 2)
  watcher.stop()
  mmPut(task, parent)
  switchMm(task, child)
  t.equal(load(task, A), 2, 'the file outlives the process that made it')
  mmPut(task, child)
  t.same(leftovers(), [])
})

t.test('a private file mapping is copied once it has copies of its own, clean pages included', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  fileArea(task, parent, A, 20, RW)
  load(task, A + 17)
  const clean = watchEvents(task, parent)
  const first = fork(task, parent, 2)
  t.same(clean.take(), [])
  store(task, A, 5)
  t.same(clean.take(), [], 'the first copy fills an empty entry')
  const second = fork(task, parent, 3)
  t.same(clean.take(), ['protectionPage 0..19'])
  t.equal(frameOf(task, second, A), frameOf(task, parent, A))
  t.equal(frameOf(task, second, A + 17), frameOf(task, parent, A + 17))
  switchMm(task, first)
  t.equal(load(task, A), 0)
  switchMm(task, second)
  t.equal(load(task, A), 5)
  t.same(wrongCounts(task, parent, first, second), [])
  clean.stop()
  for (const mm of [first, second, parent]) mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontfork: the child has a hole there, and nobody is told', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 4, RW)
  for (let i = 0; i < 4; i++) store(task, A + i, i + 1)
  madvise(task, parent, A + 1, 2, ADVICE.dontfork)
  const watcher = watchEvents(task, parent, A + 1, A + 2)
  const child = fork(task, parent, 2)
  t.same(watcher.take(), [])
  t.same(maps(task, child), ['A+0 1 rw-p', 'A+3 1 rw-p'])
  t.same(entries(task, parent, A, 4), ['ro', 'rw', 'rw', 'ro'])
  switchMm(task, child)
  t.same([load(task, A), load(task, A + 1), load(task, A + 3)], [1, 'segv', 4])
  watcher.stop()
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('wipeonfork: the child reads zeros, the parent keeps its rights, and nobody is told', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 2, RW)
  store(task, A, 1)
  store(task, A + 1, 2)
  madvise(task, parent, A, 1, ADVICE.wipeonfork)
  const watcher = watchEvents(task, parent)
  const child = fork(task, parent, 2)
  t.same(watcher.take(), ['protectionPage 1..1'])
  t.same(entries(task, parent, A, 2), ['rw', 'ro'])
  t.same(entries(task, child, A, 2), ['-', 'ro'])
  switchMm(task, child)
  t.same([load(task, A), load(task, A + 1)], [0, 2])
  const grandchild = fork(task, child, 3)
  switchMm(task, grandchild)
  t.equal(load(task, A), 0, 'the advice is inherited')
  watcher.stop()
  for (const mm of [grandchild, child, parent]) mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('memory without rights is shared as well, and comes back read-only on both sides', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 1, RW)
  store(task, A, 1)
  mprotect(task, parent, A, 1, NONE)
  const child = fork(task, parent, 2)
  t.same([entries(task, parent, A, 1), entries(task, child, A, 1)], [['none'], ['none']])
  for (const mm of [parent, child]) mprotect(task, mm, A, 1, RW)
  t.same([entries(task, parent, A, 1), entries(task, child, A, 1)], [['ro'], ['ro']])
  switchMm(task, child)
  store(task, A, 2)
  switchMm(task, parent)
  t.equal(load(task, A), 1)
  t.same(wrongCounts(task, parent, child), [])
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('what the child unmaps or protects stays the parent’s', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A, 4, RW)
  store(task, A, 1)
  const watcher = watchEvents(task, parent)
  const child = fork(task, parent, 2)
  watcher.take()
  munmap(task, child, A, 2)
  mprotect(task, child, A + 2, 2, RO)
  t.same(maps(task, parent), ['A+0 4 rw-p'])
  t.same(watcher.take(), [])
  t.equal(load(task, A), 1)
  watcher.stop()
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('a child of a process without areas is empty', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  const child = fork(task, parent, 2)
  t.same(areas(task, child), [])
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})

t.test('areas over several leaf tables are copied whole, and tables without entries are not made', async (t) => {
  const { task, leftovers } = solo()
  const parent = newSpace(task)
  area(task, parent, A + 500, 2000, RW)
  const touched = [A + 500, A + 511, A + 512, A + 2047, A + 2048, A + 2499]
  for (const vpn of touched) store(task, vpn, vpn)
  const child = fork(task, parent, 2)
  switchMm(task, child)
  t.same(
    touched.map((vpn) => load(task, vpn)),
    touched,
  )
  t.same(wrongCounts(task, parent, child), [])
  mmPut(task, child)
  mmPut(task, parent)
  t.same(leftovers(), [])
})
