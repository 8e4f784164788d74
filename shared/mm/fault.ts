/**
 * Page faults: making an entry that allows the access that failed. Faults only add entries or rights, so they raise no
 * invalidation, with one exception: breaking copy-on-write replaces a frame (mm/cow.ts).
 *
 * The caller holds MMAP_SEM (read is enough) and has found the area. The entry is looked at again under the leaf lock before
 * it is changed: another fault may have been faster.
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  frameIsLocked,
  frameSetMapping,
  frameWaitUnlocked,
  NO_FRAME,
} from '../frame/frames.ts'
import { frameAllocZeroed, framePut, ZERO_FRAME } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { atomicLoad, atomicOr } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld } from '../sync/held.ts'
import { upRead } from '../sync/rwsem.ts'
import { writeProtectFault } from './cow.ts'
import { devicePrivateFault } from './devicefault.ts'
import { restoreExclusive } from './exclusive.ts'
import { FAULT } from './faultcode.ts'
import { fileFault } from './filefault.ts'
import { vmaIsHugetlb } from './huge.ts'
import { hugeAnonymousFault, hugeEligible, hugeWriteFault, TRY_SMALL } from './hugefault.ts'
import { hugetlbFault, hugetlbWriteFault } from './hugetlb.ts'
import { installIfEmpty } from './install.ts'
import { waitForMigration } from './migration.ts'
import { mmRoot } from './mm.ts'
import { changeEntry } from './mprotect.ts'
import {
  allocLeaf,
  entryAt,
  hugeWord,
  LEAF_LEVEL,
  lockSpot,
  NO_TABLE,
  skipMissing,
  type Table,
  unlockLeaf,
  unlockPmd,
} from './pagetable.ts'
import {
  makePte,
  PTE_DIRTY,
  PTE_KIND,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteFrame,
  pteKind,
  ptePresent,
  pteWritable,
} from './pte.ts'
import { reclaimDirectly } from './shrink.ts'
import { swapIn } from './swap.ts'
import { VM_RIGHTS, VM_WRITE, type Vma, vmaFlags, vmaIndex, vmaIsAnonymous, vmaMm, vmaOwner } from './vma.ts'
import { prepareOwner } from './vmalink.ts'

/** A fault that does not get a frame reclaims some, and begins again, so often; somebody else may have taken them meanwhile. */
const RECLAIM_TRIES = 3

/**
 * Serves a fault on page `vpn` of `vma`, for writing if `write`. Rights were checked by the caller against the area.
 * MMAP_SEM held and not dropped, unless the caller lets it be given up (`mayDrop`, held for reading) and the answer is `retry`.
 * No spin lock, no frame lock and nothing that a notifier's callback takes is held: where memory is out, pages of anybody are put
 * out (mm/shrink.ts).
 */
export function handleFault(task: Task, vma: Vma, vpn: number, write: boolean, mayDrop = false): number {
  for (let tries = 1; ; tries++) {
    const result = tryFault(task, vma, vpn, write, mayDrop)
    if (result !== FAULT.oom || tries > RECLAIM_TRIES || !reclaimDirectly(task)) return result
  }
}

function tryFault(task: Task, vma: Vma, vpn: number, write: boolean, mayDrop: boolean): number {
  assertHeld(task, mmapSem(vmaMm(task, vma)), 'mmap_sem')
  tick(task)
  const mm = vmaMm(task, vma)
  const root = mmRoot(task, mm)
  for (;;) {
    const spot = lockSpot(task, root, vpn)
    if (hugeWord(spot) !== 0) {
      const result = hugeFault(task, vma, vpn, write, hugeWord(spot))
      if (result !== TRY_SMALL) return result
      continue
    }
    const entry = spot === NO_TABLE ? 0 : get(task, entryAt(spot as Table, LEAF_LEVEL, vpn))
    if (entry !== 0 && mayDrop && isHeldElsewhere(task, entry)) return waitWithoutMmapSem(task, mm, spot as Table, entry)
    if (entry !== 0) return entryFault(task, vma, vpn, write, spot as Table, entry)
    if (spot !== NO_TABLE) unlockLeaf(task, spot as Table)
    else {
      const result = hugeFirstTouch(task, vma, vpn, write)
      if (result !== TRY_SMALL) return result
    }
    if (allocLeaf(task, mm, root, vpn) !== NO_TABLE)
      return vmaIsAnonymous(task, vma) ? anonymousFault(task, vma, vpn, write) : fileFault(task, vma, vpn, write)
    if (skipMissing(task, root, vpn) !== vpn) return FAULT.oom
    // Another fault has mapped 2 MiB here meanwhile: look again.
  }
}

/** Is the entry's frame, or swap slot, on its way somewhere, so that the fault would wait for it? */
function isHeldElsewhere(task: Task, entry: number): boolean {
  return !ptePresent(entry) && pteKind(entry) !== PTE_KIND.protNone && frameIsLocked(task, pteFrame(entry))
}

/**
 * Waits for whoever has the frame of an entry, without mmap_sem: a munmap need not wait for a migration or a disk. Comes with the leaf
 * locked. It takes no reference, as in waitForMigration: the frame may be another page's by now, and then the wait was for nothing.
 */
function waitWithoutMmapSem(task: Task, mm: Mm, leaf: Table, entry: number): number {
  unlockLeaf(task, leaf)
  upRead(task, mmapSem(mm))
  frameWaitUnlocked(task, pteFrame(entry))
  return FAULT.retry
}

/** Nothing is there, not even a table. A FAULT value or TRY_SMALL. */
function hugeFirstTouch(task: Task, vma: Vma, vpn: number, write: boolean): number {
  if (vmaIsHugetlb(task, vma)) return hugetlbFault(task, vma, vpn, write)
  return hugeEligible(task, vma, vpn) ? hugeAnonymousFault(task, vma, vpn, write) : TRY_SMALL
}

/** Comes with the pmd lock held, returns without it. A FAULT value, or TRY_SMALL when the entry is split now. */
function hugeFault(task: Task, vma: Vma, vpn: number, write: boolean, pmd: WordAt): number {
  const entry = atomicLoad(task, pmd)
  if (ptePresent(entry) && write && !pteWritable(entry)) {
    return vmaIsHugetlb(task, vma) ? hugetlbWriteFault(task, vma, vpn, pmd) : hugeWriteFault(task, vma, vpn, pmd)
  }
  if (ptePresent(entry)) atomicOr(task, pmd, PTE_YOUNG)
  const result = ptePresent(entry) ? FAULT.done : hiddenFault(task, vma, pmd)
  unlockPmd(task, pmd, vpn)
  return result
}

/** A PROT_NONE entry: gone for good in an area without rights, a hint (mm/numahint.ts) in another. The entry's lock is held. */
function hiddenFault(task: Task, vma: Vma, at: WordAt): number {
  if ((vmaFlags(task, vma) & VM_RIGHTS) === 0) return FAULT.segv
  changeEntry(task, vma, at)
  return FAULT.done
}

/** Something is there. Comes with the leaf locked, returns with it unlocked. */
function entryFault(task: Task, vma: Vma, vpn: number, write: boolean, leaf: Table, entry: number): number {
  if (!ptePresent(entry)) return specialFault(task, vma, vpn, write, leaf, entry)
  if (write && !pteWritable(entry)) return writeProtectFault(task, vma, vpn, leaf, entry)
  // Somebody else made the entry meanwhile, or the hardware only wants the bit set.
  atomicOr(task, entryAt(leaf, LEAF_LEVEL, vpn), PTE_YOUNG)
  unlockLeaf(task, leaf)
  return FAULT.done
}

/**
 * A fault on an entry that is not present and not empty. `done` also when there was only something to wait for: the access is
 * tried again and finds out. Comes with the leaf locked, returns with it unlocked.
 */
function specialFault(task: Task, vma: Vma, vpn: number, write: boolean, leaf: Table, entry: number): number {
  switch (pteKind(entry)) {
    case PTE_KIND.swap:
      return swapIn(task, vma, vpn, write, leaf, entry)
    case PTE_KIND.migration:
      waitForMigration(task, leaf, entry)
      return FAULT.done
    case PTE_KIND.devicePrivate:
      return devicePrivateFault(task, vma, vpn, leaf, entry)
    case PTE_KIND.deviceExclusive:
      restoreExclusive(task, vma, vpn, leaf, entry)
      return FAULT.done
    case PTE_KIND.poisoned:
      unlockLeaf(task, leaf)
      return FAULT.sigbus
    default: {
      assert(pteKind(entry) === PTE_KIND.protNone, 'an entry that is not present has a kind that the fault path knows')
      const result = hiddenFault(task, vma, entryAt(leaf, LEAF_LEVEL, vpn))
      unlockLeaf(task, leaf)
      return result
    }
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
