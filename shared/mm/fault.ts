/**
 * Page faults: making an entry that allows the access that failed. Faults only add entries or rights, so they raise no
 * invalidation, with one exception: breaking copy-on-write replaces a frame (mm/cow.ts).
 *
 * The caller holds MMAP_SEM (read is enough) and has found the area. The entry is looked at again under the leaf lock before
 * it is changed: another fault may have been faster.
 */
import { FRAME_ANON, FRAME_DIRTY, FRAME_EXCLUSIVE, frameSetMapping, NO_FRAME } from '../frame/frames.ts'
import { frameAllocZeroed, framePut, ZERO_FRAME } from '../frame/zones.ts'
import { mmapSem } from '../notifier/mmhead.ts'
import { atomicOr } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld } from '../sync/held.ts'
import { writeProtectFault } from './cow.ts'
import { devicePrivateFault } from './devicefault.ts'
import { restoreExclusive } from './exclusive.ts'
import { FAULT } from './faultcode.ts'
import { fileFault } from './filefault.ts'
import { installIfEmpty } from './install.ts'
import { waitForMigration } from './migration.ts'
import { mmRoot } from './mm.ts'
import { allocLeaf, entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, type Table, unlockLeaf } from './pagetable.ts'
import { makePte, PTE_DIRTY, PTE_KIND, PTE_SOFT_DIRTY, PTE_WRITE, PTE_YOUNG, pteKind, ptePresent, pteWritable } from './pte.ts'
import { swapIn } from './swap.ts'
import { VM_WRITE, type Vma, vmaFlags, vmaIndex, vmaIsAnonymous, vmaMm, vmaOwner } from './vma.ts'
import { prepareOwner } from './vmalink.ts'

/**
 * Serves a fault on page `vpn` of `vma`, for writing if `write`. Rights were checked by the caller against the area.
 * MMAP_SEM held and not dropped.
 */
export function handleFault(task: Task, vma: Vma, vpn: number, write: boolean): number {
  assertHeld(task, mmapSem(vmaMm(task, vma)), 'mmap_sem')
  tick(task)
  const root = mmRoot(task, vmaMm(task, vma))
  const leaf = lockLeaf(task, root, vpn)
  const entry = leaf === NO_TABLE ? 0 : get(task, entryAt(leaf, LEAF_LEVEL, vpn))
  if (entry === 0) {
    if (leaf !== NO_TABLE) unlockLeaf(task, leaf)
    if (allocLeaf(task, vmaMm(task, vma), root, vpn) === NO_TABLE) return FAULT.oom
    return vmaIsAnonymous(task, vma) ? anonymousFault(task, vma, vpn, write) : fileFault(task, vma, vpn, write)
  }
  if (ptePresent(entry)) {
    if (write && !pteWritable(entry)) return writeProtectFault(task, vma, vpn, leaf, entry)
    // Somebody else made the entry meanwhile, or the hardware only wants the bit set.
    atomicOr(task, entryAt(leaf, LEAF_LEVEL, vpn), PTE_YOUNG)
    unlockLeaf(task, leaf)
    return FAULT.done
  }
  return specialFault(task, vma, vpn, leaf, entry)
}

/**
 * A fault on an entry that is not present and not empty. `done` also when there was only something to wait for: the access is
 * tried again and finds out. Comes with the leaf locked, returns with it unlocked.
 */
function specialFault(task: Task, vma: Vma, vpn: number, leaf: Table, entry: number): number {
  switch (pteKind(entry)) {
    case PTE_KIND.swap:
      return swapIn(task, vma, vpn, leaf, entry)
    case PTE_KIND.migration:
      waitForMigration(task, leaf, entry)
      return FAULT.done
    case PTE_KIND.devicePrivate:
      return devicePrivateFault(task, vma, vpn, leaf, entry)
    case PTE_KIND.deviceExclusive:
      restoreExclusive(task, vma, vpn, leaf, entry)
      return FAULT.done
    default:
      unlockLeaf(task, leaf)
      assert(pteKind(entry) === PTE_KIND.protNone, 'an entry that is not present has a kind that the fault path knows')
      return FAULT.segv
  }
}

/** First touch of private memory: a read gets the page of zeros, a write a frame of its own. The leaf exists. */
function anonymousFault(task: Task, vma: Vma, vpn: number, write: boolean): number {
  if (!write) {
    installIfEmpty(task, vma, vpn, makePte(ZERO_FRAME, PTE_YOUNG)) // lost: somebody mapped it, which is as good
    return FAULT.done
  }
  if (!prepareOwner(task, vma)) return FAULT.oom
  const frame = frameAllocZeroed(task, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  if (frame === NO_FRAME) return FAULT.oom
  frameSetMapping(task, frame, vmaOwner(task, vma), vmaIndex(task, vma, vpn))
  const rights = (vmaFlags(task, vma) & VM_WRITE) !== 0 ? PTE_WRITE : 0
  if (!installIfEmpty(task, vma, vpn, makePte(frame, rights | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG))) framePut(task, frame)
  return FAULT.done
}
