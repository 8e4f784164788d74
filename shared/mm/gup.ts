/**
 * get_user_pages: the frame behind a user address, with a reference, faulted in as needed. What a driver that cannot follow
 * notifiers lives on, and the first step of taking pages exclusively.
 *
 * With a pin the frame stays the one that the process has, until the pin is dropped: it is not swapped, moved or taken apart, and
 * fork copies it for the child. So a pin is taken under the lock of the entry, and looked for under it:
 *
 *     pins page P                              reclaim puts P out
 *     finds P present; a reference
 *                                              no pins: the entry becomes a swap entry
 *     the pin                                                               [Forbidden: the device has a frame of nobody]
 *
 * (Linux mm/gup.c: a write needs VM_WRITE of the area; a page in device memory is faulted home; an exclusive one is given back.)
 */
import { type Frame, frameAddPin, frameGet } from '../frame/frames.ts'
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

/** What beside the frame and a reference is asked for. */
export interface GupOptions {
  /** Split a transparent huge page, so that the entry of the one page can be taken. */
  readonly split?: boolean
  /** Pin the frame. A page that may be written is made the process's own first, so that no later write takes it away from the pin (5.19). */
  readonly pin?: boolean
}

/**
 * The frame of page `vpn` with a reference for the caller, or -EFAULT (no area, or not the right) or -ENOMEM. Caller holds
 * mmap_sem for reading. The reference keeps the frame, not the mapping: without a pin it may be replaced at once.
 */
export function getUserPage(task: Task, mm: Mm, vpn: number, write: boolean, options: GupOptions = {}): Frame | number {
  const { split = false, pin = false } = options
  assertHeld(task, mmapSem(mm), 'mmap_sem')
  const vma = findVma(task, mm, vpn)
  if (vma === NO_VMA || vmaStart(task, vma) > vpn) return -EFAULT
  if ((vmaFlags(task, vma) & (write ? VM_WRITE : VM_READ)) === 0) return -EFAULT
  const own = write || (pin && (vmaFlags(task, vma) & VM_WRITE) !== 0)
  for (;;) {
    const spot = lockSpot(task, mmRoot(task, mm), vpn)
    if (spot !== NO_TABLE) {
      const entry = entryOf(task, spot, vpn)
      const usable = ptePresent(entry) && (!own || pteWritable(entry))
      const whole = split && hugeWord(spot) !== 0 && !vmaIsHugetlb(task, vma)
      if (usable && !whole) frameGet(task, pteFrame(entry))
      if (usable && !whole && pin) frameAddPin(task, pteFrame(entry), 1)
      unlockSpot(task, spot, vpn)
      if (usable && !whole) return pteFrame(entry)
      if (whole) {
        splitHuge(task, vma, vpn)
        continue
      }
    }
    const fault = handleFault(task, vma, vpn, own)
    if (fault !== FAULT.done) return fault === FAULT.oom ? -ENOMEM : -EFAULT
  }
}
