/** What does each advice do to entries and areas, and what does a hole in the span change? */
import t from 'tap'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { EFAULT, EINVAL, ENOMEM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { VM_EXEC, VM_SHARED, VM_WRITE } from '../../shared/mm/vma.ts'
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

t.test('dontneed: private memory reads as zeros again, one CLEAR for each area', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 4, 4, RO | VM_EXEC)
  for (let i = 0; i < 4; i++) store(task, A + i, i + 1)
  load(task, A + 5)
  const free = freeFrames(task, SYSTEM_ZONE)
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A + 1, 6, ADVICE.dontneed), 0)
  t.same(watcher.take(), ['clear 1..3', 'clear 4..6'])
  t.equal(freeFrames(task, SYSTEM_ZONE), free + 3)
  t.same(maps(task, mm), ['A+0 4 rw-p', 'A+4 4 r-xp'], 'the areas stay')
  t.same(
    [0, 1, 2, 3].map((i) => load(task, A + i)),
    [1, 0, 0, 0],
  )
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed tells devices even where nothing is mapped yet', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  const watcher = watchEvents(task, mm)
  madvise(task, mm, A, 4, ADVICE.dontneed)
  t.same(watcher.take(), ['clear 0..3'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed over holes: everything around them is dropped, and the answer is -ENOMEM', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  for (const at of [0, 10, 20]) {
    area(task, mm, A + at, 4, RW)
    store(task, A + at, 1)
  }
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A - 5, 40, ADVICE.dontneed), -ENOMEM)
  t.same(watcher.take(), ['clear 0..3', 'clear 10..13', 'clear 20..23'])
  t.same(
    [0, 10, 20].map((at) => load(task, A + at)),
    [0, 0, 0],
  )
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed of a file mapping drops entries and private copies; what the file has stays', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 2, RW | VM_SHARED)
  fileArea(task, mm, A + 16, 2, RW)
  store(task, A, 5)
  store(task, A + 16, 6)
  madvise(task, mm, A, 2, ADVICE.dontneed)
  madvise(task, mm, A + 16, 2, ADVICE.dontneed)
  t.same([...entries(task, mm, A, 2), ...entries(task, mm, A + 16, 2)], ['-', '-', '-', '-'])
  t.same([load(task, A), load(task, A + 16)], [5, 0])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('dontneed of pages without rights frees them: rights that come back find zeros', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 5)
  mprotect(task, mm, A, 1, NONE)
  t.equal(madvise(task, mm, A, 1, ADVICE.dontneed), 0)
  t.same(entries(task, mm, A, 1), ['-'])
  mprotect(task, mm, A, 1, RW)
  t.equal(load(task, A), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('populate makes entries as accesses would, for reading or for writing', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  fileArea(task, mm, A + 16, 3, RW | VM_SHARED)
  fileArea(task, mm, A + 32, 3, RW)
  t.equal(madvise(task, mm, A, 2, ADVICE.populateRead), 0)
  t.equal(madvise(task, mm, A + 1, 2, ADVICE.populateWrite), 0)
  t.same(entries(task, mm, A, 4), ['0', 'rw', 'rw', '-'])
  t.equal(madvise(task, mm, A + 16, 3, ADVICE.populateRead), 0)
  t.same(entries(task, mm, A + 16, 3), ['rw', 'rw', 'rw'])
  t.equal(madvise(task, mm, A + 32, 2, ADVICE.populateRead), 0)
  t.same(entries(task, mm, A + 32, 3), ['ro', 'ro', '-'])
  t.equal(madvise(task, mm, A + 32, 2, ADVICE.populateWrite), 0)
  t.same(entries(task, mm, A + 32, 3), ['rw', 'rw', '-'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('populate asks for the right itself: reading needs PROT_READ, although a CPU could read', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, VM_WRITE)
  t.equal(madvise(task, mm, A, 2, ADVICE.populateRead), -EINVAL)
  t.equal(madvise(task, mm, A, 2, ADVICE.populateWrite), 0)
  area(task, mm, A + 2, 2, NONE)
  t.equal(madvise(task, mm, A + 2, 2, ADVICE.populateRead), -EINVAL)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('populate ends at a hole or at the end of the file: what it has populated stays', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  t.equal(madvise(task, mm, A, 4, ADVICE.populateWrite), -ENOMEM)
  t.same(entries(task, mm, A, 2), ['rw', 'rw'])
  fileArea(task, mm, A + 16, 4, RW | VM_SHARED, 2)
  t.equal(madvise(task, mm, A + 16, 4, ADVICE.populateWrite), -EFAULT)
  t.same(entries(task, mm, A + 16, 4), ['rw', 'rw', '-', '-'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('populate tells nobody but for the copies it makes', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 3, RW)
  load(task, A + 1)
  const watcher = watchEvents(task, mm)
  madvise(task, mm, A, 3, ADVICE.populateWrite)
  t.same(watcher.take(), ['clear 1..1'])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('advice about fork splits areas, goes on behind a hole, and says so', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  area(task, mm, A + 6, 4, RW)
  t.equal(madvise(task, mm, A + 2, 6, ADVICE.dontfork), -ENOMEM)
  t.same(maps(task, mm), ['A+0 2 rw-p', 'A+2 2 rw-p', 'A+6 2 rw-p', 'A+8 2 rw-p'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('wipeonfork is refused for file and shared memory', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 2, RW | VM_SHARED)
  fileArea(task, mm, A + 16, 2, RW)
  t.equal(madvise(task, mm, A, 2, ADVICE.wipeonfork), -EINVAL)
  t.equal(madvise(task, mm, A + 16, 2, ADVICE.wipeonfork), -EINVAL)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('advice about huge pages: the later one counts, and no frame moves', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  const watcher = watchEvents(task, mm)
  t.equal(madvise(task, mm, A, 2, ADVICE.hugepage), 0)
  t.equal(madvise(task, mm, A + 2, 2, ADVICE.nohugepage), 0)
  t.equal(maps(task, mm).length, 2)
  t.equal(madvise(task, mm, A, 4, ADVICE.hugepage), 0)
  t.same(maps(task, mm), ['A+0 4 rw-p'])
  t.same(watcher.take(), [])
  t.equal(load(task, A), 1)
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})
