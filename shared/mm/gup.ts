/**
 * get_user_pages: the frame behind a user address, with a reference, faulted in as needed. What a driver that cannot follow
 * notifiers lives on, and the first step of taking pages exclusively.
 *
 * (Linux mm/gup.c: a write needs VM_WRITE of the area; a page in device memory is faulted home; an exclusive one is given back.)
 */
import { type Frame, frameGet } from '../frame/frames.ts'
import { EFAULT, ENOMEM } from '../memory/errno.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld } from '../sync/held.ts'
import { handleFault } from './fault.ts'
import { FAULT } from './faultcode.ts'
import { mmRoot } from './mm.ts'
import { entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, unlockLeaf } from './pagetable.ts'
import { pteFrame, ptePresent, pteWritable } from './pte.ts'
import { findVma, NO_VMA, VM_READ, VM_WRITE, vmaFlags, vmaStart } from './vma.ts'

/** Is page `vpn` present, and if `write`, writable? mmap_sem held. */
export function isUsable(task: Task, mm: Mm, vpn: number, write: boolean): boolean {
  const leaf = lockLeaf(task, mmRoot(task, mm), vpn)
  if (leaf === NO_TABLE) return false
  const entry = get(task, entryAt(leaf, LEAF_LEVEL, vpn))
  unlockLeaf(task, leaf)
  return ptePresent(entry) && (!write || pteWritable(entry))
}

/**
 * The frame of page `vpn` with a reference for the caller, or -EFAULT (no area, or not the right) or -ENOMEM. Caller holds
 * mmap_sem for reading. The reference keeps the frame, not the mapping: it may be replaced at once.
 */
export function getUserPage(task: Task, mm: Mm, vpn: number, write: boolean): Frame | number {
  assertHeld(task, mmapSem(mm), 'mmap_sem')
  const vma = findVma(task, mm, vpn)
  if (vma === NO_VMA || vmaStart(task, vma) > vpn) return -EFAULT
  if ((vmaFlags(task, vma) & (write ? VM_WRITE : VM_READ)) === 0) return -EFAULT
  for (;;) {
    const leaf = lockLeaf(task, mmRoot(task, mm), vpn)
    if (leaf !== NO_TABLE) {
      const entry = get(task, entryAt(leaf, LEAF_LEVEL, vpn))
      const usable = ptePresent(entry) && (!write || pteWritable(entry))
      if (usable) frameGet(task, pteFrame(entry))
      unlockLeaf(task, leaf)
      if (usable) return pteFrame(entry)
    }
    const fault = handleFault(task, vma, vpn, write)
    if (fault !== FAULT.done) return fault === FAULT.oom ? -ENOMEM : -EFAULT
  }
}
