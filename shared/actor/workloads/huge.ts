/**
 * The workload `huge`: as `mixed`, on memory that is mapped by 2 MiB wherever that may be.
 *
 *   area   spans   kind               what happens to it
 *   H          3   private, thp       atomic adds by all; write-protected, taken and given back in part; moved away and home;
 *                                     put out, collapsed; forked, and then changed in the child
 *   D          2   private, thp       loads and stores by all; unmapped, dropped, freed lazily, protected, advised, in part
 *   T          1   shared hugetlb     atomic adds by all; dropped (the page cache keeps the content), protected, moved
 *   P          1   private hugetlb    loads and stores by all; forked, protected, dropped
 *
 * Nothing ever takes content away from H and T, so sums can be audited: 64 pages of H on both sides of a span's border, and
 * the first 64 of T. The thread that has moved pages away brings them home before it does anything else.
 */
import type { AuditedArea } from '../../check/sum.ts'
import { HUGE_PAGES, type WordAt } from '../../memory/words.ts'
import { createFile, filePut, NO_FILE } from '../../mm/file.ts'
import { ADVICE, madvise } from '../../mm/madvise.ts'
import { mmap, PLACE_FIXED } from '../../mm/mmap.ts'
import { MREMAP_FIXED, MREMAP_MAYMOVE, mremap } from '../../mm/mremap.ts'
import { munmap } from '../../mm/munmap.ts'
import { VM_HUGETLB, VM_READ, VM_SHARED } from '../../mm/vma.ts'
import type { Mm } from '../../notifier/mmhead.ts'
import { HmmError } from '../../seam/error.ts'
import { nap } from '../../seam/park.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION, SLOT_PAGES } from '../../seam/trace.ts'
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
  touch,
} from './steps.ts'

const H = 1 * SLOT_PAGES
const D = 2 * SLOT_PAGES
const T = 3 * SLOT_PAGES
const P = 4 * SLOT_PAGES
/** Where a thread's pages of H or T are while they are moved away: a slot of its own. */
const AWAY = 8 * SLOT_PAGES
const H_PAGES = 3 * HUGE_PAGES
const D_PAGES = 2 * HUGE_PAGES
const T_PAGES = HUGE_PAGES
const P_PAGES = HUGE_PAGES

const SUM_PAGES = 64
/** First audited page of H: half of them lie before a border of 2 MiB. */
const H_SUMS = H + HUGE_PAGES - SUM_PAGES / 2

/** Areas whose sums are audited. */
export const HUGE_AUDITED: readonly AuditedArea[] = [
  { vpn: H_SUMS, pages: SUM_PAGES, first: 0, word: SUM_WORD, shared: false },
  { vpn: T, pages: SUM_PAGES, first: SUM_PAGES, word: SUM_WORD, shared: true },
]
/** Room for what is put out of H and D. */
export const HUGE_SWAP_PAGES = 1024

const MOVE = MREMAP_MAYMOVE | MREMAP_FIXED
/** Accesses of a cpu between two changes, which take longer than those of `mixed`. */
const CPU_BURST_MIN = 32
const CPU_BURST_MAX = 256

/** Maps the areas. Throws when the machine is too small for them. */
export function setUpHuge(task: Task, mm: Mm): void {
  const file = createFile(task, T_PAGES)
  const made =
    file !== NO_FILE &&
    mmap(task, mm, H, H_PAGES, RW, PLACE_FIXED) >= 0 &&
    mmap(task, mm, D, D_PAGES, RW, PLACE_FIXED) >= 0 &&
    mmap(task, mm, T, T_PAGES, RW | VM_SHARED | VM_HUGETLB, PLACE_FIXED, file) >= 0 &&
    mmap(task, mm, P, P_PAGES, RW | VM_HUGETLB, PLACE_FIXED) >= 0 &&
    madvise(task, mm, H, H_PAGES, ADVICE.hugepage) === 0 &&
    madvise(task, mm, D, D_PAGES, ADVICE.hugepage) === 0
  if (!made) throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for the areas of workload huge')
  filePut(task, file)
}

/** One round of a cpu thread: a burst of accesses, then one change to the address space. */
export function stepHuge(task: Task, mm: Mm): void {
  const accesses = CPU_BURST_MIN + draw(task, CPU_BURST_MAX - CPU_BURST_MIN)
  for (let i = 0; i < accesses; i++) access(task)
  const roll = draw(task, 100)
  if (roll < 45) changeDropped(task, mm)
  else if (roll < 80) changeKept(task, mm)
  else if (roll < 92) changeHugetlb(task, mm)
  else forkOnce(task, mm)
  nap(task, PAUSE_NS)
}

/** The kernel that engines run: bursts of reads, writes and atomic adds until the run winds down. */
export function hugeKernel(task: Task, device: number, instance: number, _args: WordAt): number {
  return runBursts(task, device, instance, (context) => {
    if (draw(task, 2) === 0) loadAdd(task, device, context, someSum(task))
    else loadTouch(task, device, context, somePage(task))
  })
}

function access(task: Task): void {
  if (draw(task, 4) === 0) touch(task, somePage(task))
  else addTo(task, someSum(task))
}

/** An audited page. */
function someSum(task: Task): number {
  return (draw(task, 2) === 0 ? H_SUMS : T) + draw(task, SUM_PAGES)
}

/** A page of D or P, often the same few: blocks are to be met while they change. */
function somePage(task: Task): number {
  if (draw(task, 4) === 0) return P + draw(task, P_PAGES)
  return D + (draw(task, 2) === 0 ? draw(task, D_PAGES) : HUGE_PAGES - 8 + draw(task, 16))
}

interface Span {
  readonly vpn: number
  readonly pages: number
}

/** A part of an area: whole 2 MiB spans as often as not. */
function someSpan(task: Task, area: number, areaPages: number): Span {
  return draw(task, 2) === 0 ? wholeSpans(task, area, areaPages) : smallSpan(task, area, areaPages)
}

function wholeSpans(task: Task, area: number, areaPages: number): Span {
  const spans = 1 + draw(task, areaPages / HUGE_PAGES)
  return { vpn: area + draw(task, areaPages / HUGE_PAGES - spans + 1) * HUGE_PAGES, pages: spans * HUGE_PAGES }
}

function smallSpan(task: Task, area: number, areaPages: number): Span {
  const pages = 1 + draw(task, draw(task, 4) === 0 ? areaPages / 2 : 16)
  return { vpn: area + draw(task, areaPages - pages + 1), pages }
}

/** The span that suits an advice: one page is put out at a time, and whole spans only are collapsed. */
function adviseSome(task: Task, mm: Mm, area: number, areaPages: number, choice: readonly number[]): void {
  const advice = choice[draw(task, choice.length)] as number
  const shape = advice === ADVICE.collapse ? wholeSpans : advice === ADVICE.pageout ? smallSpan : someSpan
  const { vpn, pages } = shape(task, area, areaPages)
  advise(task, mm, vpn, pages, advice)
}

const { dontneed, free, pageout, collapse, hugepage, nohugepage } = ADVICE
const DROPPING = [dontneed, dontneed, free, pageout, collapse, collapse, hugepage, nohugepage]

function changeDropped(task: Task, mm: Mm): void {
  const { vpn, pages } = someSpan(task, D, D_PAGES)
  const roll = draw(task, 10)
  if (roll < 5) {
    replace(task, mm, vpn, pages)
    advise(task, mm, D, D_PAGES, ADVICE.hugepage)
  } else if (roll < 3) protect(task, mm, vpn, pages, [VM_READ, RW, RW, 0][draw(task, 4)] as number)
  else adviseSome(task, mm, D, D_PAGES, DROPPING)
}

const KEEPING = [pageout, collapse, collapse, hugepage, nohugepage]

function changeKept(task: Task, mm: Mm): void {
  const { vpn, pages } = someSpan(task, H, H_PAGES)
  const roll = draw(task, 10)
  if (roll < 3) {
    protect(task, mm, vpn, pages, draw(task, 2) === 0 ? VM_READ : 0)
    protect(task, mm, vpn, pages, RW)
  } else if (roll < 6) moveAwayAndHome(task, mm, vpn, pages, draw(task, 2) * draw(task, HUGE_PAGES))
  else adviseSome(task, mm, H, H_PAGES, KEEPING)
}

function changeHugetlb(task: Task, mm: Mm): void {
  const roll = draw(task, 5)
  const area = draw(task, 2) === 0 ? T : P
  if (roll < 2) advise(task, mm, area, HUGE_PAGES, ADVICE.dontneed)
  else if (roll < 3) moveAwayAndHome(task, mm, T, T_PAGES, 0)
  else {
    protect(task, mm, area, HUGE_PAGES, draw(task, 2) === 0 ? VM_READ : 0)
    protect(task, mm, area, HUGE_PAGES, RW)
  }
}

/** Moves pages to this thread's own slot, `shift` pages behind its start, and back. */
function moveAwayAndHome(task: Task, mm: Mm, vpn: number, pages: number, shift: number): void {
  const away = AWAY + task.id * SLOT_PAGES + shift
  if (move(task, mm, vpn, pages, away) < 0) return // another thread has some of them
  if (move(task, mm, away, pages, vpn) < 0) throw new HmmError('HMM_ERR_MEMORY', 'pages that were moved away cannot come home')
}

function move(task: Task, mm: Mm, from: number, pages: number, to: number): number {
  beginOp(task, OPERATION.mremap, from, pages, to)
  const result = mremap(task, mm, from, pages, pages, MOVE, to)
  endOp(task)
  return result
}

/** Forks. The child writes its own copies and takes them apart, while the parent's threads and devices go on. */
function forkOnce(task: Task, mm: Mm): void {
  forkBriefly(task, mm, (child) => {
    for (let i = 0; i < 8; i++) {
      addTo(task, H_SUMS + draw(task, SUM_PAGES))
      touch(task, somePage(task))
      if (draw(task, 3) === 0) adviseSome(task, child, H, H_PAGES, DROPPING)
    }
    if (draw(task, 2) === 0) return
    const { vpn, pages } = someSpan(task, H, H_PAGES)
    beginOp(task, OPERATION.munmap, vpn, pages)
    munmap(task, child, vpn, pages)
    endOp(task)
  })
}
