/** What becomes of entries when rights are taken and given back, who is told, and who has to fault? */
import t from 'tap'
import { ENOMEM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_EXEC, VM_SHARED } from '../../shared/mm/vma.ts'
import {
  A,
  area,
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

t.test('write-protected and back: an own frame is writable again at once, without a fault', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 3, RW)
  store(task, A, 1)
  load(task, A + 1)
  t.equal(mprotect(task, mm, A, 3, RO), 0)
  t.same(entries(task, mm, A, 3), ['ro', '0', '-'])
  t.equal(store(task, A, 2), 'segv')
  t.equal(load(task, A), 1)
  t.equal(mprotect(task, mm, A, 3, RW), 0)
  t.same(entries(task, mm, A, 3), ['rw', '0', '-'], 'the page of zeros never becomes writable')
  t.equal(store(task, A, 2), 'ok')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('no rights and back: the frame stays, the CPU may not touch it meanwhile', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 3, RW)
  store(task, A, 1)
  load(task, A + 1)
  const frame = frameOf(task, mm, A)
  t.equal(mprotect(task, mm, A, 3, NONE), 0)
  t.same(entries(task, mm, A, 3), ['none', 'none', '-'])
  t.same([load(task, A), store(task, A, 2), load(task, A + 2)], ['segv', 'segv', 'segv'])
  t.same(wrongCounts(task, mm), [])
  t.equal(mprotect(task, mm, A, 3, RO), 0)
  t.same(entries(task, mm, A, 3), ['ro', '0', '-'])
  t.equal(mprotect(task, mm, A, 3, NONE), 0)
  t.equal(mprotect(task, mm, A, 3, RW), 0)
  t.same(entries(task, mm, A, 3), ['rw', '0', '-'])
  t.equal(frameOf(task, mm, A), frame)
  t.equal(load(task, A), 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a frame that fork shares does not become writable again: the write faults and copies', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const child = fork(task, mm, 2)
  mprotect(task, mm, A, 1, RO)
  mprotect(task, mm, A, 1, RW)
  t.same(entries(task, mm, A, 1), ['ro'])
  store(task, A, 2)
  t.not(frameOf(task, mm, A), frameOf(task, child, A))
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('shared memory becomes writable at once, private pages of a file do not', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 1, RO | VM_SHARED)
  fileArea(task, mm, A + 16, 2, RO)
  load(task, A)
  load(task, A + 16)
  mprotect(task, mm, A, 1, RW)
  mprotect(task, mm, A + 16, 2, RW)
  t.same([...entries(task, mm, A, 1), ...entries(task, mm, A + 16, 1)], ['rw', 'ro'])
  store(task, A + 16, 1)
  t.same(entries(task, mm, A + 16, 1), ['rw'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the same rights again do nothing and tell nobody', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  const watcher = watchEvents(task, mm)
  t.equal(mprotect(task, mm, A, 4, RW), 0)
  t.same(watcher.take(), [])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('giving a right tells devices as well; memory that was never touched tells nobody', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RO)
  const watcher = watchEvents(task, mm)
  mprotect(task, mm, A, 4, RW)
  t.same(watcher.take(), [], 'no table: nothing populated')
  store(task, A + 2, 1)
  mprotect(task, mm, A, 4, RO)
  t.same(watcher.take(), ['protectionVma 0..3'])
  mprotect(task, mm, A, 4, RW)
  t.same(watcher.take(), ['protectionVma 0..3'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('one event for each area whose rights change, from the first populated table on', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1024, RW)
  area(task, mm, A + 1024, 4, RO)
  area(task, mm, A + 1028, 4, RW | VM_EXEC)
  store(task, A + 700, 1)
  load(task, A + 1024)
  store(task, A + 1030, 1)
  const watcher = watchEvents(task, mm)
  t.equal(mprotect(task, mm, A, 1032, RO), 0)
  t.same(watcher.take(), ['protectionVma 512..1023', 'protectionVma 1028..1031'])
  t.same(
    maps(task, mm),
    ['A+0 1024 r--p', 'A+1024 4 r--p', 'A+1028 4 r--p'],
    'the one in the middle was never writable: it is not accounted, and stays apart',
  )
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('over a hole: what lies before it is changed, nothing behind it, and the answer is -ENOMEM', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 6, 4, RW)
  for (const vpn of [A + 1, A + 2, A + 7]) store(task, vpn, 1)
  const watcher = watchEvents(task, mm)
  t.equal(mprotect(task, mm, A + 2, 6, RO), -ENOMEM)
  t.same(watcher.take(), ['protectionVma 2..3'])
  t.same(maps(task, mm), ['A+0 2 rw-p', 'A+2 2 r--p', 'A+6 4 rw-p'])
  t.same(entries(task, mm, A, 8), ['-', 'rw', 'ro', '-', '-', '-', '-', 'rw'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages around the span keep their rights, across a leaf border', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A + 508, 8, RW)
  for (let i = 508; i < 516; i++) store(task, A + i, i)
  mprotect(task, mm, A + 510, 4, NONE)
  t.same(entries(task, mm, A + 508, 8), ['rw', 'rw', 'none', 'none', 'none', 'none', 'rw', 'rw'])
  mprotect(task, mm, A + 508, 8, RW)
  t.same(
    Array.from({ length: 8 }, (_, i) => load(task, A + 508 + i)),
    [508, 509, 510, 511, 512, 513, 514, 515],
  )
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a right that another thread’s TLB remembers is gone when mprotect returns', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const mm = newSpace(task)
  switchMm(cpu1, mm)
  area(task, mm, A, 1, RW)
  t.equal(store(cpu1, A, 1), 'ok')
  mprotect(task, mm, A, 1, RO)
  t.equal(store(cpu1, A, 2), 'segv')
  t.equal(load(cpu1, A), 1)
  mprotect(task, mm, A, 1, NONE)
  t.equal(load(cpu1, A), 'segv')
  mmPut(task, mm)
  t.same(leftovers(), [])
})
