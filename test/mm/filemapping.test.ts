/** Who sees whose writes through shared and private mappings of one file, and how far does a read fault reach? */
import t from 'tap'
import { FRAME_DIRTY, frameFlags, frameMaps, frameRefs } from '../../shared/frame/frames.ts'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createFile, type File, filePut, MAX_FILE_PAGES } from '../../shared/mm/file.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import {
  A,
  entries,
  fileArea,
  frameOf,
  load,
  newSpace,
  RO,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const B = A + 0x1000

function mapFile(task: Task, mm: Mm, at: number, pages: number, flags: number, file: File, pgoff = 0): void {
  if (mmap(task, mm, at, pages, flags, PLACE_FIXED, file, pgoff) !== at) throw new Error('the file is not mapped')
}

/** Indexes of pages that have an entry. */
function present(task: Task, mm: Mm, start: number, pages: number): number[] {
  return entries(task, mm, start, pages).flatMap((text, i) => (text === '-' ? [] : [i]))
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
}

t.test('shared mappings are one memory: in one process, at other offsets, in another process', async (t) => {
  const { task, leftovers } = solo()
  const first = newSpace(task, 1)
  const file = fileArea(task, first, A, 8, RW | VM_SHARED)
  mapFile(task, first, B, 4, RW | VM_SHARED, file, 4)
  const second = newSpace(task, 2)
  mapFile(task, second, A + 100, 8, RW | VM_SHARED, file)
  store(task, A + 105, 1)
  switchMm(task, first)
  t.same([load(task, A + 5), load(task, B + 1)], [1, 1])
  store(task, B + 1, 2)
  switchMm(task, second)
  t.equal(load(task, A + 105), 2)
  const frame = frameOf(task, second, A + 105)
  t.same([frameOf(task, first, A + 5), frameOf(task, first, B + 1)], [frame, frame])
  t.same([frameMaps(task, frame), frameRefs(task, frame)], [3, 4], 'three entries, and the page cache')
  t.same(wrongCounts(task, first, second), [])
  mmPut(task, first)
  t.equal(load(task, A + 105), 2)
  mmPut(task, second)
  t.same(leftovers(), [])
})

t.test(
  'a private mapping sees the file’s writes until it has a copy of its own; then no more, nor do others see its own',
  async (t) => {
    const { task, leftovers } = solo()
    const mm = newSpace(task)
    const file = fileArea(task, mm, A, 2, RW | VM_SHARED)
    mapFile(task, mm, B, 2, RW, file)
    store(task, A, 1)
    t.equal(load(task, B), 1)
    store(task, A, 2)
    t.equal(load(task, B), 2, 'the same frame, without any invalidation')
    t.equal(frameOf(task, mm, B), frameOf(task, mm, A))
    const watcher = watchEvents(task, mm)
    t.equal(store(task, B, 3), 'ok')
    t.same(watcher.take(), [`clear ${B - A}..${B - A}`], 'the copy takes the place of a present entry')
    store(task, A, 4)
    t.same([load(task, A), load(task, B)], [4, 3])
    madvise(task, mm, B, 1, ADVICE.dontneed)
    t.equal(load(task, B), 4, 'without the copy the file shows again')
    watcher.stop()
    mmPut(task, mm)
    t.same(leftovers(), [])
  },
)

t.test('a private write to an untouched page copies at once: one frame more than the page cache', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 1, RW | VM_SHARED)
  store(task, A, 9)
  mapFile(task, mm, B, 1, RW, file)
  const free = freeFrames(task, SYSTEM_ZONE)
  const watcher = watchEvents(task, mm)
  t.equal(store(task, B, 1), 'ok')
  t.same(watcher.take(), [], 'nothing was there before')
  t.equal(freeFrames(task, SYSTEM_ZONE), free - 1)
  t.same([load(task, A), load(task, B)], [9, 1])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a read fault on a writable shared mapping makes the entry writable, on others it does not', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 1, RW | VM_SHARED)
  mapFile(task, mm, B, 1, RO | VM_SHARED, file)
  mapFile(task, mm, B + 16, 1, RW, file)
  for (const vpn of [A, B, B + 16]) load(task, vpn)
  t.same(
    [A, B, B + 16].map((vpn) => entries(task, mm, vpn, 1)[0]),
    ['rw', 'ro', 'ro'],
  )
  t.equal(store(task, B, 1), 'segv')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('past the end of the file: SIGBUS for every access, and no page is made', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 4, RW | VM_SHARED, 2)
  mapFile(task, mm, B, 2, RW, file, 1)
  const free = freeFrames(task, SYSTEM_ZONE)
  t.same([load(task, A + 2), store(task, A + 3, 1), load(task, B + 1), store(task, B + 1, 1)], new Array(4).fill('sigbus'))
  t.equal(freeFrames(task, SYSTEM_ZONE), free)
  t.same([store(task, A + 1, 7), load(task, B)], ['ok', 7])
  t.equal(mremap(task, mm, A, 4, 8, 0), A)
  t.equal(load(task, A + 7), 'sigbus', 'a mapping may grow, the file does not')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a read fault maps the neighbours that are in the page cache, within its aligned window of 16', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 64, RW | VM_SHARED)
  madvise(task, mm, A, 64, ADVICE.populateWrite)
  mapFile(task, mm, B, 64, RO | VM_SHARED, file)
  load(task, B + 21)
  t.same(present(task, mm, B, 64), range(16, 31))
  load(task, B + 63)
  t.same(present(task, mm, B, 64), [...range(16, 31), ...range(48, 63)])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('it brings no page into the cache but its own, and leaves entries that are there', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 32, RW | VM_SHARED)
  store(task, A + 2, 1)
  store(task, A + 9, 1)
  mapFile(task, mm, B, 32, RW, file)
  store(task, B + 2, 5)
  const own = frameOf(task, mm, B + 2)
  load(task, B + 4)
  t.same(present(task, mm, B, 32), [2, 4, 9])
  t.equal(frameOf(task, mm, B + 2), own)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a write fault maps its own page only', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 16, RW | VM_SHARED)
  madvise(task, mm, A, 16, ADVICE.populateWrite)
  mapFile(task, mm, B, 16, RW | VM_SHARED, file)
  store(task, B + 3, 1)
  t.same(present(task, mm, B, 16), [3])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the window begins at the area’s start when that is inside it, and still has 16 pages', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 64, RW | VM_SHARED)
  madvise(task, mm, A, 64, ADVICE.populateWrite)
  mapFile(task, mm, B, 64, RO, file)
  munmap(task, mm, B, 8)
  load(task, B + 9)
  t.same(present(task, mm, B, 64), range(8, 23))
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the window ends with the area, with the file, and with the leaf table', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = fileArea(task, mm, A, 40, RW | VM_SHARED, 27)
  madvise(task, mm, A, 27, ADVICE.populateWrite)
  mapFile(task, mm, B, 6, RO, file)
  load(task, B + 1)
  t.same(present(task, mm, B, 16), range(0, 5))
  mapFile(task, mm, B + 32, 40, RO, file)
  load(task, B + 32 + 20)
  t.same(present(task, mm, B + 32, 40), range(16, 26))
  mapFile(task, mm, B + 512 - 4, 20, RO, file)
  load(task, B + 512 - 2)
  t.same(present(task, mm, B + 512 - 4, 20), range(0, 3))
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the dirty bit of a shared page outlives its entry', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 2, RW | VM_SHARED)
  store(task, A, 1)
  const frame = frameOf(task, mm, A)
  madvise(task, mm, A, 1, ADVICE.dontneed)
  t.ok(frameFlags(task, frame) & FRAME_DIRTY)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a file lives as long as an area maps it; its last page is one like any other', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  const file = createFile(task, MAX_FILE_PAGES)
  mapFile(task, mm, A, 2, RW | VM_SHARED, file, MAX_FILE_PAGES - 2)
  filePut(task, file)
  store(task, A + 1, 3)
  munmap(task, mm, A, 1)
  t.equal(load(task, A + 1), 3)
  munmap(task, mm, A + 1, 1)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
