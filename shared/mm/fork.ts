/**
 * fork: a child with the same areas, sharing private frames copy-on-write.
 *
 *     per area that owns frames: PROTECTION_PAGE (hugetlb: CLEAR) on the parent, whole area, one pair
 *         start, write-protect entries in both, end
 *     one flush of the parent's TLBs after all areas
 *
 * A pinned page is not shared: the device that has it would go on writing what is the parent's frame today and, after the next write
 * of the parent, nobody's. The child gets a copy at once (5.10), and the parent's entry stays writable. A pinned block is taken apart
 * for that; one of hugetlb is shared all the same.
 *
 * (Linux mm/memory.c copy_page_range, kernel/fork.c dup_mmap, 6.12.) Shared areas, and private ones that never owned a frame,
 * are not copied and send no event: the child faults them in again. Both MMAP_SEMs are held for writing, parent first.
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameClearFlags,
  frameCopy,
  frameFlags,
  frameGet,
  frameHead,
  frameMapInc,
  framePins,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  frameWaitUnlocked,
  NO_FRAME,
} from '../frame/frames.ts'
import { frameAlloc, framePut, SYSTEM_ZONE, ZERO_FRAME } from '../frame/zones.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { type Mm, mmapSem, NO_MM } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicAnd } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM, MMAP_SEM_CHILD } from '../sync/classes.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { restoreEntry } from './exclusive.ts'
import { mmPut } from './exit.ts'
import { hugeStart, splitHuge, vmaIsHugetlb } from './huge.ts'
import { createMm, mmRoot } from './mm.ts'
import {
  allocLeaf,
  allocPmd,
  allocSpareLeaf,
  ENTRIES,
  entryAt,
  freeSpareLeaf,
  hugeWord,
  LEAF_LEVEL,
  lockLeaf,
  lockPmd,
  lockSpot,
  NO_TABLE,
  skipMissing,
  storeEntry,
  storeLeaf,
  type Table,
  unlockLeaf,
  unlockPmd,
  unlockSpot,
} from './pagetable.ts'
import {
  isExclusive,
  isMigrationEntry,
  isSwapEntry,
  makePte,
  PTE_DIRTY,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteFrame,
  ptePresent,
} from './pte.ts'
import { flushTlb } from './shootdown.ts'
import {
  createVma,
  findVma,
  NO_VMA,
  nextVma,
  VM_DONTFORK,
  VM_WIPEONFORK,
  type Vma,
  vmaFile,
  vmaFlags,
  vmaIndex,
  vmaIsShared,
  vmaLast,
  vmaMm,
  vmaOwner,
  vmaOwns,
  vmaPgoff,
  vmaStart,
} from './vma.ts'
import { copyOwner, linkVma, lockRmaps, unlockRmaps } from './vmalink.ts'

/** A child of `parent` with process number `asid` and one user; NO_MM when memory is out, and then nothing is left of it. */
export function fork(task: Task, parent: Mm, asid: number): Mm {
  tick(task)
  const child = createMm(task, asid, parent)
  if (child === NO_MM) return NO_MM
  downWrite(task, mmapSem(parent), MMAP_SEM)
  downWrite(task, mmapSem(child), MMAP_SEM_CHILD)
  let copied = true
  for (let vma = findVma(task, parent, 0); copied && vma !== NO_VMA; vma = nextVma(task, vma)) copied = copyArea(task, child, vma)
  upWrite(task, mmapSem(child))
  flushTlb(task, parent)
  upWrite(task, mmapSem(parent))
  if (copied) return child
  mmPut(task, child)
  return NO_MM
}

function copyArea(task: Task, child: Mm, vma: Vma): boolean {
  const flags = vmaFlags(task, vma)
  if ((flags & VM_DONTFORK) !== 0) return true
  const copy = createVma(task, child, flags, vmaFile(task, vma), vmaPgoff(task, vma))
  if (copy === NO_VMA) return false
  linkVma(task, copy, vmaStart(task, vma), vmaLast(task, vma), vma)
  if ((flags & VM_WIPEONFORK) !== 0 || vmaIsShared(task, vma) || !vmaOwns(task, vma)) return true
  if (!copyOwner(task, vma, copy, true)) return false
  return copyEntries(task, vma, copy)
}

function copyEntries(task: Task, vma: Vma, copy: Vma): boolean {
  const parent = vmaMm(task, vma)
  const first = vmaStart(task, vma)
  const last = vmaLast(task, vma)
  const range = rangeInit(task, parent, first, last, vmaIsHugetlb(task, vma) ? NOTIFY.clear : NOTIFY.protectionPage)
  invalidateRangeStart(task, range)
  let copied = true
  for (let vpn = first; copied && vpn <= last; ) {
    const from = lockSpot(task, mmRoot(task, parent), vpn)
    if (from === NO_TABLE) {
      vpn = skipMissing(task, mmRoot(task, parent), vpn)
      continue
    }
    unlockSpot(task, from, vpn) // the child's tables are allocated without a lock; MMAP_SEM keeps the parent's entry
    const end = Math.min(last, hugeStart(vpn) + ENTRIES - 1)
    copied = hugeWord(from) !== 0 ? copyHuge(task, vma, copy, vpn) : copySmall(task, vma, copy, vpn, end)
    vpn = end + 1
  }
  invalidateRangeEnd(task, range)
  return copied
}

function copySmall(task: Task, vma: Vma, copy: Vma, first: number, last: number): boolean {
  const child = vmaMm(task, copy)
  if (allocLeaf(task, child, mmRoot(task, child), first) === NO_TABLE) return false
  return copyLeaf(task, vma, copy, first, last)
}

/**
 * Copies a 2 MiB entry; the child gets one, too, read-only in both. False when memory is out. Reverse-map locks, then the
 * parent's and the child's third-level table. MMAP_SEM of both held for writing.
 */
function copyHuge(task: Task, vma: Vma, copy: Vma, vpn: number): boolean {
  const child = vmaMm(task, copy)
  const to = allocPmd(task, child, mmRoot(task, child), vpn)
  const spare = to === 0 ? NO_TABLE : allocSpareLeaf(task)
  if (spare === NO_TABLE) return false
  lockRmaps(task, vma, true)
  const spot = lockSpot(task, mmRoot(task, vmaMm(task, vma)), vpn)
  const from = hugeWord(spot)
  if (from === 0) {
    // A reverse walk has split it meanwhile: that needs no mmap_sem.
    if (spot !== NO_TABLE) unlockSpot(task, spot, vpn)
    unlockRmaps(task, vma, true)
    freeSpareLeaf(task, spare)
    return copySmall(task, vma, copy, vpn, vpn + ENTRIES - 1)
  }
  if (isPinned(task, get(task, from)) && !vmaIsHugetlb(task, vma)) {
    unlockSpot(task, spot, vpn)
    unlockRmaps(task, vma, true)
    freeSpareLeaf(task, spare)
    splitHuge(task, vma, vpn)
    return copySmall(task, vma, copy, vpn, vpn + ENTRIES - 1)
  }
  lockPmd(task, to, vpn, true)
  const entry = atomicAnd(task, from, ~PTE_WRITE)
  const head = pteFrame(entry)
  if (head !== ZERO_FRAME) {
    frameGet(task, head)
    frameMapInc(task, head)
    frameClearFlags(task, head, FRAME_EXCLUSIVE)
  }
  storeLeaf(task, to, vpn, spare)
  storeEntry(task, to, entry & ~PTE_WRITE)
  unlockPmd(task, to, vpn)
  unlockSpot(task, spot, vpn)
  unlockRmaps(task, vma, true)
  return true
}

/**
 * Copies entries [first, last] of one leaf: reverse-map locks, the parent's leaf, the child's leaf.
 *
 *     fork                                     migration, unmapping page P everywhere
 *                                              looks at the child: empty
 *     copies P's entry
 *                                              unmaps the parent's                  [Forbidden: the child's stays behind]
 *
 * so a leaf is copied with the family's semaphore held for writing: a walk sees both areas before, or both after.
 */
function copyLeaf(task: Task, vma: Vma, copy: Vma, first: number, last: number): boolean {
  let spare = NO_FRAME
  for (let vpn = first; vpn <= last; ) {
    lockRmaps(task, vma, true)
    const from = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), vpn)
    const to = lockLeaf(task, mmRoot(task, vmaMm(task, copy)), vpn, true)
    let busy = NO_FRAME
    let needed = false
    for (; vpn <= last && busy === NO_FRAME && !needed; vpn++) {
      if (!isPinned(task, get(task, entryAt(from, LEAF_LEVEL, vpn)))) busy = copyEntry(task, vma, from, to, vpn)
      else if (spare === NO_FRAME) needed = true
      else {
        copyPinned(task, copy, from, to, vpn, spare)
        spare = NO_FRAME
      }
    }
    unlockLeaf(task, to)
    unlockLeaf(task, from)
    unlockRmaps(task, vma, true)
    if (busy === NO_FRAME && !needed) continue
    vpn--
    // Taken exclusively by a device at this moment, given back by a CPU, or on its way.
    if (busy !== NO_FRAME) frameWaitUnlocked(task, busy)
    else spare = frameAlloc(task, SYSTEM_ZONE, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
    if (needed && spare === NO_FRAME) return false
  }
  if (spare !== NO_FRAME) framePut(task, spare)
  return true
}

/** Is it the entry of a pinned page that is private to this process? */
function isPinned(task: Task, entry: number): boolean {
  if (!ptePresent(entry) || pteFrame(entry) === ZERO_FRAME) return false
  return framePins(task, pteFrame(entry)) > 0 && (frameFlags(task, frameHead(task, pteFrame(entry))) & FRAME_ANON) !== 0
}

/** Gives the child a copy of a page in `fresh`, which nobody knows yet. Both leaf locks held. */
function copyPinned(task: Task, copy: Vma, from: Table, to: Table, vpn: number, fresh: Frame): void {
  const entry = get(task, entryAt(from, LEAF_LEVEL, vpn))
  frameCopy(task, fresh, pteFrame(entry))
  frameSetMapping(task, fresh, vmaOwner(task, copy), vmaIndex(task, copy, vpn))
  frameMapInc(task, fresh)
  storeEntry(task, entryAt(to, LEAF_LEVEL, vpn), makePte(fresh, entry & COPIED))
}

/** What the entry of a copy has of its original: rights, and that it was written. */
const COPIED = PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG

/** Copies one entry. Returns the frame to wait for when that must be tried again. Both leaf locks held. */
function copyEntry(task: Task, vma: Vma, from: Table, to: Table, vpn: number): Frame {
  const at = entryAt(from, LEAF_LEVEL, vpn)
  let entry = get(task, at)
  if (isExclusive(entry)) {
    // Given back first, without an event of its own: the window over the whole area is open.
    const frame = pteFrame(entry)
    if (!frameTryLock(task, frame)) return frame
    restoreEntry(task, vma, at, entry)
    frameUnlock(task, frame)
    entry = get(task, at)
  }
  if (entry === 0) return NO_FRAME
  const frame = pteFrame(entry)
  // Whose the page is moves with it: only when it has arrived can it be made to belong to both. (An eviction needs no mmap_sem.)
  if (isMigrationEntry(entry)) return frame
  if (isSwapEntry(entry)) frameGet(task, frame)
  else if (frame !== ZERO_FRAME) {
    frameGet(task, frame)
    frameMapInc(task, frame)
    if ((frameFlags(task, frame) & FRAME_ANON) !== 0) frameClearFlags(task, frame, FRAME_EXCLUSIVE)
  }
  // The hardware may be setting DIRTY in a present entry: take WRITE away atomically, and copy what was there then. In the
  // others WRITE is the right, or the exclusiveness, that the page will come back with: both lose it.
  if (ptePresent(entry)) entry = atomicAnd(task, at, ~PTE_WRITE)
  else storeEntry(task, at, entry & ~PTE_WRITE)
  storeEntry(task, entryAt(to, LEAF_LEVEL, vpn), entry & ~PTE_WRITE)
  return NO_FRAME
}
