/**
 * Faults that may be served with 2 MiB at once: transparent huge pages of private memory that was advised so.
 *
 *   read, nothing there      the page of zeros, for all 512
 *   write, nothing there     a block of its own; 512 small pages when there is no block to be had
 *   write, page of zeros     the entry is split, and the one page gets a frame       (6.12; later kernels give it a block)
 *   write, shared block      reused if nobody else has it, else the entry is split and the one page copied
 *
 * Only a place without a page table is served so: once a table is there, its span stays small pages.
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  frameMapInc,
  frameMaps,
  frameRefs,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { blockAllocZeroed, framePut, ZERO_FRAME } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicLoad, atomicOr } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { FAULT } from './faultcode.ts'
import { hugeFits, hugeIsOwn, hugeStart, splitHuge } from './huge.ts'
import { mmRoot } from './mm.ts'
import { allocPmd, allocSpareLeaf, freeSpareLeaf, lockPmd, NO_TABLE, storeEntry, storeLeaf, unlockPmd } from './pagetable.ts'
import { makePte, PTE_DIRTY, PTE_HUGE, PTE_SOFT_DIRTY, PTE_WRITE, PTE_YOUNG, pteFrame } from './pte.ts'
import { moveAnonRmap } from './rmap.ts'
import { VM_HUGEPAGE, VM_NOHUGEPAGE, VM_WRITE, type Vma, vmaFlags, vmaIndex, vmaIsAnonymous, vmaMm, vmaOwner } from './vma.ts'
import { prepareOwner } from './vmalink.ts'

/** What a huge fault answers when small pages must do. */
export const TRY_SMALL = -1

const WRITABLE = PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG

/** May page `vpn` be served by 2 MiB? MMAP_SEM held. */
export function hugeEligible(task: Task, vma: Vma, vpn: number): boolean {
  const advised = (vmaFlags(task, vma) & (VM_HUGEPAGE | VM_NOHUGEPAGE)) === VM_HUGEPAGE
  return advised && vmaIsAnonymous(task, vma) && hugeFits(task, vma, vpn)
}

/** First touch of an eligible span. A FAULT value or TRY_SMALL. MMAP_SEM held, no page-table lock. */
export function hugeAnonymousFault(task: Task, vma: Vma, vpn: number, write: boolean): number {
  const mm = vmaMm(task, vma)
  const pmd = allocPmd(task, mm, mmRoot(task, mm), vpn)
  if (pmd === 0 || !prepareOwner(task, vma)) return FAULT.oom
  if (atomicLoad(task, pmd) !== 0) return TRY_SMALL
  const spare = allocSpareLeaf(task)
  if (spare === NO_TABLE) return FAULT.oom
  const head = write ? blockAllocZeroed(task, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY) : ZERO_FRAME
  if (head === NO_FRAME) {
    freeSpareLeaf(task, spare)
    return TRY_SMALL
  }
  if (write) frameSetMapping(task, head, vmaOwner(task, vma), vmaIndex(task, vma, hugeStart(vpn)))
  const rights = write && (vmaFlags(task, vma) & VM_WRITE) !== 0 ? WRITABLE : PTE_YOUNG
  lockPmd(task, pmd, vpn)
  const empty = atomicLoad(task, pmd) === 0
  if (empty) {
    if (write) frameMapInc(task, head)
    storeLeaf(task, pmd, vpn, spare)
    storeEntry(task, pmd, makePte(head, PTE_HUGE | rights))
  }
  unlockPmd(task, pmd, vpn)
  if (!empty) {
    freeSpareLeaf(task, spare)
    if (write) framePut(task, head)
  }
  return FAULT.done
}

/**
 * A write to a present huge entry without WRITE. Comes with the pmd lock held, returns without it: FAULT.done, or TRY_SMALL
 * when the entry has been split. MMAP_SEM held.
 */
export function hugeWriteFault(task: Task, vma: Vma, vpn: number, pmd: WordAt): number {
  const entry = atomicLoad(task, pmd)
  if (mayReuseBlock(task, vma, entry)) {
    atomicOr(task, pmd, WRITABLE)
    unlockPmd(task, pmd, vpn)
    return FAULT.done
  }
  unlockPmd(task, pmd, vpn)
  splitHuge(task, vma, vpn)
  return TRY_SMALL
}

/** As mayReuse of a small page (mm/cow.ts). Pmd lock held. */
function mayReuseBlock(task: Task, vma: Vma, entry: number): boolean {
  const head = pteFrame(entry)
  if (head === ZERO_FRAME) return false
  if (hugeIsOwn(task, entry)) return true
  if (frameMaps(task, head) !== 1 || frameRefs(task, head) !== 1 || !frameTryLock(task, head)) return false
  moveAnonRmap(task, vma, head)
  frameUnlock(task, head)
  return true
}
