/** What does munmap take away: parts, holes, several areas; and what does it leave? */
import t from 'tap'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { LAST_VPN, VM_SHARED } from '../../shared/mm/vma.ts'
import {
  A,
  area,
  entries,
  fileArea,
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

t.test('the middle of an area goes: two areas are left, and the content around the hole', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  for (let i = 0; i < 8; i++) store(task, A + i, i)
  const free = freeFrames(task, SYSTEM_ZONE)
  const watcher = watchEvents(task, mm)
  t.equal(munmap(task, mm, A + 3, 2), 0)
  t.same(watcher.take(), ['unmap 3..4'])
  t.same(maps(task, mm), ['A+0 3 rw-p', 'A+5 3 rw-p'])
  t.same(
    Array.from({ length: 8 }, (_, i) => load(task, A + i)),
    [0, 1, 2, 'segv', 'segv', 5, 6, 7],
  )
  t.equal(freeFrames(task, SYSTEM_ZONE), free + 2)
  t.same(wrongCounts(task, mm), [])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('head and tail of an area go: its page offset follows its start', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 8, RW | VM_SHARED)
  for (let i = 0; i < 8; i++) store(task, A + i, i)
  t.equal(munmap(task, mm, A, 2), 0)
  t.equal(munmap(task, mm, A + 6, 2), 0)
  t.same(maps(task, mm), ['A+2 4 rw-s'])
  t.equal(load(task, A + 2), 2)
  t.equal(load(task, A + 5), 5)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('several areas and the holes between them go with one event, from the first mapped page to the last', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A + 10, 4, RW)
  area(task, mm, A + 20, 4, RO)
  area(task, mm, A + 30, 4, RW)
  store(task, A + 12, 1)
  load(task, A + 21)
  store(task, A + 30, 3)
  const watcher = watchEvents(task, mm)
  t.equal(munmap(task, mm, A, 32), 0)
  t.same(watcher.take(), ['unmap 10..31'])
  t.same(maps(task, mm), ['A+32 2 rw-p'])
  t.same(entries(task, mm, A + 10, 24), new Array(24).fill('-'))
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an untouched area sends its event as well: a device may have asked for the page and been told of a hole', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  const watcher = watchEvents(task, mm)
  t.equal(munmap(task, mm, A, 4), 0)
  t.same(watcher.take(), ['unmap 0..3'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a span with nothing in it is fine, and tells nobody', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  const watcher = watchEvents(task, mm)
  t.equal(munmap(task, mm, A + 4, 100), 0)
  t.equal(munmap(task, mm, A - 100, 100), 0)
  t.same(watcher.take(), [])
  t.same(maps(task, mm), ['A+0 4 rw-p'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the whole address space at once, the last page included', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, 0, 1, RW)
  area(task, mm, LAST_VPN, 1, RW)
  store(task, 0, 1)
  store(task, LAST_VPN, 2)
  t.equal(munmap(task, mm, 0, LAST_VPN + 1), 0)
  t.same(maps(task, mm), [])
  t.same([load(task, 0), load(task, LAST_VPN)], ['segv', 'segv'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages without rights go like others', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  store(task, A, 1)
  load(task, A + 1)
  mprotect(task, mm, A, 2, NONE)
  const free = freeFrames(task, SYSTEM_ZONE)
  t.equal(munmap(task, mm, A, 2), 0)
  t.equal(freeFrames(task, SYSTEM_ZONE), free + 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('what is mapped there afterwards starts from zero', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  store(task, A, 1)
  munmap(task, mm, A, 2)
  area(task, mm, A, 2, RW)
  t.equal(load(task, A), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a fixed mapping over others unmaps them first, with their event', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  for (let i = 0; i < 8; i++) store(task, A + i, i)
  const watcher = watchEvents(task, mm)
  area(task, mm, A + 2, 3, RO)
  t.same(watcher.take(), ['unmap 2..4'])
  t.same(maps(task, mm), ['A+0 2 rw-p', 'A+2 3 r--p', 'A+5 3 rw-p'])
  t.same([load(task, A + 1), load(task, A + 2), load(task, A + 5)], [1, 0, 5])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a subscriber elsewhere hears nothing', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  const below = watchEvents(task, mm, 0, A + 1)
  const above = watchEvents(task, mm, A + 4, LAST_VPN)
  const touching = watchEvents(task, mm, A + 3, A + 3)
  munmap(task, mm, A + 2, 2)
  t.same([below.take(), above.take(), touching.take()], [[], [], ['unmap 2..3']])
  for (const watcher of [below, above, touching]) watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})
