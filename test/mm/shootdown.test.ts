/**
 * Does a thread that stores through its TLB ever touch a frame that another has taken away? Real threads; every access looks
 * at the page's generation before and after it, and each of them knows which values it may find.
 *
 *     storing thread                           unmapping thread
 *     TLB: page P -> frame F
 *                                              clears the entry, flushes: waits while the other is inside
 *     stores to F
 *                                              frees F, maps P anew: zeros
 *     loads P: 0, or what was stored since
 */
import { isMainThread } from 'node:worker_threads'
import { checkPageGeneration } from '../../shared/check/pagegeneration.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { ACCESS, accessValue, userLoad, userStore } from '../../shared/mm/access.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, NONE, newSpace, RO, RW } from '../support/addressspace.ts'
import { type Crew, startCrew } from '../support/crew.ts'

/** Few pages, so that the threads meet on them. */
const PAGES = 6
/** One that changes and one that accesses: more threads than cores meet once per time slice only. */
const CPUS = 2
const CHANGES = ['munmap', 'dontneed', 'mprotect', 'fork'] as const
type Change = (typeof CHANGES)[number]

/** Words that the threads share: who still accesses, and how many changes there were. */
const WORKING = 0
const CHANGED = 1

/**
 * Cpu 0 changes the area while others access it: at least `accesses` times each, and until there were `changes` changes, so
 * that both have met however late a thread starts. Returns changes, or accesses that went through.
 */
export function contend(task: Task, mm: number, change: string, accesses: number, changes: number): number {
  checkPageGeneration(task)
  switchMm(task, mm as Mm)
  const words = regionAt(task.words, 'programs')
  let done = 0
  if (task.id === 0) {
    for (; atomicLoad(task, words + WORKING) > 0; done++) {
      changeOnce(task, mm as Mm, change === 'anything' ? (CHANGES[done % CHANGES.length] as Change) : (change as Change))
      atomicAdd(task, words + CHANGED, 1)
    }
  } else {
    for (let i = 0; i < accesses || atomicLoad(task, words + CHANGED) < changes; i++) done += accessOnce(task)
    atomicAdd(task, words + WORKING, -1)
  }
  switchMm(task, NO_MM)
  return done
}

function changeOnce(task: Task, mm: Mm, change: Change): void {
  const pages = 1 + nextBelow(task.words, task.record + CHANCE, 3)
  const vpn = A + nextBelow(task.words, task.record + CHANCE, PAGES - pages + 1)
  if (change === 'munmap') {
    munmap(task, mm, vpn, pages)
    mmap(task, mm, vpn, pages, RW, PLACE_FIXED)
  } else if (change === 'dontneed') {
    madvise(task, mm, vpn, pages, ADVICE.dontneed)
  } else if (change === 'mprotect') {
    for (const rights of [RO, NONE, RW]) mprotect(task, mm, vpn, pages, rights)
    madvise(task, mm, vpn, pages, ADVICE.dontneed)
  } else {
    const child = fork(task, mm, 9)
    assert(child !== NO_MM, 'there is memory for a child')
    mmPut(task, child)
  }
}

/** Each page holds its own number or zero, whoever stored last: another page's number would be another page's frame. */
function accessOnce(task: Task): number {
  const vpn = A + nextBelow(task.words, task.record + CHANCE, PAGES)
  if (nextBelow(task.words, task.record + CHANCE, 2) === 0) return userStore(task, vpn, 0, vpn) === ACCESS.ok ? 1 : 0
  if (userLoad(task, vpn) !== ACCESS.ok) return 0
  assert(accessValue() === 0 || accessValue() === vpn, `page ${vpn} holds ${accessValue()}`)
  return 1
}

if (isMainThread) {
  const t = (await import('tap')).default

  const contention = async (crew: Crew, change: string, accesses: number, changes: number) => {
    const { task } = crew
    const mm = newSpace(task)
    area(task, mm, A, PAGES, RW)
    atomicStore(task, regionAt(task.words, 'programs') + WORKING, CPUS - 1)
    const done = (await crew.run(import.meta.url, 'contend', mm, change, accesses, changes)) as number[]
    mmPut(task, mm)
    return done
  }

  for (const change of CHANGES) {
    t.test(`a storing thread against ${change}: no freed frame is touched`, async (t) => {
      const crew = startCrew(t, { cpus: CPUS })
      const [changed = 0, through = 0] = await contention(crew, change, 6_000, 300)
      t.ok(changed >= 300 && through > 0, `${changed} changes, ${through} accesses went through`)
      t.same(crew.leftovers(), [])
    })
  }

  t.test('all of it with noise at the points', async (t) => {
    const crew = startCrew(t, { cpus: CPUS, noise: 0.02, seed: 7 })
    const [changed = 0, through = 0] = await contention(crew, 'anything', 2_000, 150)
    t.ok(changed >= 150 && through > 0, `${changed} changes, ${through} accesses went through`)
    t.same(crew.leftovers(), [])
  })
}
