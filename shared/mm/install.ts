/**
 * The last step of a fault: the entry goes in if the place is still empty. Making an entry where there was none needs no
 * invalidation: a device can only have less than the CPU, never something wrong.
 */
import { type Frame, frameMapInc } from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import { assert } from '../seam/error.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { mmRoot } from './mm.ts'
import { entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, storeEntry, unlockLeaf } from './pagetable.ts'
import { makeEntry, makePte, PTE_KIND, PTE_WRITE, pteFrame } from './pte.ts'
import { VM_RIGHTS, type Vma, vmaFlags, vmaMm } from './vma.ts'

/**
 * An entry that maps a system frame in `vma`, with PTE_* bits as far as the area lets a CPU use it. For entries that come
 * back without a fault (from a device, from a migration): the area may have lost all its rights meanwhile.
 */
export function cpuMapping(task: Task, vma: Vma, frame: Frame, bits: number): number {
  if ((vmaFlags(task, vma) & VM_RIGHTS) !== 0) return makePte(frame, bits)
  return makeEntry(PTE_KIND.protNone, frame, bits & ~PTE_WRITE)
}

/**
 * Stores `entry` for page `vpn` if nothing is there, and counts the mapping. False if another fault was faster: the caller
 * then drops the frame it brought. The leaf exists (MMAP_SEM held, allocLeaf done). Takes and drops the leaf lock.
 */
export function installIfEmpty(task: Task, vma: Vma, vpn: number, entry: number): boolean {
  const leaf = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), vpn)
  assert(leaf !== NO_TABLE, 'a leaf below an area is not freed while mmap_sem is held')
  const at = entryAt(leaf, LEAF_LEVEL, vpn)
  const empty = get(task, at) === 0
  if (empty) {
    if (pteFrame(entry) !== ZERO_FRAME) frameMapInc(task, pteFrame(entry))
    storeEntry(task, at, entry)
  }
  unlockLeaf(task, leaf)
  return empty
}
