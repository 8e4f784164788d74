/**
 * When memory is out, is nothing half done? Every operation is tried with 0, 1, 2 ... pieces left of what it needs, until it
 * succeeds. Each failure must leave the areas and the contents as they were, and everything must come back at the end.
 */
import t from 'tap'
import { EAGAIN, ENOMEM } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_ANYWHERE, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import {
  A,
  area,
  areas,
  fileArea,
  load,
  makeScarce,
  newSpace,
  RO,
  RW,
  type Scarce,
  store,
  wrongCounts,
} from '../support/addressspace.ts'
import { solo } from '../support/solo.ts'

const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED
/** Where nothing is mapped nearby: three tables are missing there. */
const FAR = 0x80000000
const PAGES = 10

interface Case {
  readonly name: string
  /** What runs out, and how many pieces the operation needs of it. */
  readonly needs: Partial<Record<Scarce, number>>
  run(task: Task, mm: Mm): number
  readonly refusal?: number
}

const CASES: readonly Case[] = [
  { name: 'mmap', needs: { vma: 1 }, run: (task, mm) => mmap(task, mm, 0, 4, RW, PLACE_ANYWHERE) },
  {
    name: 'mmap over the middle of an area',
    needs: { vma: 3 },
    run: (task, mm) => mmap(task, mm, A + 3, 4, RO, PLACE_FIXED),
  },
  { name: 'munmap of a head', needs: { vma: 1 }, run: (task, mm) => munmap(task, mm, A, 4) },
  { name: 'munmap of a middle', needs: { vma: 2 }, run: (task, mm) => munmap(task, mm, A + 3, 4) },
  { name: 'mprotect of a middle', needs: { vma: 2 }, run: (task, mm) => mprotect(task, mm, A + 3, 4, RO) },
  {
    name: 'madvise of a middle',
    needs: { vma: 2 },
    run: (task, mm) => madvise(task, mm, A + 3, 4, ADVICE.dontfork),
    refusal: -EAGAIN, // as the kernel: -ENOMEM would mean a hole
  },
  {
    name: 'mremap of a whole area',
    needs: { vma: 1, 'page table': 3 },
    run: (task, mm) => mremap(task, mm, A, PAGES, PAGES, MOVE, FAR),
  },
  {
    name: 'mremap of a middle',
    needs: { vma: 3, 'page table': 3 },
    run: (task, mm) => mremap(task, mm, A + 3, 4, 4, MOVE, FAR),
  },
  {
    name: 'mremap of a middle that grows while it moves, over a leaf border',
    needs: { vma: 3, 'page table': 4 },
    run: (task, mm) => mremap(task, mm, A + 3, 4, 40, MOVE, FAR + 510),
  },
]

/** One area with content; more of the address space so that there are neighbours to be left alone. */
function setUp(task: Task): Mm {
  const mm = newSpace(task)
  area(task, mm, A, PAGES, RW)
  area(task, mm, A + 100, 2, RO)
  for (let i = 0; i < PAGES; i++) store(task, A + i, i + 1)
  return mm
}

function state(task: Task, mm: Mm): unknown {
  return {
    areas: areas(task, mm),
    contents: Array.from({ length: PAGES }, (_, i) => load(task, A + i)),
    wrong: wrongCounts(task, mm),
  }
}

for (const { name, needs, run, refusal = -ENOMEM } of CASES) {
  for (const [what, needed] of Object.entries(needs) as [Scarce, number][]) {
    t.test(`${name}, with fewer than ${needed} of ${what} left`, async (t) => {
      for (let leave = 0; leave <= needed; leave++) {
        const { task, leftovers } = solo({ bytes: 1024 * 1024 })
        const mm = setUp(task)
        const before = state(task, mm)
        const giveBack = makeScarce(task, what, leave)
        const result = run(task, mm)
        giveBack()
        if (leave < needed) {
          t.equal(result, refusal, `${leave} left: refused`)
          t.same(state(task, mm), before, `${leave} left: nothing changed`)
        } else {
          t.ok(result >= 0, `${leave} left: done`)
        }
        mmPut(task, mm)
        t.same(leftovers(), [], `${leave} left: everything came back`)
      }
    })
  }
}

for (const [what, needed] of [
  ['vma', 3],
  ['page table', 4],
] as const) {
  t.test(`fork, with fewer than ${needed} of ${what} left`, async (t) => {
    for (let leave = 0; leave <= needed; leave++) {
      const { task, leftovers } = solo({ bytes: 1024 * 1024 })
      const mm = setUp(task)
      area(task, mm, A + 510, 4, RW)
      store(task, A + 510, 1)
      store(task, A + 513, 2)
      const before = state(task, mm)
      const giveBack = makeScarce(task, what, leave)
      const child = fork(task, mm, 2)
      giveBack()
      t.equal(child === NO_MM, leave < needed, `${leave} left: ${leave < needed ? 'refused' : 'done'}`)
      if (child !== NO_MM) mmPut(task, child)
      t.same(state(task, mm), before, `${leave} left: the parent is as it was`)
      t.equal(store(task, A, 1), 'ok', 'and may write its pages')
      mmPut(task, mm)
      t.same(leftovers(), [])
    }
  })
}

t.test('a first touch without a frame ends in -ENOMEM for the process, and works once there is one', async (t) => {
  const { task, leftovers } = solo({ bytes: 1024 * 1024 })
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  fileArea(task, mm, A + 16, 2, RW)
  const giveBack = makeScarce(task, 'frame', 0)
  t.equal(store(task, A, 1), 'oom')
  t.equal(load(task, A), 0, 'the page of zeros is always there')
  t.equal(load(task, A + 16), 'oom')
  t.equal(store(task, A + 16, 1), 'oom')
  giveBack()
  t.same([store(task, A, 1), load(task, A + 16), store(task, A + 16, 1)], ['ok', 0, 'ok'])
  t.same(wrongCounts(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a first touch without a table is refused at each level, and works once there are enough', async (t) => {
  const { task, leftovers } = solo({ bytes: 1024 * 1024 })
  const mm = newSpace(task)
  area(task, mm, A, 2, RW)
  for (let leave = 0; leave < 3; leave++) {
    const giveBack = makeScarce(task, 'page table', leave === 0 ? 0 : 1) // each try keeps the one table that it got
    t.equal(store(task, A, 1), 'oom')
    giveBack()
  }
  t.equal(store(task, A, 1), 'ok')
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a copy-on-write break without a frame leaves the shared frame alone', async (t) => {
  const { task, leftovers } = solo({ bytes: 1024 * 1024 })
  const mm = setUp(task)
  const child = fork(task, mm, 2)
  const giveBack = makeScarce(task, 'frame', 0)
  switchMm(task, child)
  t.equal(store(task, A, 99), 'oom')
  t.equal(load(task, A), 1)
  giveBack()
  t.equal(store(task, A, 99), 'ok')
  switchMm(task, mm)
  t.equal(load(task, A), 1)
  t.same(wrongCounts(task, mm, child), [])
  mmPut(task, child)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('populate stops where frames end: what it populated stays', async (t) => {
  const { task, leftovers } = solo({ bytes: 1024 * 1024 })
  const mm = newSpace(task)
  area(task, mm, A, 8, RW)
  const giveBack = makeScarce(task, 'frame', 3)
  t.equal(madvise(task, mm, A, 8, ADVICE.populateWrite), -ENOMEM)
  giveBack()
  t.same(wrongCounts(task, mm), [])
  t.equal(madvise(task, mm, A, 8, ADVICE.populateWrite), 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('an area that would be one too many is refused', async (t) => {
  const { task, leftovers } = solo({ bytes: 1024 * 1024 })
  const mm = newSpace(task)
  let made = 0
  while (mmap(task, mm, A + made * 2, 1, RW, PLACE_FIXED) >= 0) made++
  t.ok(made > 100)
  t.equal(mmap(task, mm, A + made * 2, 1, RW, PLACE_FIXED), -ENOMEM)
  t.equal(areas(task, mm).length, made)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
