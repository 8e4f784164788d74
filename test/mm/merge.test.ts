/** Which neighbours become one area, and which stay two? One area is what a device fault reaches over, and what mremap moves. */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { createFile, filePut } from '../../shared/mm/file.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmVmaCount } from '../../shared/mm/mm.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { VM_EXEC, VM_SHARED } from '../../shared/mm/vma.ts'
import { A, area, areas, load, maps, newSpace, RO, RW, store, wrongCounts } from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED

t.test('private memory mapped side by side is one area, in any order', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A + 4, 4, RW)
  area(task, mm, A + 12, 4, RW)
  t.same(maps(task, mm), ['A+4 4 rw-p', 'A+12 4 rw-p'])
  area(task, mm, A + 8, 4, RW)
  t.same(maps(task, mm), ['A+4 12 rw-p'], 'joined on both sides')
  area(task, mm, A, 4, RW)
  t.same(maps(task, mm), ['A+0 16 rw-p'], 'joined to what follows')
  t.equal(mmVmaCount(task, mm), 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a gap of one page, other rights or other advice keep neighbours apart', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  area(task, mm, A + 3, 2, RW)
  area(task, mm, A + 5, 2, RO)
  area(task, mm, A + 7, 2, RO | VM_EXEC)
  area(task, mm, A + 9, 2, RO | VM_EXEC)
  madvise(task, mm, A + 10, 1, ADVICE.dontfork)
  t.same(maps(task, mm), ['A+0 2 rw-p', 'A+3 2 rw-p', 'A+5 2 r--p', 'A+7 3 r-xp', 'A+10 1 r-xp'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('mprotect splits, and the old rights join again', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 9, RW)
  for (let i = 0; i < 9; i++) store(task, A + i, i)
  t.equal(mprotect(task, mm, A + 3, 3, RO), 0)
  t.same(maps(task, mm), ['A+0 3 rw-p', 'A+3 3 r--p', 'A+6 3 rw-p'])
  t.equal(mprotect(task, mm, A + 2, 1, RO), 0)
  t.same(maps(task, mm), ['A+0 2 rw-p', 'A+2 4 r--p', 'A+6 3 rw-p'], 'what it took joins its neighbour')
  t.equal(mprotect(task, mm, A, 9, RW), 0)
  t.same(areas(task, mm), [{ start: A, pages: 9, rights: 'rw-p', pgoff: A }])
  t.same(
    Array.from({ length: 9 }, (_, i) => load(task, A + i)),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  )
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a hole that is filled with the same joins what it had cut', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 9, RW)
  store(task, A + 1, 1)
  store(task, A + 8, 8)
  munmap(task, mm, A + 3, 3)
  area(task, mm, A + 3, 3, RW)
  t.same(maps(task, mm), ['A+0 9 rw-p'])
  t.same([load(task, A + 1), load(task, A + 4), load(task, A + 8)], [1, 0, 8])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('two mappings of one file join only where their offsets follow on', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = createFile(task, 16)
  const map = (at: number, pgoff: number) => mmap(task, mm, A + at, 4, RW | VM_SHARED, PLACE_FIXED, file, pgoff)
  map(0, 0)
  map(4, 4)
  map(8, 4)
  t.same(maps(task, mm), ['A+0 8 rw-s', 'A+8 4 rw-s'])
  const another = createFile(task, 16)
  mmap(task, mm, A + 12, 4, RW | VM_SHARED, PLACE_FIXED, another, 8)
  t.same(maps(task, mm), ['A+0 8 rw-s', 'A+8 4 rw-s', 'A+12 4 rw-s'], 'not with another file')
  filePut(task, file)
  filePut(task, another)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('memory that owns frames keeps its offset when it moves, so it joins only where it came from', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  store(task, A + 5, 5)
  t.equal(mremap(task, mm, A + 4, 4, 4, MOVE, A + 104), A + 104)
  area(task, mm, A + 100, 4, RW)
  t.same(areas(task, mm), [
    { start: A, pages: 4, rights: 'rw-p', pgoff: A },
    { start: A + 100, pages: 4, rights: 'rw-p', pgoff: A + 100 },
    { start: A + 104, pages: 4, rights: 'rw-p', pgoff: A + 4 },
  ])
  t.equal(mremap(task, mm, A + 104, 4, 4, MOVE, A + 4), A + 4)
  t.same(maps(task, mm), ['A+0 8 rw-p', 'A+100 4 rw-p'], 'back home it is one area again')
  t.equal(load(task, A + 5), 5)
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('memory that never owned a frame takes its offset from its new place, and joins there', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  area(task, mm, A + 100, 4, RW)
  load(task, A + 5) // the page of zeros is nobody's
  t.equal(mremap(task, mm, A + 4, 4, 4, MOVE, A + 104), A + 104)
  t.same(maps(task, mm), ['A+0 4 rw-p', 'A+100 8 rw-p'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an area that owns frames and one that does not yet are joined, and the whole owns them', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 4, RW)
  store(task, A, 1)
  area(task, mm, A + 4, 4, RW)
  t.same(maps(task, mm), ['A+0 8 rw-p'])
  store(task, A + 7, 7)
  const child = fork(task, mm, 2)
  t.same(maps(task, child), ['A+0 8 rw-p'])
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('advice splits, and the same advice for all joins again', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 6, RW)
  madvise(task, mm, A + 2, 2, ADVICE.hugepage)
  t.same(maps(task, mm), ['A+0 2 rw-p', 'A+2 2 rw-p', 'A+4 2 rw-p'])
  madvise(task, mm, A, 6, ADVICE.nohugepage)
  t.same(maps(task, mm), ['A+0 6 rw-p'])
  mmPut(task, mm)
  t.same(leftovers(), [])
})
