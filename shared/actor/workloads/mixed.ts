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
import { loadContext, runContexts } from '../../device/contexts.ts'
import { TOUCH } from '../../device/engine.ts'
import { CONTEXTS } from '../../device/record.ts'
import type { WordAt } from '../../memory/words.ts'
import { userAdd, userLoad, userStore } from '../../mm/access.ts'
import { mmPut } from '../../mm/exit.ts'
import { createFile, filePut, NO_FILE } from '../../mm/file.ts'
import { fork } from '../../mm/fork.ts'
import { ADVICE, madvise } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { mprotect } from '../../mm/mprotect.ts'
import { munmap } from '../../mm/munmap.ts'
import { switchMm } from '../../mm/shootdown.ts'
import { VM_READ, VM_SHARED, VM_WRITE } from '../../mm/vma.ts'
import { type Mm, NO_MM } from '../../notifier/mmhead.ts'
import { CHANCE } from '../../seam/actors.ts'
import { nextBelow } from '../../seam/chance.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION, SLOT_PAGES } from '../../seam/trace.ts'
import { isWindingDown, nextAsid } from '../rendezvous.ts'

const A = 1 * SLOT_PAGES
const B = 2 * SLOT_PAGES
const C = 3 * SLOT_PAGES
const A_PAGES = 64
const B_PAGES = 128
const C_PAGES = 64
/** Word of a page that is added to; word 0 holds what loads and stores use. */
const SUM_WORD = 1

/** Areas whose sums are audited. */
export const MIXED_AUDITED: readonly AuditedArea[] = [
  { vpn: A, pages: A_PAGES, first: 0, word: SUM_WORD, shared: false },
  { vpn: C, pages: C_PAGES, first: A_PAGES, word: SUM_WORD, shared: true },
]

const RW = VM_READ | VM_WRITE
/** Most pages one unmap, drop or protect takes. */
const MAX_SPAN = 8
/**
 * Accesses of a cpu between two changes. An invalidation takes some tens of microseconds and an access about one: with
 * fewer accesses the invalidations of two cpus overlap without a gap, and every device reader sleeps in one endless epoch.
 */
const CPU_BURST_MIN = 32
const CPU_BURST_MAX = 128
/** Accesses of one burst of an engine, at least and at most; then a pause of PAUSE_NS. */
const BURST_MIN = 64
const BURST_MAX = 256
const PAUSE_NS = 50_000

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

/** One round of a cpu thread: a burst of accesses, then one change to the address space. */
export function stepMixed(task: Task, mm: Mm): void {
  const accesses = CPU_BURST_MIN + draw(task, CPU_BURST_MAX - CPU_BURST_MIN)
  for (let i = 0; i < accesses; i++) {
    if (draw(task, 4) === 0) touchB(task)
    else addSomewhere(task)
  }
  change(task, mm)
  nap(task, PAUSE_NS)
}

function change(task: Task, mm: Mm): void {
  const roll = draw(task, 100)
  if (roll < 30) drop(task, mm, B, B_PAGES)
  else if (roll < 50) remap(task, mm)
  else if (roll < 60) protectB(task, mm)
  else if (roll < 72) protectA(task, mm)
  else if (roll < 98) drop(task, mm, C, C_PAGES)
  else forkOnce(task, mm)
}

/** The kernel that engines run: bursts of reads, writes and atomic adds until the run winds down. */
export function mixedKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  while (!isWindingDown(task)) {
    const burst = BURST_MIN + draw(task, BURST_MAX - BURST_MIN)
    for (let left = burst; left > 0 && !isWindingDown(task); left -= CONTEXTS) {
      const count = Math.min(left, CONTEXTS)
      for (let context = 0; context < count; context++) loadStep(task, device, context)
      runContexts(task, device, instance, count, () => endOp(task))
    }
    nap(task, PAUSE_NS)
  }
  return 0
}

function loadStep(task: Task, device: number, context: number): void {
  const roll = draw(task, 100)
  if (roll < 50) {
    const vpn = draw(task, 2) === 0 ? A + draw(task, A_PAGES) : C + draw(task, C_PAGES)
    loadContext(task, device, context, vpn, SUM_WORD, TOUCH.add, 1 + draw(task, 7))
  } else {
    loadContext(task, device, context, B + draw(task, B_PAGES), 0, roll < 75 ? TOUCH.read : TOUCH.write, roll)
  }
}

function addSomewhere(task: Task): void {
  const vpn = draw(task, 2) === 0 ? A + draw(task, A_PAGES) : C + draw(task, C_PAGES)
  beginOp(task, OPERATION.add, vpn, 1)
  userAdd(task, vpn, SUM_WORD, 1 + draw(task, 7)) // refused while the page is write-protected: then nothing was added
  endOp(task)
}

function touchB(task: Task): void {
  const vpn = B + draw(task, B_PAGES)
  const write = draw(task, 2) === 0
  beginOp(task, write ? OPERATION.store : OPERATION.load, vpn, 1)
  if (write) userStore(task, vpn, 0, vpn)
  else userLoad(task, vpn)
  endOp(task)
}

function drop(task: Task, mm: Mm, area: number, areaPages: number): void {
  const pages = 1 + draw(task, MAX_SPAN)
  const vpn = area + draw(task, areaPages - pages + 1)
  beginOp(task, OPERATION.madvise, vpn, pages, ADVICE.dontneed)
  madvise(task, mm, vpn, pages, ADVICE.dontneed)
  endOp(task)
}

function remap(task: Task, mm: Mm): void {
  const pages = 1 + draw(task, MAX_SPAN)
  const vpn = B + draw(task, B_PAGES - pages + 1)
  beginOp(task, OPERATION.munmap, vpn, pages)
  munmap(task, mm, vpn, pages)
  endOp(task)
  beginOp(task, OPERATION.mmap, vpn, pages)
  mmap(task, mm, vpn, pages, RW, PLACE_FIXED)
  endOp(task)
}

function protectB(task: Task, mm: Mm): void {
  const pages = 1 + draw(task, MAX_SPAN)
  const vpn = B + draw(task, B_PAGES - pages + 1)
  protect(task, mm, vpn, pages, [VM_READ, RW, RW, 0][draw(task, 4)] as number)
}

/** Write-protects a part of A and gives the right back: nobody may write meanwhile, and nothing may be lost. */
function protectA(task: Task, mm: Mm): void {
  const pages = 1 + draw(task, MAX_SPAN)
  const vpn = A + draw(task, A_PAGES - pages + 1)
  protect(task, mm, vpn, pages, VM_READ)
  protect(task, mm, vpn, pages, RW)
}

function protect(task: Task, mm: Mm, vpn: number, pages: number, rights: number): void {
  beginOp(task, OPERATION.mprotect, vpn, pages, rights)
  mprotect(task, mm, vpn, pages, rights)
  endOp(task)
}

/** Forks, lets the child write a few pages of its own copy, and ends it. */
function forkOnce(task: Task, mm: Mm): void {
  beginOp(task, OPERATION.fork)
  const child = fork(task, mm, nextAsid(task))
  endOp(task)
  if (child === NO_MM) return
  switchMm(task, child)
  for (let i = 0; i < 4; i++) addSomewhere(task)
  switchMm(task, mm)
  beginOp(task, OPERATION.exit)
  mmPut(task, child)
  endOp(task)
}

function draw(task: Task, bound: number): number {
  return nextBelow(task.words, task.record + CHANCE, bound)
}
