/**
 * Merging areas that touch and differ in nothing: what keeps their number down after mprotect and mremap, and what decides
 * how far one device fault reaches. Linux mm/vma.c, 6.12: same flags, same backing with offsets that follow on, and owners of
 * anonymous frames that allow it. Only an area that is new or was changed is merged with its neighbours; two old neighbours
 * never are.
 */
import { mmapSem } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { assertHeldExclusive } from '../sync/held.ts'
import { NO_VMA, nextVma, type Vma, vmaBefore, vmaFlags, vmaMm, vmaOwner, vmaOwns, vmaStart } from './vma.ts'
import { followsOn, joinVmas, ownsAlone } from './vmalink.ts'

/** Joins a new or changed area with the one before and the one behind, where it may. Returns what became of it. MMAP_SEM (write). */
export function mergeWithNeighbours(task: Task, changed: Vma): Vma {
  const mm = vmaMm(task, changed)
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  const before = vmaBefore(task, mm, vmaStart(task, changed))
  const next = nextVma(task, changed)
  const left = before !== NO_VMA && alike(task, before, changed) && ownersAllow(task, changed, before)
  const right = next !== NO_VMA && alike(task, changed, next) && ownersAllow(task, changed, next)
  // Through the middle one, before and next become one area, too.
  if (right && !(left && !together(task, before, next))) joinVmas(task, changed, next)
  if (!left) return changed
  joinVmas(task, before, changed)
  return before
}

/** Same flags, and the second follows on the first. */
function alike(task: Task, vma: Vma, next: Vma): boolean {
  return vmaFlags(task, vma) === vmaFlags(task, next) && followsOn(task, vma, next)
}

/**
 * The same owner, or none in the changed area and in the neighbour one that no fork made: else frames of a child and of its
 * parent would be looked for together. A changed area with an owner does not join a neighbour without one (as 6.12 has it).
 */
function ownersAllow(task: Task, changed: Vma, neighbour: Vma): boolean {
  if (vmaOwner(task, changed) === vmaOwner(task, neighbour)) return true
  return !vmaOwns(task, changed) && ownsAlone(task, neighbour)
}

function together(task: Task, before: Vma, next: Vma): boolean {
  return vmaOwner(task, before) === vmaOwner(task, next) || !vmaOwns(task, before) || !vmaOwns(task, next)
}
