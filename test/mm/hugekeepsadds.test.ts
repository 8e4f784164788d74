/**
 * Is any add lost while other threads split, move, share, collapse and put out the huge page that holds it? As keepsadds.test.ts,
 * on 2 MiB: what a thread was told went through must be in the page at the end, however the page is mapped by then. Every
 * thread adds and changes in turn, and one of the changes is different in each run.
 */
import { isMainThread } from 'node:worker_threads'
import { checkPageGeneration } from '../../shared/check/pagegeneration.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { ACCESS, accessValue, userAdd, userLoad, userStore } from '../../shared/mm/access.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { atomicAdd } from '../../shared/seam/atomics.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, fileArea, hugeArea, NONE, newSpace, RO, RW, wrongCounts } from '../support/addressspace.ts'
import { startCrew } from '../support/crew.ts'

const SPAN = 512
const SPANS = 2
/** Pages that are added to, on both sides of the border of the two spans. */
const SUMS = 16
const FIRST = A + SPAN - SUMS / 2
const WORD = 3
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED
const CPUS = 3
/** Next process number, in `programs`. */
const ASID = 0

function draw(task: Task, bound: number): number {
  return nextBelow(task.words, task.record + CHANCE, bound)
}

/** Some pages of the two spans: first page and how many. */
function part(task: Task): [number, number] {
  if (draw(task, 3) === 0) return [A + draw(task, SPANS) * SPAN, SPAN]
  const pages = 1 + draw(task, 40)
  return [A + SPAN - 20 + draw(task, 40 - Math.min(pages, 39)), pages]
}

/** A thread's own place for pages that are moved away. */
function away(task: Task): number {
  return A + (1 + task.id) * 0x1000
}

const CHANGES: Readonly<Record<string, (task: Task, mm: Mm) => void>> = {
  'write-protects parts and gives the right back': (task, mm) => {
    const [vpn, pages] = part(task)
    mprotect(task, mm, vpn, pages, draw(task, 2) === 0 ? RO : NONE)
    mprotect(task, mm, vpn, pages, RW)
  },
  'moves parts away and home': (task, mm) => {
    const [vpn, pages] = part(task)
    const to = away(task) + draw(task, 2) * draw(task, SPAN)
    if (mremap(task, mm, vpn, pages, pages, MOVE, to) < 0) return // another thread has them
    assert(mremap(task, mm, to, pages, pages, MOVE, vpn) === vpn, 'the pages come home')
  },
  'forks, and the child takes its copy apart': (task, mm) => {
    const child = fork(task, mm, 1 + atomicAdd(task, regionAt(task.words, 'programs') + ASID, 1))
    if (child === NO_MM) return
    switchMm(task, child)
    for (let i = 0; i < 4; i++) userAdd(task, FIRST + draw(task, SUMS), WORD, 1) // its own copy: not counted
    const [vpn, pages] = part(task)
    madvise(task, child, vpn, pages, [ADVICE.dontneed, ADVICE.collapse, ADVICE.pageout, ADVICE.free][draw(task, 4)] as number)
    munmap(task, child, ...part(task))
    switchMm(task, mm)
    mmPut(task, child)
  },
  'puts parts of blocks out, and collapses the rest': (task, mm) => {
    madvise(task, mm, FIRST + draw(task, SUMS), 1, ADVICE.pageout) // a block is taken apart for it, while others wait
    madvise(task, mm, A, SPAN * SPANS, ADVICE.collapse)
  },
  'collapses what the others split': (task, mm) => {
    madvise(task, mm, A, SPAN * SPANS, ADVICE.collapse)
    mprotect(task, mm, FIRST + draw(task, SUMS), 1, RO)
    mprotect(task, mm, FIRST, SUMS, RW)
  },
  'drops neighbours': (task, mm) => {
    const vpn = A + draw(task, SPAN - SUMS)
    userStore(task, vpn, 0, 1)
    madvise(task, mm, vpn, 1 + draw(task, Math.min(64, FIRST - vpn)), draw(task, 2) === 0 ? ADVICE.dontneed : ADVICE.free)
  },
}

/** Adds and changes in turn. Returns what went through, by page. */
export function contend(task: Task, mm: number, named: string, rounds: number): number[] {
  checkPageGeneration(task)
  switchMm(task, mm as Mm)
  const changes = named === 'everything' ? Object.values(CHANGES) : [CHANGES[named] as (task: Task, mm: Mm) => void]
  const added = new Array<number>(SUMS).fill(0)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 40; i++) {
      const page = draw(task, SUMS)
      if (userAdd(task, FIRST + page, WORD, 1) === ACCESS.ok) added[page] = (added[page] as number) + 1
    }
    changes[draw(task, changes.length)]?.(task, mm as Mm)
  }
  switchMm(task, NO_MM)
  return added
}

/** What can be done to hugetlb, which is never split. */
export function contendHugetlb(task: Task, mm: number, rounds: number): number[] {
  checkPageGeneration(task)
  switchMm(task, mm as Mm)
  const added = new Array<number>(SUMS).fill(0)
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < 40; i++) {
      const page = draw(task, SUMS)
      if (userAdd(task, FIRST + page, WORD, 1) === ACCESS.ok) added[page] = (added[page] as number) + 1
    }
    const vpn = A + draw(task, SPANS) * SPAN
    const roll = draw(task, 4)
    if (roll === 0) madvise(task, mm as Mm, vpn, SPAN, ADVICE.dontneed)
    else if (roll === 1) {
      mprotect(task, mm as Mm, vpn, SPAN, draw(task, 2) === 0 ? RO : NONE)
      mprotect(task, mm as Mm, vpn, SPAN, RW)
    } else if (roll === 2) {
      if (mremap(task, mm as Mm, vpn, SPAN, SPAN, MOVE, away(task)) < 0) continue
      assert(mremap(task, mm as Mm, away(task), SPAN, SPAN, MOVE, vpn) === vpn, 'the page comes home')
    } else {
      const child = fork(task, mm as Mm, 1 + atomicAdd(task, regionAt(task.words, 'programs') + ASID, 1))
      if (child !== NO_MM) mmPut(task, child)
    }
  }
  switchMm(task, NO_MM)
  return added
}

function total(results: readonly unknown[]): number[] {
  return Array.from({ length: SUMS }, (_, page) =>
    (results as number[][]).reduce((sum, added) => sum + (added[page] as number), 0),
  )
}

function found(task: Task): (number | string)[] {
  return Array.from({ length: SUMS }, (_, page) =>
    userLoad(task, FIRST + page, WORD) === ACCESS.ok ? accessValue() : 'no access',
  )
}

if (isMainThread) {
  const t = (await import('tap')).default
  const MACHINE = { cpus: CPUS, bytes: 48 * 1024 * 1024, swapFrames: 512, seed: 7 }

  const quiet = [...Object.keys(CHANGES), 'everything'].map((name) => [name, 0] as const)
  const noisy = ['puts parts of blocks out, and collapses the rest', 'everything'].map((name) => [name, 0.02] as const)
  for (const [named, noise] of [...quiet, ...noisy]) {
    t.test(`each of ${CPUS} threads ${named}${noise > 0 ? ', with noise' : ''}: nothing is lost`, async (t) => {
      const crew = startCrew(t, { ...MACHINE, noise })
      const { task } = crew
      const mm = newSpace(task)
      hugeArea(task, mm, A, SPAN * SPANS, RW)
      const results = await crew.run(import.meta.url, 'contend', mm, named, noise > 0 ? 20 : 60)
      t.same(found(task), total(results))
      t.same(wrongCounts(task, mm), [])
      mmPut(task, mm)
      t.same(crew.leftovers(), [])
    })
  }

  for (const kind of ['shared', 'private'] as const) {
    t.test(`${kind} hugetlb, dropped, protected, moved and forked by all: every count is right at the end`, async (t) => {
      const crew = startCrew(t, MACHINE)
      const { task } = crew
      const mm = newSpace(task)
      if (kind === 'shared') fileArea(task, mm, A, SPAN * SPANS, RW | VM_SHARED | VM_HUGETLB)
      else area(task, mm, A, SPAN * SPANS, RW | VM_HUGETLB)
      const results = await crew.run(import.meta.url, 'contendHugetlb', mm, 80)
      if (kind === 'shared') t.same(found(task), total(results))
      t.same(wrongCounts(task, mm), [])
      mmPut(task, mm)
      t.same(crew.leftovers(), [])
    })
  }
}
