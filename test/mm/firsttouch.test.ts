/** What does the first touch of a private page map: the page of zeros for a read, a frame of its own for a write? */
import t from 'tap'
import {
  FRAME_ANON,
  FRAME_EXCLUSIVE,
  frameData,
  frameFlags,
  frameIndex,
  frameMapping,
  frameMaps,
  frameRefs,
} from '../../shared/frame/frames.ts'
import { freeFrames, SYSTEM_ZONE, ZERO_FRAME } from '../../shared/frame/zones.ts'
import { PAGE_WORDS } from '../../shared/memory/words.ts'
import { accessValue, accessValueHigh, userAdd, userLoad, userLoad64, userStore64 } from '../../shared/mm/access.ts'
import { type AnonVma, ownerFamily } from '../../shared/mm/anonvma.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { mmFamily } from '../../shared/mm/mm.ts'
import { VM_EXEC, VM_WRITE } from '../../shared/mm/vma.ts'
import { A, area, entries, entry, frameOf, load, NONE, newSpace, RO, RW, store, watchEvents } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

t.test('a read maps the page of zeros, read-only, and takes no frame', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  const free = freeFrames(task, SYSTEM_ZONE)
  t.equal(load(task, A + 1), 0)
  t.same(entries(task, mm, A, 4), ['-', '0', '-', '-'])
  t.equal(frameOf(task, mm, A + 1), ZERO_FRAME)
  t.equal(freeFrames(task, SYSTEM_ZONE), free)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a write maps a zeroed frame of its own, which knows its owner and its place there', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  t.equal(store(task, A + 2, 7), 'ok')
  t.same(entries(task, mm, A, 4), ['-', '-', 'rw', '-'])
  const frame = frameOf(task, mm, A + 2)
  t.equal(frameFlags(task, frame) & (FRAME_ANON | FRAME_EXCLUSIVE), FRAME_ANON | FRAME_EXCLUSIVE)
  t.same([frameRefs(task, frame), frameMaps(task, frame)], [1, 1])
  t.same([ownerFamily(task, frameMapping(task, frame) as AnonVma), frameIndex(task, frame)], [mmFamily(task, mm), A + 2])
  const data = task.words.subarray(frameData(task, frame), frameData(task, frame) + PAGE_WORDS)
  t.equal(data[0], 7)
  t.ok(data.subarray(1).every((word) => word === 0))
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a frame is zeroed also when it was used before', async (t) => {
  const { task, leftovers } = solo()
  const first = newSpace(task, 1)
  area(task, first, A, 1, RW)
  t.equal(userStore64(task, A, 0x11111111, 0x22222222), 0)
  const frame = frameOf(task, first, A)
  mmPut(task, first)
  const second = newSpace(task, 2)
  area(task, second, A, 1, RW)
  userAdd(task, A, 5, 1) // a write that leaves words 0 and 1 alone
  t.equal(frameOf(task, second, A), frame, 'the youngest free frame comes first: it is the same one')
  userLoad64(task, A)
  t.same([accessValue(), accessValueHigh()], [0, 0])
  mmPut(task, second)
  t.same(leftovers(), [])
})

t.test('a write after a read replaces the page of zeros by a frame of its own', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  load(task, A)
  const watcher = watchEvents(task, mm)
  t.equal(store(task, A, 9), 'ok')
  t.same(watcher.take(), ['clear 0..0'], 'a device that had the page of zeros must let go of it')
  t.not(frameOf(task, mm, A), ZERO_FRAME)
  t.equal(load(task, A), 9)
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a first touch tells nobody: a device can only have less', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  const watcher = watchEvents(task, mm)
  load(task, A)
  store(task, A + 1, 1)
  userAdd(task, A + 2, 3, 5)
  t.same(watcher.take(), [])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an access without the right, or without an area, ends in SIGSEGV and maps nothing', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RO)
  area(task, mm, A + 1, 1, NONE)
  t.equal(store(task, A, 1), 'segv')
  t.equal(load(task, A + 1), 'segv')
  t.equal(store(task, A + 1, 1), 'segv')
  t.equal(load(task, A + 2), 'segv')
  t.equal(load(task, A - 1), 'segv')
  t.same(entries(task, mm, A, 3), ['-', '-', '-'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('any right at all lets the CPU read, as on x86', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, VM_WRITE)
  area(task, mm, A + 1, 1, VM_EXEC)
  t.equal(load(task, A), 0)
  t.equal(load(task, A + 1), 0)
  t.equal(store(task, A, 3), 'ok')
  t.equal(store(task, A + 1, 3), 'segv')
  t.equal(entry(task, mm, A + 1), '0')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an add answers with what was there before, a load of 64 bits with both words', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  t.equal(userAdd(task, A, 7, 5), 0)
  t.equal(accessValue(), 0)
  userAdd(task, A, 7, -2)
  t.equal(accessValue(), 5)
  userLoad(task, A, 7)
  t.equal(accessValue(), 3)
  userStore64(task, A, -1, 0x7fffffff)
  userLoad64(task, A)
  t.same([accessValue(), accessValueHigh()], [-1, 0x7fffffff])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the last page of the address space is a page like any other', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, 0xffffffff, 1, RW)
  t.equal(store(task, 0xffffffff, 4), 'ok')
  t.equal(load(task, 0xffffffff), 4)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
