/** What does the end of an address space tell its subscribers, and when is the record itself gone? */
import t from 'tap'
import { liveObjects } from '../../shared/frame/objects.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { MM_KIND } from '../../shared/mm/mm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { mmDrop, mmGetNotZero, mmGrab, mmUsers } from '../../shared/notifier/mmhead.ts'
import { A, area, areas, entry, fileArea, load, NONE, newSpace, RW, store, watchEvents } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

t.test('RELEASE over everything, then UNMAP over all areas, while the entries are still there', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 1000, 4, RW)
  store(task, A, 1)
  const watcher = watchEvents(task, mm, A, A, () => entry(task, mm, A))
  mmPut(task, mm)
  t.same(watcher.take(), [`release ${-A}..end: rw`, 'unmap 0..1003: rw'])
  watcher.stop()
  t.same(leftovers(), [])
})

t.test('an address space without areas is released, and unmaps nothing', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const watcher = watchEvents(task, mm)
  mmPut(task, mm)
  t.same(watcher.take(), [`release ${-A}..end`])
  watcher.stop()
  t.same(leftovers(), [])
})

t.test('only the last user tears it down', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  t.ok(mmGetNotZero(cpu1, mm))
  switchMm(cpu1, mm)
  store(task, A, 1)
  mmPut(task, mm)
  t.equal(mmUsers(task, mm), 1)
  t.equal(load(cpu1, A), 1)
  mmPut(cpu1, mm)
  t.same(leftovers(), [])
})

t.test('a subscriber keeps the record, not the address space; nobody becomes a user again', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  const records = liveObjects(task, MM_KIND)
  mmGrab(task, mm)
  mmPut(task, mm)
  t.equal(liveObjects(task, MM_KIND), records)
  t.same(areas(task, mm), [])
  t.equal(mmGetNotZero(task, mm), false)
  mmDrop(task, mm)
  t.equal(liveObjects(task, MM_KIND), records - 1)
  t.same(leftovers(), [])
})

t.test('everything comes back: frames of every kind of entry, tables, files, families', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 600, RW)
  fileArea(task, mm, A + 1000, 40, RW | VM_SHARED)
  fileArea(task, mm, A + 2000, 40, RW)
  area(task, mm, 0xf0000000, 1, RW)
  for (let i = 0; i < 600; i += 7) store(task, A + i, i)
  for (let i = 0; i < 40; i += 3) store(task, A + 1000 + i, i)
  for (let i = 0; i < 40; i += 5) store(task, A + 2000 + i, i)
  load(task, A + 2001)
  load(task, 0xf0000000)
  mprotect(task, mm, A + 100, 300, NONE)
  const child = fork(task, mm, 2)
  switchMm(task, child)
  for (let i = 0; i < 100; i += 7) store(task, A + i, i)
  t.not(leftovers().length, 0, 'while they live, the inventory says so')
  mmPut(task, mm)
  mmPut(task, child)
  t.same(leftovers(), [])
})
