/**
 * Zap: clearing the entries of a span of one area, giving back what they map. Used by munmap, exit, madvise and truncation.
 * The caller has opened the invalidation window over the span and a gather; it ends the window and then the gather.
 */
import { frameMapDec, frameMarkDirty } from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicXchg } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { gatherCleared, gatherFlush, gatherFlushTlb, gatherFrame, gatherIsFull } from './gather.ts'
import { coversHuge, hugeStart, splitHuge } from './huge.ts'
import { mmRoot } from './mm.ts'
import {
  ENTRIES,
  entryAt,
  freeSpareLeaf,
  hugeWord,
  LEAF_LEVEL,
  lockSpot,
  NO_TABLE,
  skipMissing,
  storeEntry,
  type Table,
  takeLeaf,
  unlockSpot,
} from './pagetable.ts'
import { isMigrationEntry, isSwapEntry, PTE_DIRTY, pteFrame, pteMapsFrame, ptePresent } from './pte.ts'
import { putSlot } from './swapslot.ts'
import { type Vma, vmaIsShared, vmaMm } from './vma.ts'

/** Clears every entry of `vma` in [first, last], which lies inside it. Takes and drops leaf locks. */
export function zapRange(task: Task, vma: Vma, first: number, last: number): void {
  const root = mmRoot(task, vmaMm(task, vma))
  for (let vpn = first; vpn <= last; ) {
    tick(task)
    const spot = lockSpot(task, root, vpn)
    if (spot === NO_TABLE) {
      vpn = skipMissing(task, root, vpn)
      continue
    }
    const end = Math.min(last, hugeStart(vpn) + ENTRIES - 1)
    const huge = hugeWord(spot)
    if (huge !== 0 && !coversHuge(vpn, end)) {
      unlockSpot(task, spot, vpn)
      splitHuge(task, vma, vpn)
      continue
    }
    const next = huge !== 0 ? zapHuge(task, huge, vpn) : zapLeaf(task, vma, spot as Table, vpn, end)
    unlockSpot(task, spot, vpn)
    if (gatherIsFull(task)) gatherFlush(task)
    vpn = next
  }
}

/** Clears a huge entry, whole. Pmd lock held. Returns the first page behind it. */
function zapHuge(task: Task, pmd: WordAt, vpn: number): number {
  const entry = atomicXchg(task, pmd, 0)
  freeSpareLeaf(task, takeLeaf(task, pmd, vpn))
  if (ptePresent(entry)) gatherCleared(task)
  dropEntry(task, entry)
  return vpn + ENTRIES
}

/** Clears entries [vpn, end] of one locked leaf, as far as the gather has room. Returns the first page not done. */
function zapLeaf(task: Task, vma: Vma, leaf: Table, vpn: number, end: number): number {
  let flushNow = false
  let page = vpn
  for (let room = true; room && page <= end; page++) {
    const at = entryAt(leaf, LEAF_LEVEL, page)
    if (get(task, at) === 0) continue
    const entry = clearEntry(task, at)
    if (ptePresent(entry)) gatherCleared(task)
    if (ptePresent(entry) && (entry & PTE_DIRTY) !== 0 && vmaIsShared(task, vma)) {
      frameMarkDirty(task, pteFrame(entry))
      flushNow = true
    }
    room = dropEntry(task, entry)
  }
  // Whoever next finds the dirty page clean in every entry must not meet a CPU that still writes through its TLB.
  if (flushNow) gatherFlushTlb(task)
  return page
}

/** Clears one entry and returns what it was. A present one atomically: the hardware may be setting DIRTY. Leaf lock held. */
export function clearEntry(task: Task, at: WordAt): number {
  const entry = get(task, at)
  if (ptePresent(entry)) return atomicXchg(task, at, 0)
  storeEntry(task, at, 0)
  return entry
}

/** Gives back what a cleared entry held. False when the gather is full. Leaf lock held. */
function dropEntry(task: Task, entry: number): boolean {
  const frame = pteFrame(entry)
  if (isSwapEntry(entry)) {
    putSlot(task, frame)
    return true
  }
  // A migration entry holds nothing: the reference is the migration's. The page of zeros is nobody's.
  if (isMigrationEntry(entry) || frame === ZERO_FRAME) return true
  if (pteMapsFrame(entry)) frameMapDec(task, frame) // a device-exclusive entry keeps a reference, and is not counted
  return gatherFrame(task, frame)
}
