/**
 * madvise: advice over a span, area by area. A hole in the span does not stop it: the areas around are done and the answer
 * is -ENOMEM (Linux mm/madvise.c, 6.12).
 *
 *   dontneed                event CLEAR per area; entries zapped; private memory reads as zeros afterwards. MMAP_SEM read.
 *   populate_read, _write   faults every page in, as a device fault would. MMAP_SEM read.
 *   free, pageout, remove   mm/lazyfree.ts, mm/reclaim.ts, mm/punchhole.ts. MMAP_SEM read.
 *   collapse                mm/collapse.ts. MMAP_SEM write.
 *   dontfork, wipeonfork, hugepage, nohugepage     flags of the area. MMAP_SEM write.
 */
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downRead, downWrite, upRead, upWrite } from '../sync/rwsem.ts'
import { collapse } from './collapse.ts'
import { handleFault } from './fault.ts'
import { FAULT } from './faultcode.ts'
import { gatherBegin, gatherEnd } from './gather.ts'
import { isUsable } from './gup.ts'
import { vmaIsHugetlb } from './huge.ts'
import { lazyFree } from './lazyfree.ts'
import { mergeWithNeighbours } from './merge.ts'
import { splitEdges } from './munmap.ts'
import { ENTRIES } from './pagetable.ts'
import { punchHole } from './punchhole.ts'
import { pageOut } from './reclaim.ts'
import {
  findVma,
  LAST_VPN,
  NO_VMA,
  VM_DONTFORK,
  VM_HUGEPAGE,
  VM_NOHUGEPAGE,
  VM_READ,
  VM_WIPEONFORK,
  VM_WRITE,
  type Vma,
  vmaFlags,
  vmaIsAnonymous,
  vmaIsShared,
  vmaLast,
  vmaMm,
  vmaSetFlags,
  vmaStart,
} from './vma.ts'
import { zapRange } from './zap.ts'

export const ADVICE = {
  dontneed: 0,
  populateRead: 1,
  populateWrite: 2,
  hugepage: 3,
  nohugepage: 4,
  dontfork: 5,
  wipeonfork: 6,
  free: 7,
  pageout: 8,
  remove: 9,
  collapse: 10,
} as const
export type Advice = keyof typeof ADVICE
const KNOWN: ReadonlySet<number> = new Set(Object.values(ADVICE))

/**
 * Applies `advice` (an ADVICE value) to pages [start, start + pages). 0, also for no pages; -EINVAL for a span beyond the
 * address space, unknown advice or advice that an area does not take; -ENOMEM when part of the span is not mapped; -EAGAIN
 * when an area cannot be split; for populate also -EINVAL (no right), -EFAULT (beyond the end of the file) and -ENOMEM.
 */
export function madvise(task: Task, mm: Mm, start: number, pages: number, advice: number): number {
  tick(task)
  if (!Number.isInteger(start) || !Number.isInteger(pages) || start < 0 || pages < 0 || !KNOWN.has(advice)) return -EINVAL
  if (pages === 0) return 0
  const last = start + pages - 1
  if (last > LAST_VPN) return -EINVAL
  if (advice === ADVICE.populateRead || advice === ADVICE.populateWrite) {
    return populate(task, mm, start, last, advice === ADVICE.populateWrite)
  }
  const act = ACTIONS.get(advice)
  if (act !== undefined) {
    downRead(task, mmapSem(mm), MMAP_SEM)
    const result = eachArea(task, mm, start, last, (vma, first, end) => act(task, vma, first, end))
    upRead(task, mmapSem(mm))
    return result
  }
  downWrite(task, mmapSem(mm), MMAP_SEM)
  const result = eachArea(task, mm, start, last, (vma, first, end) =>
    advice === ADVICE.collapse ? collapse(task, vma, first, end) : adviseFlags(task, mm, vma, first, end, advice),
  )
  upWrite(task, mmapSem(mm))
  return result
}

/** Advice that acts on entries, with MMAP_SEM held for reading. Each gives 0 or an errno for its part of one area. */
const ACTIONS: ReadonlyMap<number, (task: Task, vma: Vma, first: number, last: number) => number> = new Map([
  [ADVICE.dontneed, dontNeed],
  [ADVICE.free, lazyFree],
  [ADVICE.pageout, pageOut],
  [ADVICE.remove, punchHole],
])

/** Calls `apply` for the part of every area in the span. A hole is remembered; an error ends it. MMAP_SEM held. */
function eachArea(
  task: Task,
  mm: Mm,
  start: number,
  last: number,
  apply: (vma: Vma, first: number, end: number) => number,
): number {
  let hole = false
  for (let at = start; at <= last; ) {
    const vma = findVma(task, mm, at)
    if (vma === NO_VMA || vmaStart(task, vma) > last) return -ENOMEM
    if (vmaStart(task, vma) > at) hole = true
    const first = Math.max(at, vmaStart(task, vma))
    const end = Math.min(last, vmaLast(task, vma))
    const result = apply(vma, first, end)
    if (result !== 0) return result
    at = end + 1
  }
  return hole ? -ENOMEM : 0
}

/** Of hugetlb, whole pages: the start must be one's, the end is rounded down. */
function dontNeed(task: Task, vma: Vma, first: number, end: number): number {
  const huge = vmaIsHugetlb(task, vma)
  if (huge && first % ENTRIES !== 0) return -EINVAL
  const last = huge ? end - ((end + 1) % ENTRIES) : end
  if (last < first) return 0
  const mm = vmaMm(task, vma)
  gatherBegin(task, mm)
  const range = rangeInit(task, mm, first, last, NOTIFY.clear)
  invalidateRangeStart(task, range)
  zapRange(task, vma, first, last)
  invalidateRangeEnd(task, range)
  gatherEnd(task)
  return 0
}

function adviseFlags(task: Task, mm: Mm, vma: Vma, first: number, last: number, advice: number): number {
  const flags = vmaFlags(task, vma)
  const next = advisedFlags(flags, advice)
  const plain = vmaIsAnonymous(task, vma) && !vmaIsShared(task, vma) && !vmaIsHugetlb(task, vma)
  if (advice === ADVICE.wipeonfork && !plain) return -EINVAL
  if (next === flags) return 0
  const cut = splitEdges(task, mm, first, last)
  if (cut !== 0) return cut === -ENOMEM ? -EAGAIN : cut // -ENOMEM would mean a hole
  const advised = findVma(task, mm, first)
  vmaSetFlags(task, advised, next)
  mergeWithNeighbours(task, advised)
  return 0
}

function advisedFlags(flags: number, advice: number): number {
  switch (advice) {
    case ADVICE.hugepage:
      return (flags & ~VM_NOHUGEPAGE) | VM_HUGEPAGE
    case ADVICE.nohugepage:
      return (flags & ~VM_HUGEPAGE) | VM_NOHUGEPAGE
    case ADVICE.dontfork:
      return flags | VM_DONTFORK
    default:
      return flags | VM_WIPEONFORK
  }
}

/** Faults pages in, one by one. A hole ends it with -ENOMEM; what was populated stays. Takes MMAP_SEM for reading. */
function populate(task: Task, mm: Mm, start: number, last: number, write: boolean): number {
  downRead(task, mmapSem(mm), MMAP_SEM)
  let result = 0
  for (let vpn = start; result === 0 && vpn <= last; vpn++) {
    const vma = findVma(task, mm, vpn)
    if (vma === NO_VMA || vmaStart(task, vma) > vpn) result = -ENOMEM
    else if ((vmaFlags(task, vma) & (write ? VM_WRITE : VM_READ)) === 0) result = -EINVAL
    else result = populateResult(faultUntilUsable(task, vma, vpn, write))
  }
  upRead(task, mmapSem(mm))
  return result
}

/** One fault is not always enough: a page that comes back from swap or a device may still be read-only then. */
function faultUntilUsable(task: Task, vma: Vma, vpn: number, write: boolean): number {
  for (;;) {
    const fault = handleFault(task, vma, vpn, write)
    if (fault !== FAULT.done || isUsable(task, vmaMm(task, vma), vpn, write)) return fault
  }
}

function populateResult(fault: number): number {
  if (fault === FAULT.done) return 0
  return fault === FAULT.oom ? -ENOMEM : fault === FAULT.sigbus ? -EFAULT : -EAGAIN
}
