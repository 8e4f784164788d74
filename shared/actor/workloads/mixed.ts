/**
 * The workload `mixed`: one process, its threads on every cpu, every device mirroring it.
 *
 *   area   pages   kind               what happens to it
 *   A         64   private            atomic adds by all; write-protected and back; forked
 *   B        128   private            loads and stores by all; unmapped and mapped again, dropped, protected
 *   C         64   shared anonymous   atomic adds by all; dropped (the page cache keeps the content)
 *
 * Nothing ever takes content away from A and C, so their sums can be audited; B loses pages all the time. Engines run the
 * kernel below in bursts, with a pause after each, so that 2 cores are enough for many of them.
 */
import type { AuditedArea } from '../../check/sum.ts'
import type { WordAt } from '../../memory/words.ts'
import { createFile, filePut, NO_FILE } from '../../mm/file.ts'
import { ADVICE } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { VM_READ, VM_SHARED } from '../../mm/vma.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { SLOT_PAGES } from '../../seam/trace.ts'
import type { Span } from './reclaim.ts'
import {
  addTo,
  advise,
  draw,
  forkBriefly,
  loadAdd,
  loadTouch,
  PAUSE_NS,
  protect,
  RW,
  replace,
  runBursts,
  SUM_WORD,
  submitJob,
  touch,
} from './steps.ts'

const A = 1 * SLOT_PAGES
const B = 2 * SLOT_PAGES
const C = 3 * SLOT_PAGES
const A_PAGES = 64
const B_PAGES = 128
const C_PAGES = 64

/** Areas whose sums are audited. */
export const MIXED_AUDITED: readonly AuditedArea[] = [
  { vpn: A, pages: A_PAGES, first: 0, word: SUM_WORD, shared: false },
  { vpn: C, pages: C_PAGES, first: A_PAGES, word: SUM_WORD, shared: true },
]

/** Areas that lose pages anyway. */
export const MIXED_EXPENDABLE: readonly Span[] = [{ vpn: B, pages: B_PAGES }]

/** Most pages one unmap, drop or protect takes. */
const MAX_SPAN = 8
/**
 * Accesses of a cpu between two changes. An invalidation takes some tens of microseconds and an access about one: with
 * fewer accesses the invalidations of two cpus overlap without a gap, and every device reader sleeps in one endless epoch.
 */
const CPU_BURST_MIN = 32
const CPU_BURST_MAX = 128

/** Maps the areas. Throws when the machine is too small for them. */
export function setUpMixed(task: Task, mm: Mm): void {
  const file = createFile(task, C_PAGES)
  const made =
    file !== NO_FILE &&
    mmap(task, mm, A, A_PAGES, RW, PLACE_FIXED) >= 0 &&
    mmap(task, mm, B, B_PAGES, RW, PLACE_FIXED) >= 0 &&
    mmap(task, mm, C, C_PAGES, RW | VM_SHARED, PLACE_FIXED, file) >= 0
  if (!made) throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for the areas of workload mixed')
  filePut(task, file)
}

/** One round of a cpu thread: a burst of accesses, a job for a device that is told what to do, one change to the address space. */
export function stepMixed(task: Task, mm: Mm): void {
  const accesses = CPU_BURST_MIN + draw(task, CPU_BURST_MAX - CPU_BURST_MIN)
  for (let i = 0; i < accesses; i++) {
    if (draw(task, 4) === 0) touch(task, B + draw(task, B_PAGES))
    else addTo(task, someSum(task))
  }
  if (draw(task, 2) === 0) submitJob(task, mm, A, A_PAGES, SUM_WORD)
  else submitJob(task, mm, B, B_PAGES, 0)
  change(task, mm)
  nap(task, PAUSE_NS)
}

function change(task: Task, mm: Mm): void {
  const roll = draw(task, 100)
  const pages = 1 + draw(task, MAX_SPAN)
  const inB = B + draw(task, B_PAGES - pages + 1)
  if (roll < 30) advise(task, mm, inB, pages, ADVICE.dontneed)
  else if (roll < 50) replace(task, mm, inB, pages)
  else if (roll < 60) protect(task, mm, inB, pages, [VM_READ, RW, RW, 0][draw(task, 4)] as number)
  else if (roll < 72) protectA(task, mm, pages)
  else if (roll < 98) advise(task, mm, C + draw(task, C_PAGES - pages + 1), pages, ADVICE.dontneed)
  else forkOnce(task, mm)
}

/** The kernel that engines run: bursts of reads, writes and atomic adds until the run winds down. */
export function mixedKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  return runBursts(task, device, instance, (context) => {
    if (draw(task, 2) === 0) loadAdd(task, device, context, someSum(task))
    else loadTouch(task, device, context, B + draw(task, B_PAGES))
  })
}

/** A page of A or C. */
function someSum(task: Task): number {
  return draw(task, 2) === 0 ? A + draw(task, A_PAGES) : C + draw(task, C_PAGES)
}

/** Write-protects a part of A and gives the right back: nobody may write meanwhile, and nothing may be lost. */
function protectA(task: Task, mm: Mm, pages: number): void {
  const vpn = A + draw(task, A_PAGES - pages + 1)
  protect(task, mm, vpn, pages, VM_READ)
  protect(task, mm, vpn, pages, RW)
}

/** Forks, and lets the child write a few pages of its own copy. */
function forkOnce(task: Task, mm: Mm): void {
  forkBriefly(task, mm, () => {
    for (let i = 0; i < 4; i++) addTo(task, someSum(task))
  })
}
