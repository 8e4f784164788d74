/**
 * What if another process changes a 2 MiB span in front of the n-th step of an operation on it? Reverse walks take no mmap_sem:
 * they split, unmap and restore entries of everybody. Each n is tried, on a machine of its own (test/support/interleave.ts).
 */
import t from 'tap'
import { freeFrames, SYSTEM_ZONE } from '../../shared/frame/zones.ts'
import {
  type Migration,
  migrateFinalize,
  migratePages,
  migrateSetup,
  newMigration,
  SELECT_SYSTEM,
} from '../../shared/hmm/migratevma.ts'
import { EAGAIN } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { fork } from '../../shared/mm/fork.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { mprotect } from '../../shared/mm/mprotect.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import { findVma, VM_HUGETLB, VM_SHARED } from '../../shared/mm/vma.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import { HELD_COUNT } from '../../shared/seam/actors.ts'
import { assert } from '../../shared/seam/error.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, area, fileArea, load, makeScarce, NONE, newSpace, RW, store, wrongCounts } from '../support/addressspace.ts'
import { atEveryPoint, everyPreemption, sleeps } from '../support/interleave.ts'
import { type Solo, solo } from '../support/solo.ts'

const SPAN = 512
const BYTES = 16 * 1024 * 1024

/** Nothing is wrong with the counts, and everything comes back. */
function allReturned({ task, leftovers }: Solo, ...mms: Mm[]): void {
  const wrong = wrongCounts(task, ...mms)
  for (const mm of mms) mmPut(task, mm)
  const left = [...wrong, ...leftovers()]
  assert(left.length === 0, left.join('; '))
}

/** Two address spaces that map one hugetlb page. Cpu 0 runs in the first, cpu 1 in the second. */
function sharedHugetlb(): { machine: Solo; cpu1: Task; mine: Mm; others: Mm } {
  const machine = solo({ bytes: BYTES })
  const { task, other } = machine
  const cpu1 = other(1)
  const mine = newSpace(task, 1)
  const file = fileArea(task, mine, A, SPAN, RW | VM_SHARED | VM_HUGETLB)
  const others = newSpace(cpu1, 2)
  assert(mmap(cpu1, others, A, SPAN, RW | VM_SHARED | VM_HUGETLB, PLACE_FIXED, file) === A, 'it is mapped twice')
  assert(store(cpu1, A + 7, 1) === 'ok', 'there is a block')
  return { machine, cpu1, mine, others }
}

/** Do two address spaces still see one page? */
function assertShared(task: Task, cpu1: Task): void {
  store(cpu1, A + 7, 99)
  const seen = load(task, A + 7)
  assert(seen === 99, `the other process stored 99, and this one reads ${seen}`)
}

t.test('a hugetlb page that is given up while another process maps it is not mapped afterwards', async (t) => {
  const schedules = everyPreemption(() => {
    const { machine, cpu1, mine, others } = sharedHugetlb()
    const { task } = machine
    return {
      first: task,
      run: () => load(task, A + 7),
      second: cpu1,
      meanwhile: () => madvise(cpu1, others, A, SPAN, ADVICE.remove),
      check: () => {
        assertShared(task, cpu1)
        allReturned(machine, mine, others)
      },
    }
  })
  t.ok(schedules > 20, `${schedules} schedules`)
})

t.test('nor is it when that process is just taking its rights to it away', async (t) => {
  const schedules = everyPreemption(() => {
    const { machine, cpu1, mine, others } = sharedHugetlb()
    const { task } = machine
    load(task, A + 7)
    return {
      first: task,
      run: () => mprotect(task, mine, A, SPAN, NONE),
      second: cpu1,
      meanwhile: () => madvise(cpu1, others, A, SPAN, ADVICE.remove),
      check: () => {
        mprotect(task, mine, A, SPAN, RW)
        assertShared(task, cpu1)
        allReturned(machine, mine, others)
      },
    }
  })
  t.ok(schedules > 20, `${schedules} schedules`)
})

t.test('a hugetlb page that one thread copies for writing can be read by another, though no block is left', async (t) => {
  const schedules = everyPreemption(() => {
    const machine = solo({ bytes: BYTES })
    const { task, other } = machine
    const cpu1 = other(1)
    const mm = newSpace(task)
    area(task, mm, A, SPAN, RW | VM_HUGETLB)
    store(task, A + 7, 1)
    const child = fork(task, mm, 2)
    switchMm(cpu1, mm)
    const giveBack = makeScarce(task, 'block', 1)
    let seen: number | string = 0
    return {
      first: task,
      run: () => store(task, A + 8, 2),
      second: cpu1,
      meanwhile: () => {
        seen = load(cpu1, A + 7)
      },
      check: () => {
        assert(seen === 1, `it holds 1, and reads as ${seen}`)
        giveBack()
        allReturned(machine, mm, child)
      },
    }
  })
  t.ok(schedules > 10, `${schedules} schedules`)
})

t.test('pages that another process’s device takes while they are collapsed are left as they are', async (t) => {
  let refused = 0
  // From the moment on when it has made sure of the pages and has its block. Not while it holds more than mmap_sem, which the
  // device's walk might wait for: there is only one thread.
  for (let at = 0, points = 1; at < points; at++) {
    const machine = solo({ bytes: BYTES })
    const { task, other } = machine
    const cpu1 = other(1)
    const mm = newSpace(task)
    area(task, mm, A, SPAN, RW)
    store(task, A + 7, 1)
    const child = fork(task, mm, 2)
    store(task, A + 8, 2)
    let taken: Migration | null = null
    const free = freeFrames(task, SYSTEM_ZONE)
    points = 0
    atEveryPoint(task, () => {
      const now = freeFrames(task, SYSTEM_ZONE) <= free - SPAN && (task.words[task.record + HELD_COUNT] as number) <= 1
      if (now && points++ === at) taken = takePages(cpu1, child)
      else if (taken !== null && sleeps(task)) taken = giveBackPages(cpu1, child, taken)
    })
    const result = madvise(task, mm, A, SPAN, ADVICE.collapse)
    if (result === -EAGAIN) refused++
    else t.equal(result, 0, `taken at step ${at}`)
    atEveryPoint(task, () => {})
    if (taken !== null) giveBackPages(cpu1, child, taken)
    switchMm(task, child)
    assert(load(task, A + 7) === 1, 'the child has what it had')
    switchMm(task, mm)
    assert(load(task, A + 7) === 1 && load(task, A + 8) === 2, 'and so has the parent')
    allReturned(machine, mm, child)
  }
  t.ok(refused > 0, `${refused} times the collapse came to nothing`)
})

/** The first half of a migration of page 7 of A: every process that maps it has a migration entry now. */
function takePages(task: Task, mm: Mm): Migration {
  downRead(task, mmapSem(mm), MMAP_SEM)
  const vma = findVma(task, mm, A)
  const migration = newMigration({ vma, start: A + 7, last: A + 7, select: SELECT_SYSTEM, owner: 1, zone: 1, faultFrame: -1 })
  assert(migrateSetup(task, migration) === 0, 'the page is chosen')
  return migration
}

/** The second half, without a target: the page comes back. */
function giveBackPages(task: Task, mm: Mm, migration: Migration): null {
  migratePages(task, migration)
  migrateFinalize(task, migration)
  upRead(task, mmapSem(mm))
  return null
}
