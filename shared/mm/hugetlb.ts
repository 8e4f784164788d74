/**
 * Faults of hugetlb areas, which are mapped by 2 MiB and never otherwise.
 *
 *   private, first touch     a block of its own, also for a read, read-only then
 *   private, write           reused if nobody else maps it, else copied whole: event CLEAR over the 2 MiB
 *   shared                   the file's block; WRITE at once if the area is writable
 *
 * (Linux mm/hugetlb.c hugetlb_no_page, hugetlb_wp, 6.12.) There is no reserve: a fault finds a block or ends in SIGBUS;
 * where a record or a table cannot be had, in ENOMEM.
 */
import {
  BLOCK_FRAMES,
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameCopy,
  frameFlags,
  frameGet,
  frameLock,
  frameMapDec,
  frameMapInc,
  frameMapping,
  frameMaps,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { blockAllocZeroed, framePut } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicLoad, atomicOr, atomicXchg } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { FAULT } from './faultcode.ts'
import { fileSize, findOrAddBlock } from './file.ts'
import { hugeStart } from './huge.ts'
import { mmRoot } from './mm.ts'
import {
  allocPmd,
  allocSpareLeaf,
  ENTRIES,
  freeSpareLeaf,
  hugeWord,
  lockPmd,
  lockSpot,
  NO_TABLE,
  storeEntry,
  storeLeaf,
  type Table,
  unlockPmd,
  unlockSpot,
} from './pagetable.ts'
import {
  makeEntry,
  makePte,
  PTE_DIRTY,
  PTE_HUGE,
  PTE_KIND,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteFrame,
  ptePresent,
  pteWritable,
} from './pte.ts'
import { moveAnonRmap } from './rmap.ts'
import { flushTlb } from './shootdown.ts'
import { VM_WRITE, type Vma, vmaFile, vmaFlags, vmaIndex, vmaIsShared, vmaMm, vmaOwner } from './vma.ts'
import { prepareOwner } from './vmalink.ts'

const WRITABLE = PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG

/** First touch of a span. MMAP_SEM held, no page-table lock. */
export function hugetlbFault(task: Task, vma: Vma, vpn: number, write: boolean): number {
  const mm = vmaMm(task, vma)
  const owned = vmaIsShared(task, vma) || prepareOwner(task, vma)
  const pmd = owned ? allocPmd(task, mm, mmRoot(task, mm), vpn) : (0 as WordAt)
  const spare = pmd === 0 ? NO_TABLE : allocSpareLeaf(task)
  if (spare === NO_TABLE) return FAULT.oom
  const head = blockFor(task, vma, vpn)
  if (head === NO_FRAME) {
    freeSpareLeaf(task, spare)
    return FAULT.sigbus
  }
  const may = (vmaFlags(task, vma) & VM_WRITE) !== 0 && (write || vmaIsShared(task, vma))
  const entry = makePte(head, PTE_HUGE | (may ? WRITABLE : PTE_YOUNG))
  if (!mapBlock(task, vma, vpn, pmd, head, entry, spare)) {
    freeSpareLeaf(task, spare)
    framePut(task, head)
  }
  return FAULT.done
}

/**
 * Stores the entry if nothing is there, and puts `spare` by for it. A file's block is mapped under its lock, while it is the
 * file's: mm/punchhole.ts draws why.
 */
function mapBlock(task: Task, vma: Vma, vpn: number, pmd: WordAt, head: Frame, entry: number, spare: Table): boolean {
  const shared = vmaIsShared(task, vma)
  if (shared) frameLock(task, head)
  lockPmd(task, pmd, vpn)
  const free = atomicLoad(task, pmd) === 0 && (!shared || frameMapping(task, head) === vmaFile(task, vma))
  if (free) {
    frameMapInc(task, head)
    storeLeaf(task, pmd, vpn, spare)
    storeEntry(task, pmd, entry)
  }
  unlockPmd(task, pmd, vpn)
  if (shared) frameUnlock(task, head)
  return free
}

/** The block to map, with a reference: the file's, or a new one of the area's own. NO_FRAME when there is none. */
function blockFor(task: Task, vma: Vma, vpn: number): Frame {
  const index = vmaIndex(task, vma, hugeStart(vpn))
  if (vmaIsShared(task, vma)) {
    if (index >= fileSize(task, vmaFile(task, vma))) return NO_FRAME
    return findOrAddBlock(task, vmaFile(task, vma), index)
  }
  const head = blockAllocZeroed(task, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  if (head !== NO_FRAME) frameSetMapping(task, head, vmaOwner(task, vma), index)
  return head
}

/** A write to a present entry without WRITE. Comes with the pmd lock held, returns without it. MMAP_SEM held. */
export function hugetlbWriteFault(task: Task, vma: Vma, vpn: number, pmd: WordAt): number {
  const head = pteFrame(atomicLoad(task, pmd))
  if (vmaIsShared(task, vma) || mayReuseBlock(task, vma, head)) {
    atomicOr(task, pmd, WRITABLE)
    unlockPmd(task, pmd, vpn)
    return FAULT.done
  }
  frameGet(task, head) // keeps it, and its content, while the lock is dropped
  unlockPmd(task, pmd, vpn)
  const result = copyBlock(task, vma, vpn, head)
  framePut(task, head)
  return result
}

/** Is this the only entry that maps the block? Pmd lock held. */
function mayReuseBlock(task: Task, vma: Vma, head: Frame): boolean {
  if ((frameFlags(task, head) & FRAME_EXCLUSIVE) !== 0) return true
  if (frameMaps(task, head) !== 1 || !frameTryLock(task, head)) return false
  moveAnonRmap(task, vma, head)
  frameUnlock(task, head)
  return true
}

/** Replaces `old`, of which the caller has a reference, by a copy; as copyPage of mm/cow.ts, with 2 MiB. */
function copyBlock(task: Task, vma: Vma, vpn: number, old: Frame): number {
  const mm = vmaMm(task, vma)
  const fresh = blockAllocZeroed(task, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  if (fresh === NO_FRAME) return FAULT.sigbus
  for (let i = 0; i < BLOCK_FRAMES; i++) frameCopy(task, (fresh + i) as Frame, (old + i) as Frame)
  const first = hugeStart(vpn)
  frameSetMapping(task, fresh, vmaOwner(task, vma), vmaIndex(task, vma, first))
  const range = rangeInit(task, mm, first, first + ENTRIES - 1, NOTIFY.clear)
  invalidateRangeStart(task, range)
  const spot = lockSpot(task, mmRoot(task, mm), vpn)
  const pmd = hugeWord(spot)
  const entry = pmd === 0 ? 0 : atomicLoad(task, pmd)
  const unchanged = ptePresent(entry) && pteFrame(entry) === old && !pteWritable(entry)
  if (unchanged) {
    // Never empty in between: another fault would not wait, but look for a block of its own.
    atomicXchg(task, pmd, makeEntry(PTE_KIND.splitting, old, PTE_HUGE))
    flushTlb(task, mm)
    frameMapInc(task, fresh)
    storeEntry(task, pmd, makePte(fresh, PTE_HUGE | WRITABLE))
    frameMapDec(task, old)
  }
  if (spot !== 0) unlockSpot(task, spot, vpn)
  invalidateRangeEnd(task, range)
  framePut(task, unchanged ? old : fresh)
  return FAULT.done
}
