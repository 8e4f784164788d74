/**
 * mmap: a new area. No page is mapped yet, so nobody is told; what a fixed mapping replaces is unmapped first, with the
 * event that munmap sends.
 */
import { EEXIST, EINVAL, ENOMEM } from '../memory/errno.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { type File, MAX_FILE_PAGES, NO_FILE } from './file.ts'
import { mergeWithNeighbours } from './merge.ts'
import { MAX_MAP_COUNT, mmVmaCount } from './mm.ts'
import { unmapLocked } from './munmap.ts'
import { ENTRIES } from './pagetable.ts'
import {
  createVma,
  findVma,
  findVmaIntersection,
  freeVma,
  LAST_VPN,
  NO_VMA,
  VM_ACCOUNT,
  VM_HUGETLB,
  VM_RIGHTS,
  VM_SHARED,
  VM_WRITE,
  vmaLast,
  vmaStart,
} from './vma.ts'
import { linkVma } from './vmalink.ts'

/** Where a mapping goes. */
export const PLACE_ANYWHERE = 0
/** Exactly there, replacing what is in the way (MAP_FIXED). */
export const PLACE_FIXED = 1
/** Exactly there, or -EEXIST (MAP_FIXED_NOREPLACE). */
export const PLACE_NOREPLACE = 2

/** Lowest page number handed out: page 0 stays unmapped, as vm.mmap_min_addr does. */
const FIRST_VPN = 16

/** What a mapping may be given at once: rights, and what kind it is. Advice comes later, by madvise. */
const MAP_FLAGS = VM_RIGHTS | VM_SHARED | VM_HUGETLB

/** What mmap answered: a page number, or a negative errno. Page numbers have 32 bits, so a plain number holds both. */
export type MapResult = number

/**
 * Maps `pages` pages with `flags` (VM_* rights and kind); of hugetlb whole 2 MiB pages, at an aligned place. `file` 0: anonymous, shared anonymous memory brings a file.
 * Returns the first page number; -EINVAL for no pages, unknown flags or a span that no file has; -EEXIST; -ENOMEM for a span
 * beyond the address space, and when memory, areas or addresses are out. Takes MMAP_SEM for writing.
 */
export function mmap(
  task: Task,
  mm: Mm,
  at: number,
  pages: number,
  flags: number,
  place: number,
  file: File = NO_FILE,
  pgoff = 0,
): MapResult {
  tick(task)
  const fixed = place !== PLACE_ANYWHERE
  if (!Number.isInteger(pages) || pages <= 0 || (flags & ~MAP_FLAGS) !== 0) return -EINVAL
  const unit = (flags & VM_HUGETLB) !== 0 ? ENTRIES : 1
  if ((fixed && at % unit !== 0) || pgoff % unit !== 0) return -EINVAL
  const whole = Math.ceil(pages / unit) * unit
  if ((flags & VM_SHARED) !== 0 && file === NO_FILE) return -EINVAL
  if (file !== NO_FILE && !(Number.isInteger(pgoff) && pgoff >= 0 && pgoff + whole <= MAX_FILE_PAGES)) return -EINVAL
  if (fixed && (!Number.isInteger(at) || at < 0)) return -EINVAL
  if (fixed && at + whole - 1 > LAST_VPN) return -ENOMEM
  downWrite(task, mmapSem(mm), MMAP_SEM)
  const result = mapLocked(task, mm, at, whole, flags, place, file, pgoff)
  upWrite(task, mmapSem(mm))
  return result
}

function mapLocked(
  task: Task,
  mm: Mm,
  at: number,
  pages: number,
  flags: number,
  place: number,
  file: File,
  pgoff: number,
): MapResult {
  const start = place === PLACE_ANYWHERE ? findGap(task, mm, pages, (flags & VM_HUGETLB) !== 0 ? ENTRIES : 1) : at
  if (start < 0) return -ENOMEM
  const last = start + pages - 1
  if (place === PLACE_NOREPLACE && findVmaIntersection(task, mm, start, last) !== NO_VMA) return -EEXIST
  if (mmVmaCount(task, mm) >= MAX_MAP_COUNT) return -ENOMEM
  // The record comes first: nothing is unmapped for a mapping that cannot be made.
  const vma = createVma(task, mm, accounted(flags), file, file === NO_FILE ? start : pgoff)
  if (vma === NO_VMA) return -ENOMEM
  if (place === PLACE_FIXED) {
    const result = unmapLocked(task, mm, start, last)
    if (result !== 0) {
      freeVma(task, vma)
      return result
    }
  }
  linkVma(task, vma, start, last)
  mergeWithNeighbours(task, vma)
  return start
}

/** Private memory that may be written counts as committed (kernel: accountable_mapping). */
function accounted(flags: number): number {
  return (flags & (VM_WRITE | VM_SHARED | VM_HUGETLB)) === VM_WRITE ? flags | VM_ACCOUNT : flags
}

/** Lowest free span of `pages` pages that begins at a multiple of `aligned`, or -1. */
export function findGap(task: Task, mm: Mm, pages: number, aligned = 1): number {
  let start = Math.ceil(FIRST_VPN / aligned) * aligned
  for (let vma = findVma(task, mm, start); ; vma = findVma(task, mm, start)) {
    if (vma === NO_VMA) return start + pages - 1 <= LAST_VPN ? start : -1
    if (vmaStart(task, vma) - start >= pages) return start
    start = Math.ceil((vmaLast(task, vma) + 1) / aligned) * aligned
    if (start > LAST_VPN) return -1
  }
}
