/** What takes a huge page apart, what is told, and what each of its pages holds afterwards. */
import t from 'tap'
import {
  BLOCK_FRAMES,
  type Frame,
  frameGet,
  frameHead,
  frameIsBlock,
  frameLock,
  frameMaps,
  frameUnlock,
} from '../../shared/frame/frames.ts'
import { framePut, freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { splitFolio } from '../../shared/mm/splitfolio.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import {
  A,
  entryRuns,
  frameOf,
  hugeArea,
  load,
  makeScarce,
  NONE,
  newSpace,
  RO,
  RW,
  store,
  watchEvents,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const SPAN = 512
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED

/** A huge page at A, whose page i holds i + 1. */
function written(task: Task): Mm {
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  for (let i = 0; i < SPAN; i++) store(task, A + i, i + 1)
  return mm
}

interface Part {
  readonly name: string
  readonly change: (task: Task, mm: Mm) => number
  readonly events: readonly string[]
  readonly entries: readonly string[]
  /** What some pages hold afterwards. */
  readonly holds: readonly (readonly [page: number, value: number | string])[]
}

const PARTS: readonly Part[] = [
  {
    name: 'munmap of the first ten',
    change: (task, mm) => munmap(task, mm, A, 10),
    events: ['clear 0..511', 'unmap 0..9'],
    entries: ['10 x -', '502 x rw'],
    holds: [
      [9, 'segv'],
      [10, 11],
      [511, 512],
    ],
  },
  {
    name: 'munmap in the middle',
    change: (task, mm) => munmap(task, mm, A + 100, 10),
    events: ['clear 0..511', 'unmap 100..109'],
    entries: ['100 x rw', '10 x -', '402 x rw'],
    holds: [
      [99, 100],
      [100, 'segv'],
      [110, 111],
    ],
  },
  {
    name: 'mprotect of a part to read-only',
    change: (task, mm) => mprotect(task, mm, A + 100, 10, RO),
    events: ['clear 0..511', 'protectionVma 100..109'],
    entries: ['100 x rw', '10 x ro', '402 x rw'],
    holds: [
      [100, 101],
      [110, 111],
    ],
  },
  {
    name: 'mprotect of a part to nothing',
    change: (task, mm) => mprotect(task, mm, A + 500, 12, NONE),
    events: ['clear 0..511', 'protectionVma 500..511'],
    entries: ['500 x rw', '12 x none'],
    holds: [
      [499, 500],
      [500, 'segv'],
    ],
  },
  {
    name: 'dontneed of a part',
    change: (task, mm) => madvise(task, mm, A + 1, 1, ADVICE.dontneed),
    events: ['clear 1..1', 'clear 0..511'],
    entries: ['1 x rw', '1 x -', '510 x rw'],
    holds: [
      [0, 1],
      [1, 0],
      [2, 3],
    ],
  },
  {
    name: 'advice against huge pages for a part',
    change: (task, mm) => madvise(task, mm, A + 256, 256, ADVICE.nohugepage),
    events: ['clear 0..511'],
    entries: ['512 x rw'],
    holds: [
      [255, 256],
      [256, 257],
    ],
  },
  {
    name: 'mremap of a part',
    change: (task, mm) => (mremap(task, mm, A, 4, 4, MOVE, A + 0x1000) === A + 0x1000 ? 0 : -1),
    events: ['clear 0..511', 'unmap 0..3', 'unmap 0..3'],
    entries: ['4 x -', '508 x rw'],
    holds: [
      [0, 'segv'],
      [0x1000, 1],
      [0x1003, 4],
      [4, 5],
    ],
  },
]

for (const { name, change, events, entries, holds } of PARTS) {
  t.test(`${name} splits the entry: 512 of 4 KiB, of which only the part changes`, async (t) => {
    const { task, leftovers } = solo()
    const mm = written(task)
    const watcher = watchEvents(task, mm)
    t.equal(change(task, mm), 0)
    t.same(watcher.take(), events)
    t.same(entryRuns(task, mm, A, SPAN), entries)
    for (const [page, value] of holds) t.equal(load(task, A + page), value, `page ${page}`)
    t.same(wrongCounts(task, mm), [])
    watcher.stop()
    mmPut(task, mm)
    t.same(leftovers(), [])
  })

  t.test(`${name} leaves the rest as it was when memory is out: a table was put by for the split`, async (t) => {
    const { task, leftovers } = solo()
    const mm = written(task)
    const giveBack = makeScarce(task, 'page table', 0)
    change(task, mm)
    t.same(entryRuns(task, mm, A + 200, 50), ['50 x rw'])
    t.equal(load(task, A + 220), 221)
    giveBack()
    mmPut(task, mm)
    t.same(leftovers(), [])
  })
}

t.test('what is done to the whole of it leaves it whole', async (t) => {
  const { task, leftovers } = solo()
  const mm = written(task)
  mprotect(task, mm, A, SPAN, RO)
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge ro'])
  mprotect(task, mm, A, SPAN, NONE)
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge none'])
  t.equal(load(task, A + 5), 'segv')
  mprotect(task, mm, A, SPAN, RW)
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge rw'])
  const far = A + 4 * SPAN
  t.equal(mremap(task, mm, A, SPAN, SPAN, MOVE, far), far)
  t.same(entryRuns(task, mm, far, SPAN), ['512 x huge rw'])
  t.equal(load(task, far + 5), 6)
  t.equal(mremap(task, mm, far, SPAN, SPAN, MOVE, A + 3), A + 3, 'a place that is not aligned')
  t.same(entryRuns(task, mm, A + 3, SPAN), ['512 x rw'])
  t.equal(load(task, A + 3 + 5), 6)
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a part of a huge page without rights can be split, too', async (t) => {
  const { task, leftovers } = solo()
  const mm = written(task)
  mprotect(task, mm, A, SPAN, NONE)
  mprotect(task, mm, A + 10, 2, RW)
  t.same(entryRuns(task, mm, A, SPAN), ['10 x none', '2 x rw', '500 x none'])
  t.same([load(task, A + 10), load(task, A + 9)], [11, 'segv'])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

/** Takes the block of page A apart; false if somebody holds it. */
function splitBlockAt(task: Task, mm: Mm, zeros: boolean): boolean {
  const head = frameHead(task, frameOf(task, mm, A))
  frameGet(task, head)
  frameLock(task, head)
  const split = splitFolio(task, head, zeros)
  frameUnlock(task, head)
  framePut(task, head)
  return split
}

t.test('the block itself is taken apart: frames of their own, and those of zeros are given back', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  hugeArea(task, mm, A, SPAN, RW)
  for (const i of [3, 300]) store(task, A + i, i)
  const free = freeFrames(task, SYSTEM_ZONE)
  const watcher = watchEvents(task, mm)
  t.ok(splitBlockAt(task, mm, true))
  t.same(watcher.take(), ['clear 0..511'])
  t.same(entryRuns(task, mm, A, SPAN), ['3 x 0', '1 x rw', '296 x 0', '1 x rw', '211 x 0'])
  t.equal(freeFrames(task, SYSTEM_ZONE), free + BLOCK_FRAMES - 2)
  t.notOk(frameIsBlock(task, frameOf(task, mm, A + 3)))
  t.same([load(task, A + 3), load(task, A + 300), load(task, A + 4)], [3, 300, 0])
  store(task, A + 4, 4)
  t.equal(load(task, A + 4), 4)
  t.same(wrongCounts(task, mm), [])
  watcher.stop()
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('all processes that map the block have small pages afterwards, still shared', async (t) => {
  const { task, leftovers } = solo()
  const mm = written(task)
  const child = fork(task, mm, 2)
  munmap(task, child, A, 4)
  t.ok(splitBlockAt(task, mm, false))
  t.same(entryRuns(task, mm, A, SPAN), ['512 x ro'])
  t.same(entryRuns(task, child, A, SPAN), ['4 x -', '508 x ro'])
  t.same([frameMaps(task, frameOf(task, mm, A)), frameMaps(task, frameOf(task, mm, A + 4))], [1, 2])
  store(task, A + 4, 0)
  switchMm(task, child)
  t.equal(load(task, A + 4), 5)
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a block that somebody else holds stays one, and stays mapped', async (t) => {
  const { task, leftovers } = solo()
  const mm = written(task)
  const piece = frameOf(task, mm, A + 77) as Frame
  frameGet(task, piece)
  t.notOk(splitBlockAt(task, mm, true))
  t.same(entryRuns(task, mm, A, SPAN), ['512 x huge rw'])
  framePut(task, piece)
  t.ok(splitBlockAt(task, mm, true))
  t.equal(load(task, A + 77), 78)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a block of which some pages are gone gives those back when it is taken apart', async (t) => {
  const { task, leftovers } = solo()
  const mm = written(task)
  const free = freeFrames(task, SYSTEM_ZONE)
  munmap(task, mm, A + 100, 100)
  t.equal(freeFrames(task, SYSTEM_ZONE), free, 'as long as one piece is mapped the block is in use')
  t.ok(splitBlockAt(task, mm, false))
  t.equal(freeFrames(task, SYSTEM_ZONE), free + 100)
  t.same([load(task, A + 99), load(task, A + 200)], [100, 201])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})
