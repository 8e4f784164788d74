/**
 * Merging areas that touch and differ in nothing: what keeps their number down after mprotect and mremap, and what decides
 * how far one device fault reaches. The kernel's rule: same flags, same backing with offsets that follow on, and at most one
 * of the two sets of reverse mappings, or the same one (Linux mm/vma.c, 6.12).
 */
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { assertHeldExclusive } from '../sync/held.ts'
import {
  findVma,
  joinVmas,
  NO_VMA,
  nextVma,
  type Vma,
  vmaBefore,
  vmaFile,
  vmaFlags,
  vmaLast,
  vmaPages,
  vmaPgoff,
  vmaStart,
} from './vma.ts'

/** Joins what can be joined at and around [start, last]. MMAP_SEM held for writing. */
export function mergeAround(task: Task, mm: Mm, start: number, last: number): void {
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  const before = vmaBefore(task, mm, start)
  let vma = before === NO_VMA ? findVma(task, mm, start) : before
  while (vma !== NO_VMA && vmaStart(task, vma) <= last + 1) {
    const next = nextVma(task, vma)
    if (next !== NO_VMA && mayJoin(task, vma, next)) joinVmas(task, vma, next)
    else vma = next
  }
}

function mayJoin(task: Task, vma: Vma, next: Vma): boolean {
  return (
    vmaLast(task, vma) + 1 === vmaStart(task, next) &&
    vmaFlags(task, vma) === vmaFlags(task, next) &&
    vmaFile(task, vma) === vmaFile(task, next) &&
    (vmaPgoff(task, vma) + vmaPages(task, vma)) >>> 0 === vmaPgoff(task, next)
  )
}
