/** Where do pages go when a mapping shrinks, grows or moves, and what stays behind? */
import t from 'tap'
import { EFAULT, ENOMEM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { LAST_VPN, VM_SHARED } from '../../shared/mm/vma.ts'
import type { Task } from '../../shared/seam/task.ts'
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

const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED
const B = A + 0x1000

function fillWith(task: Task, start: number, values: number[]): void {
  for (const [i, value] of values.entries()) store(task, start + i, value)
}

function contents(task: Task, start: number, pages: number): (number | string)[] {
  return Array.from({ length: pages }, (_, i) => load(task, start + i))
}

t.test('shrinking unmaps the tail', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  fillWith(task, A, [1, 2, 3, 4, 5, 6, 7, 8])
  const watcher = watchEvents(task, mm)
  t.equal(mremap(task, mm, A, 8, 3, 0), A)
  t.same(watcher.take(), ['unmap 3..7'])
  t.same(maps(task, mm), ['A+0 3 rw-p'])
  t.same(contents(task, A, 4), [1, 2, 3, 'segv'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('growing in place keeps entries and tells nobody, up to the last page there is', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, LAST_VPN - 3, 2, RW)
  store(task, A + 3, 1)
  const watcher = watchEvents(task, mm)
  t.equal(mremap(task, mm, A, 4, 600, 0), A)
  t.equal(mremap(task, mm, A + 598, 2, 4, 0), A + 598, 'a tail may grow as well')
  t.equal(mremap(task, mm, LAST_VPN - 3, 2, 4, 0), LAST_VPN - 3)
  t.same(watcher.take(), [])
  t.same(maps(task, mm)[0], 'A+0 602 rw-p')
  t.same([load(task, A + 3), load(task, A + 601), load(task, LAST_VPN)], [1, 0, 0])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('growing up to a neighbour of the same kind joins it', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  area(task, mm, A + 4, 2, RW)
  t.equal(mremap(task, mm, A, 2, 4, 0), A)
  t.same(maps(task, mm), ['A+0 6 rw-p'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('no room to grow: it moves if it may, with everything it has', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 4, 1, RO)
  fillWith(task, A, [1, 2, 3, 4])
  t.equal(mremap(task, mm, A, 4, 6, 0), -ENOMEM)
  const place = mremap(task, mm, A, 4, 6, MREMAP_MAYMOVE)
  t.ok(place > 0 && place !== A)
  t.same(contents(task, place, 6), [1, 2, 3, 4, 0, 0])
  t.same(contents(task, A, 1), ['segv'])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a move takes frames, page of zeros and missing entries along: UNMAP is sent for the old place', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  load(task, A + 1)
  const frame = frameOf(task, mm, A)
  const watcher = watchEvents(task, mm)
  t.equal(mremap(task, mm, A, 4, 4, MOVE, B), B)
  t.same(watcher.take(), ['unmap 0..3', 'unmap 0..3'], 'once for the entries, once when the empty area goes')
  t.same(maps(task, mm), [`A+${B - A} 4 rw-p`])
  t.same(entries(task, mm, B, 4), ['rw', '0', '-', '-'])
  t.equal(frameOf(task, mm, B), frame)
  t.same(contents(task, A, 1), ['segv'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a fixed move replaces what is there, and shrinks or grows on the way', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 6, RW)
  fillWith(task, A, [1, 2, 3, 4, 5, 6])
  area(task, mm, B, 8, RO)
  t.equal(mremap(task, mm, A, 6, 4, MOVE, B + 2), B + 2)
  t.same(maps(task, mm), ['A+4096 2 r--p', 'A+4098 4 rw-p', 'A+4102 2 r--p'])
  t.same(contents(task, B + 2, 4), [1, 2, 3, 4])
  t.equal(mremap(task, mm, B + 2, 4, 5, MOVE, A), A)
  t.same(contents(task, A, 6), [1, 2, 3, 4, 0, 'segv'])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a middle moves out: two areas and a hole stay', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 9, RW)
  fillWith(task, A, [1, 2, 3, 4, 5, 6, 7, 8, 9])
  t.equal(mremap(task, mm, A + 3, 3, 3, MOVE, B), B)
  t.same(maps(task, mm), ['A+0 3 rw-p', 'A+6 3 rw-p', 'A+4096 3 rw-p'])
  t.same(contents(task, A, 9), [1, 2, 3, 'segv', 'segv', 'segv', 7, 8, 9])
  t.same(contents(task, B, 3), [4, 5, 6])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontunmap: the old area stays mapped and empty, the content is at the new place', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 3, RW)
  fillWith(task, A, [1, 2])
  const watcher = watchEvents(task, mm)
  t.equal(mremap(task, mm, A, 3, 3, MOVE | MREMAP_DONTUNMAP, B), B)
  t.same(watcher.take(), ['unmap 0..2'])
  t.same(maps(task, mm), ['A+0 3 rw-p', 'A+4096 3 rw-p'])
  t.same(contents(task, B, 3), [1, 2, 0])
  t.same(contents(task, A, 3), [0, 0, 0])
  store(task, A, 7)
  t.same([load(task, A), load(task, B)], [7, 1])
  t.same(wrongCounts(task, mm), [])
  const place = mremap(task, mm, B, 3, 3, MREMAP_MAYMOVE | MREMAP_DONTUNMAP)
  t.same(contents(task, place, 3), [1, 2, 0], 'without a place: wherever there is room')
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontunmap of shared memory: the old place reads the same file', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 2, RW | VM_SHARED)
  store(task, A + 1, 5)
  mremap(task, mm, A, 2, 2, MOVE | MREMAP_DONTUNMAP, B)
  t.same([load(task, A + 1), load(task, B + 1)], [5, 5])
  store(task, A + 1, 6)
  t.equal(load(task, B + 1), 6)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('several areas do not move, not even when only rights differ', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  mprotect(task, mm, A + 2, 2, RO)
  t.equal(mremap(task, mm, A, 4, 4, MOVE, B), -EFAULT)
  t.equal(mremap(task, mm, A, 4, 6, MREMAP_MAYMOVE), -EFAULT)
  t.equal(load(task, A), 1)
  t.equal(mremap(task, mm, A, 4, 1, 0), A, 'but they may shrink')
  t.same(maps(task, mm), ['A+0 1 rw-p'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('source and target may lie differently in their leaf tables', async (t) => {
  for (const [from, to] of [
    [A + 500, B],
    [A, B + 500],
    [A + 510, B + 3],
    [A, A + 40],
    [A + 40, A],
  ] as const) {
    const { task, leftovers } = solo()
    const mm = newSpace(task)
    area(task, mm, from, 40, RW)
    for (let i = 0; i < 40; i += 3) store(task, from + i, i + 1)
    t.equal(mremap(task, mm, from, 40, 40, MOVE, to), to)
    t.same(
      contents(task, to, 40),
      Array.from({ length: 40 }, (_, i) => (i % 3 === 0 ? i + 1 : 0)),
    )
    t.same(wrongCounts(task, mm), [])
    mmPut(task, mm)
    t.same(leftovers(), [])
  }
})

t.test('pages without rights move as they are', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  store(task, A, 4)
  mprotect(task, mm, A, 2, NONE)
  mremap(task, mm, A, 2, 2, MOVE, B)
  t.same(entries(task, mm, B, 2), ['none', '-'])
  mprotect(task, mm, B, 2, RW)
  t.equal(load(task, B), 4)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('another thread’s TLB has forgotten the old place when mremap returns', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const mm = newSpace(task)
  switchMm(cpu1, mm)
  area(task, mm, A, 1, RW)
  store(cpu1, A, 1)
  mremap(task, mm, A, 1, 1, MOVE, B)
  t.equal(store(cpu1, A, 2), 'segv')
  t.equal(load(cpu1, B), 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
