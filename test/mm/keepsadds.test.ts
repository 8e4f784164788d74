/**
 * Is any add lost while another thread write-protects, moves or shares the page? Real threads: what a thread was told went
 * through must be in the page at the end, wherever the page is by then.
 *
 *     adding thread                            changing thread
 *     TLB: page P -> frame F, writable
 *                                              makes the entry read-only, flushes: waits while the other is inside
 *     adds to F
 *                                              copies F, or moves its entry          [Required: after the add]
 *     add at P faults: mmap_sem, a new entry
 */
import { isMainThread } from 'node:worker_threads'
import { checkPageGeneration } from '../../shared/check/pagegeneration.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { ACCESS, accessValue, userAdd, userLoad } from '../../shared/mm/access.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../shared/mm/mremap.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, fileArea, NONE, newSpace, RO, RW } from '../support/addressspace.ts'
import { startCrew } from '../support/crew.ts'

const PAGES = 4
/** Where the pages are while they are not at A. */
const B = A + 0x1000
const WORD = 3
const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED
const CPUS = 2
/** Adds to some page that must have gone through: while rights come and go, most are refused. */
const ADDS_MIN = 10

const WORKING = 0
const CHANGED = 1

/** What cpu 0 itself added to each page, less what it took away with the page. */
type Tally = number[]

const CHANGES: Readonly<Record<string, (task: Task, mm: Mm, own: Tally) => void>> = {
  'write-protects and gives back': (task, mm) => {
    mprotect(task, mm, A, PAGES, RO)
    mprotect(task, mm, A, PAGES, RW)
  },
  'takes all rights and gives them back': (task, mm) => {
    mprotect(task, mm, A + 1, 2, NONE)
    mprotect(task, mm, A + 1, 2, RW)
  },
  'moves the pages away and home': (task, mm) => {
    assert(mremap(task, mm, A, PAGES, PAGES, MOVE, B) === B, 'the pages move')
    assert(mremap(task, mm, B, PAGES, PAGES, MOVE, A) === A, 'the pages come home')
  },
  'moves the content away, counts it and drops it': (task, mm, own) => {
    assert(mremap(task, mm, A, PAGES, PAGES, MOVE | MREMAP_DONTUNMAP, B) === B, 'the pages move')
    for (let i = 0; i < PAGES; i++) {
      assert(userLoad(task, B + i, WORD) === ACCESS.ok, 'what moved can be read')
      own[i] = (own[i] as number) - accessValue()
    }
    munmap(task, mm, B, PAGES)
  },
  'forks, adds itself, and the child ends': (task, mm, own) => {
    const child = fork(task, mm, 9)
    assert(child !== NO_MM, 'there is memory for a child')
    for (let i = 0; i < PAGES; i++) addOnce(task, A + i, i, own) // breaks copy-on-write under the other's eyes
    mmPut(task, child)
  },
  'drops entries of shared memory': (task, mm) => {
    madvise(task, mm, A, PAGES, ADVICE.dontneed)
  },
}

function addOnce(task: Task, vpn: number, page: number, tally: Tally): void {
  if (userAdd(task, vpn, WORD, 1) === ACCESS.ok) tally[page] = (tally[page] as number) + 1
}

/** Cpu 0 changes until the other has had enough. Both return what they added to each page. */
export function contend(task: Task, mm: number, change: string, adds: number, changes: number): Tally {
  checkPageGeneration(task)
  switchMm(task, mm as Mm)
  const words = regionAt(task.words, 'programs')
  const added: Tally = new Array<number>(PAGES).fill(0)
  const away = change === 'moves the pages away and home' ? B : A
  if (task.id === 0) {
    while (atomicLoad(task, words + WORKING) > 0) {
      CHANGES[change]?.(task, mm as Mm, added)
      atomicAdd(task, words + CHANGED, 1)
    }
  } else {
    const enough = (tries: number) =>
      tries >= adds && atomicLoad(task, words + CHANGED) >= changes && Math.max(...added) >= ADDS_MIN
    for (let i = 0; !enough(i); i++) {
      const page = nextBelow(task.words, task.record + CHANCE, PAGES)
      addOnce(task, (i % 4 === 0 ? away : A) + page, page, added)
    }
    atomicAdd(task, words + WORKING, -1)
  }
  switchMm(task, NO_MM)
  return added
}

if (isMainThread) {
  const t = (await import('tap')).default

  const runs = Object.keys(CHANGES).map((name) => [name, 0] as const)
  const noisy = ['write-protects and gives back', 'forks, adds itself, and the child ends'].map((name) => [name, 0.02] as const)
  for (const [change, noise] of [...runs, ...noisy]) {
    t.test(`one thread adds while the other ${change}${noise > 0 ? ', with noise' : ''}: nothing is lost`, async (t) => {
      const crew = startCrew(t, { cpus: CPUS, noise, seed: 11 })
      const { task } = crew
      const mm = newSpace(task)
      if (change.includes('shared')) fileArea(task, mm, A, PAGES, RW | VM_SHARED)
      else area(task, mm, A, PAGES, RW)
      atomicStore(task, regionAt(task.words, 'programs') + WORKING, CPUS - 1)
      const [adds, changes] = noise > 0 ? [300, 40] : [3_000, 150]
      const results = (await crew.run(import.meta.url, 'contend', mm, change, adds, changes)) as number[][]
      const added = (results[1] as Tally).map((n, page) => n + ((results[0] as Tally)[page] as number))
      const found = added.map((_, page) => (userLoad(task, A + page, WORD) === ACCESS.ok ? accessValue() : 'no access'))
      t.same(found, added)
      mmPut(task, mm)
      t.same(crew.leftovers(), [])
    })
  }
}
