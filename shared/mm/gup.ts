/**
 * get_user_pages: the frame behind a user address, with a reference, faulted in as needed. What a driver that cannot follow
 * notifiers lives on, and the first step of taking pages exclusively.
 *
 * (Linux mm/gup.c: a write needs VM_WRITE of the area; a page in device memory is faulted home; an exclusive one is given back.)
 */
import { type Frame, frameGet } from '../frame/frames.ts'
import { EFAULT, ENOMEM } from '../memory/errno.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld } from '../sync/held.ts'
import { handleFault } from './fault.ts'
import { FAULT } from './faultcode.ts'
import { hugePart, splitHuge, vmaIsHugetlb } from './huge.ts'
import { mmRoot } from './mm.ts'
import { entryAt, hugeWord, LEAF_LEVEL, lockSpot, NO_TABLE, type Spot, type Table, unlockSpot } from './pagetable.ts'
import { pteFrame, ptePresent, pteWritable } from './pte.ts'
import { findVma, NO_VMA, VM_READ, VM_WRITE, vmaFlags, vmaStart } from './vma.ts'

/** Is page `vpn` present, and if `write`, writable? mmap_sem held. */
export function isUsable(task: Task, mm: Mm, vpn: number, write: boolean): boolean {
  const spot = lockSpot(task, mmRoot(task, mm), vpn)
  if (spot === NO_TABLE) return false
  const entry = entryOf(task, spot, vpn)
  unlockSpot(task, spot, vpn)
  return ptePresent(entry) && (!write || pteWritable(entry))
}

/** The entry of page `vpn` in a locked spot; of a huge one, its part. */
function entryOf(task: Task, spot: Spot, vpn: number): number {
  const huge = hugeWord(spot)
  return huge !== 0 ? hugePart(atomicLoad(task, huge), vpn) : get(task, entryAt(spot as Table, LEAF_LEVEL, vpn))
}

/**
 * The frame of page `vpn` with a reference for the caller, or -EFAULT (no area, or not the right) or -ENOMEM. With `split` a
 * transparent huge page is split first, so that the entry of the one page can be taken. Caller holds mmap_sem for reading. The
 * reference keeps the frame, not the mapping: it may be replaced at once.
 */
export function getUserPage(task: Task, mm: Mm, vpn: number, write: boolean, split = false): Frame | number {
  assertHeld(task, mmapSem(mm), 'mmap_sem')
  const vma = findVma(task, mm, vpn)
  if (vma === NO_VMA || vmaStart(task, vma) > vpn) return -EFAULT
  if ((vmaFlags(task, vma) & (write ? VM_WRITE : VM_READ)) === 0) return -EFAULT
  for (;;) {
    const spot = lockSpot(task, mmRoot(task, mm), vpn)
    if (spot !== NO_TABLE) {
      const entry = entryOf(task, spot, vpn)
      const usable = ptePresent(entry) && (!write || pteWritable(entry))
      const whole = split && hugeWord(spot) !== 0 && !vmaIsHugetlb(task, vma)
      if (usable && !whole) frameGet(task, pteFrame(entry))
      unlockSpot(task, spot, vpn)
      if (usable && !whole) return pteFrame(entry)
      if (whole) {
        splitHuge(task, vma, vpn)
        continue
      }
    }
    const fault = handleFault(task, vma, vpn, write)
    if (fault !== FAULT.done) return fault === FAULT.oom ? -ENOMEM : -EFAULT
  }
}
