/**
 * What may a CPU's TLB remember, and when must it have forgotten? Two cpus on one thread, so every step is where it is put;
 * every access is checked against the page's generation.
 */
import t from 'tap'
import { frameGet } from '../../shared/frame/frames.ts'
import { framePut } from '../../shared/frame/zones.ts'
import { userAdd, userLoad } from '../../shared/mm/access.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmFlushGen } from '../../shared/mm/mm.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { munmap } from '../../shared/mm/munmap.ts'
import { PTE_DIRTY, PTE_YOUNG } from '../../shared/mm/pte.ts'
import { enterInside, flushTlb, leaveInside, switchMm } from '../../shared/mm/shootdown.ts'
import { tlbEntry, tlbFill, tlbFind, tlbSync } from '../../shared/mm/tlb.ts'
import { VM_SHARED } from '../../shared/mm/vma.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { A, area, fileArea, frameOf, load, newSpace, RO, RW, store } from '../support/addressspace.ts'
import { solo, violationOf } from '../support/solo.ts'

/** Does the actor's TLB have a translation of the page, if it syncs first, as every access does? */
function remembers(task: Task, mm: Mm, vpn: number): boolean {
  enterInside(task)
  tlbSync(task, mmFlushGen(mm))
  const found = tlbFind(task, mm, vpn) !== 0
  leaveInside(task)
  return found
}

t.test('an access fills the TLB, and a flush of the address space empties it', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const mm = newSpace(task)
  switchMm(cpu1, mm)
  area(task, mm, A, 2, RW)
  t.equal(remembers(cpu1, mm, A), false)
  store(cpu1, A, 1)
  t.equal(remembers(cpu1, mm, A), true)
  t.equal(remembers(task, mm, A), false, 'each cpu has its own')
  flushTlb(task, mm)
  t.equal(remembers(cpu1, mm, A), false)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a translation filled by a read is walked again by a write, so that the entry gets its DIRTY', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  fileArea(task, mm, A, 1, RW | VM_SHARED)
  load(task, A)
  t.equal(cpuEntry(task, mm, A) & (PTE_YOUNG | PTE_DIRTY), PTE_YOUNG)
  store(task, A, 1)
  t.equal(cpuEntry(task, mm, A) & (PTE_YOUNG | PTE_DIRTY), PTE_YOUNG | PTE_DIRTY)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('pages 64 apart share a slot and do not hit each other', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 129, RW)
  for (const i of [0, 64, 128]) store(task, A + i, i + 1)
  t.same([load(task, A), load(task, A + 64), load(task, A + 128), load(task, A)], [1, 65, 129, 1])
  t.equal(remembers(task, mm, A + 64), false)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the same page of two processes is two translations', async (t) => {
  const { task, leftovers } = solo()
  const first = newSpace(task, 1)
  area(task, first, A, 1, RW)
  store(task, A, 1)
  const second = newSpace(task, 2)
  area(task, second, A, 1, RW)
  store(task, A, 2)
  switchMm(task, first)
  t.equal(load(task, A), 1)
  switchMm(task, second)
  t.equal(load(task, A), 2)
  mmPut(task, first)
  mmPut(task, second)
  t.same(leftovers(), [])
})

for (const [name, take] of [
  ['munmap', (task: Task, mm: Mm) => munmap(task, mm, A, 1)],
  ['dontneed', (task: Task, mm: Mm) => madvise(task, mm, A, 1, ADVICE.dontneed)],
  ['mprotect', (task: Task, mm: Mm) => mprotect(task, mm, A, 1, RO)],
  ['fork', (task: Task, mm: Mm) => void mmPut(task, fork(task, mm, 2))],
] as const) {
  t.test(`${name} on one cpu empties the TLB of another that runs the process`, async (t) => {
    const { task, other, leftovers } = solo()
    const cpu1 = other(1)
    const mm = newSpace(task)
    switchMm(cpu1, mm)
    area(task, mm, A, 1, RW)
    store(cpu1, A, 1)
    take(task, mm)
    t.equal(remembers(cpu1, mm, A), false)
    mmPut(task, mm)
    t.same(leftovers(), [])
  })
}

t.test('a cpu that ran another process meanwhile was not waited for, and has forgotten all the same', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const mm = newSpace(task)
  const elsewhere = newSpace(cpu1, 2)
  switchMm(cpu1, mm)
  area(task, mm, A, 1, RW)
  store(cpu1, A, 1)
  switchMm(cpu1, elsewhere)
  const frame = frameOf(task, mm, A)
  frameGet(task, frame)
  madvise(task, mm, A, 1, ADVICE.dontneed)
  switchMm(cpu1, mm)
  t.equal(load(cpu1, A), 0)
  framePut(task, frame)
  mmPut(task, mm)
  mmPut(task, elsewhere)
  t.same(leftovers(), [])
})

for (const checked of [true, false]) {
  t.test(`a new process whose record lies where a dead one’s lay starts with an empty TLB (checks ${checked})`, async (t) => {
    // Without quarantine the record of a dead address space is handed out again at once, with its flush generation at 0.
    const { task, other, leftovers } = solo({ checked })
    const cpu1 = other(1)
    const mm = newSpace(task)
    area(task, mm, A, 1, RW)
    let reused = 0
    let last = 0
    for (let i = 0; i < 50; i++) {
      store(task, A, i)
      const child = fork(cpu1, mm, 2 + i)
      if (child === last) reused++
      last = child
      switchMm(cpu1, child)
      t.equal(load(cpu1, A), i)
      store(task, A, -1) // the parent gets a copy, so the frame is the child's and goes with it
      switchMm(cpu1, mm)
      mmPut(cpu1, child)
    }
    t.equal(reused > 0, !checked)
    mmPut(task, mm)
    t.same(leftovers(), [])
  })
}

t.test('the check can fail: a translation that outlives its frame is reported at the first touch', async (t) => {
  const { task, other } = solo()
  const cpu1 = other(1)
  const mm = newSpace(task)
  switchMm(cpu1, mm)
  area(task, mm, A, 1, RW)
  store(cpu1, A, 1)
  enterInside(cpu1)
  const kept = tlbEntry(cpu1, tlbFind(cpu1, mm, A))
  leaveInside(cpu1)
  madvise(task, mm, A, 1, ADVICE.dontneed)
  enterInside(cpu1)
  tlbSync(cpu1, mmFlushGen(mm))
  tlbFill(cpu1, mm, A, kept, 0) // what a CPU would have that nobody flushed
  leaveInside(cpu1)
  t.match(
    violationOf(() => userLoad(cpu1, A)),
    /^PG: cpu 1 read A\+0 through a stale entry/,
  )
})

t.test('an atomic add goes through the TLB as a write does', async (t) => {
  const { task, leftovers } = solo()
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  load(task, A)
  t.equal(userAdd(task, A, 3, 4), 0)
  t.equal(remembers(task, mm, A), true)
  mprotect(task, mm, A, 1, RO)
  t.equal(userAdd(task, A, 3, 4), 1, 'SIGSEGV')
  mmPut(task, mm)
  t.same(leftovers(), [])
})
