/**
 * madvise free: private pages that may be dropped instead of swapped, unless they are written again. Nothing is unmapped:
 * entries and frames become clean, and devices let go once (event CLEAR). Pages that are swapped out already are given up.
 *
 *     madvise free                             CPU with a cached, dirty translation
 *     clears DIRTY in the entry
 *                                              writes through its TLB: the entry stays clean
 *     flush, under the page-table lock
 *                                              walks again, sets DIRTY             [Required: the write keeps the page]
 *
 * (Linux mm/madvise.c madvise_free_pte_range, mm/huge_memory.c madvise_free_huge_pmd, 6.12.)
 */
import {
  BLOCK_FRAMES,
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_LAZY_FREE,
  type Frame,
  frameClearFlags,
  frameFlags,
  frameHead,
  frameIsBlock,
  frameMaps,
  frameSetFlags,
} from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import { EINVAL } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicAnd } from '../seam/atomics.ts'
import { get, put } from '../seam/plain.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { coversHuge, hugeStart, vmaIsHugetlb } from './huge.ts'
import { mmRoot } from './mm.ts'
import { ENTRIES, entryAt, hugeWord, LEAF_LEVEL, lockSpot, skipMissing, type Table, unlockSpot } from './pagetable.ts'
import { isSwapEntry, PTE_DIRTY, PTE_YOUNG, pteFrame, ptePresent } from './pte.ts'
import { flushTlb } from './shootdown.ts'
import { splitPartly } from './splitfolio.ts'
import { putSlot } from './swapslot.ts'
import { type Vma, vmaIsAnonymous, vmaMm } from './vma.ts'

/** Applies the advice to [first, last] of `vma`. 0, or -EINVAL for memory that is not private and anonymous. MMAP_SEM held. */
export function lazyFree(task: Task, vma: Vma, first: number, last: number): number {
  if (!vmaIsAnonymous(task, vma) || vmaIsHugetlb(task, vma)) return -EINVAL
  const mm = vmaMm(task, vma)
  const range = rangeInit(task, mm, first, last, NOTIFY.clear)
  invalidateRangeStart(task, range)
  for (let vpn = first; vpn <= last; ) {
    const end = Math.min(last, hugeStart(vpn) + ENTRIES - 1)
    splitPartly(task, vma, vpn, end)
    const spot = lockSpot(task, mmRoot(task, mm), vpn)
    if (spot === 0) {
      vpn = skipMissing(task, mmRoot(task, mm), vpn)
      continue
    }
    const huge = hugeWord(spot)
    const changed = huge === 0 ? freeEntries(task, spot as Table, vpn, end) : coversHuge(vpn, end) && freeBlock(task, huge)
    if (changed) flushTlb(task, mm)
    unlockSpot(task, spot, vpn)
    vpn = end + 1
  }
  invalidateRangeEnd(task, range)
  return 0
}

/** Leaf lock held. True when a present entry was changed. */
function freeEntries(task: Task, leaf: Table, first: number, last: number): boolean {
  let changed = false
  for (let page = first; page <= last; page++) {
    const at = entryAt(leaf, LEAF_LEVEL, page)
    const entry = get(task, at)
    if (isSwapEntry(entry)) {
      put(task, at, 0)
      putSlot(task, pteFrame(entry))
    } else if (ptePresent(entry) && !sticksOut(task, pteFrame(entry), page, first, last) && freeEntry(task, at, pteFrame(entry)))
      changed = true
  }
  return changed
}

/** Is it a piece of a block that [first, last] covers only in part, and that could not be taken apart? */
function sticksOut(task: Task, frame: Frame, page: number, first: number, last: number): boolean {
  if (!frameIsBlock(task, frame)) return false
  const begin = page - (frame - frameHead(task, frame))
  return begin < first || begin + BLOCK_FRAMES - 1 > last
}

/** A page, or a piece of a block that this area maps alone: whoever shares a page decides for nobody else. */
function freeEntry(task: Task, at: WordAt, frame: Frame): boolean {
  if (frame === ZERO_FRAME || (frameFlags(task, frame) & FRAME_ANON) === 0) return false
  if (frameMaps(task, frame) !== (frameIsBlock(task, frame) ? BLOCK_FRAMES : 1)) return false
  return makeLazy(task, at, frame)
}

/** Pmd lock held. */
function freeBlock(task: Task, pmd: WordAt): boolean {
  const head = pteFrame(get(task, pmd))
  return head !== ZERO_FRAME && frameMaps(task, head) === 1 && makeLazy(task, pmd, head)
}

function makeLazy(task: Task, at: WordAt, frame: Frame): boolean {
  frameClearFlags(task, frameHead(task, frame), FRAME_DIRTY)
  frameSetFlags(task, frameHead(task, frame), FRAME_LAZY_FREE)
  probe(task, PROBE.frameCleaned, frame)
  return (atomicAnd(task, at, ~(PTE_DIRTY | PTE_YOUNG)) & PTE_DIRTY) !== 0
}
