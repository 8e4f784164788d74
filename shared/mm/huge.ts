/**
 * Entries of 2 MiB: what all that meet one have in common, and splitting it into 512 of 4 KiB.
 *
 *   HUGE, PRESENT, frame = head of a block      a transparent huge page, or one of hugetlb
 *   HUGE, PRESENT, frame = the page of zeros    a huge span that was only read: each of its pages is the page of zeros, and
 *                                               none of them says so (the kernel has a huge zero page of its own)
 *   HUGE, KIND protNone                         either, in an area without rights, or hidden by a NUMA hint
 *   HUGE, KIND splitting                        for the moment of a split: who finds it waits for the lock of the table
 *
 * An entry of 2 MiB counts once in its block's REF and MAP, 512 entries count 512 times.
 *
 *     split                                    CPU, through the hardware walk
 *     start CLEAR, all 512 pages
 *     pmd lock, entry -> splitting
 *                                              sets DIRTY in the entry: fails, walks again
 *     flush TLBs
 *     fills the stored leaf, links it
 *     unlock, end
 *
 * The frames stay, but devices are told: a mirror may hold 2 MiB mappings of its own. (Linux mm/huge_memory.c, 6.12.)
 */
import { FRAME_EXCLUSIVE, type Frame, frameCountPieces, frameFlags } from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicLoad, atomicXchg } from '../seam/atomics.ts'
import { put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { mmRoot } from './mm.ts'
import { ENTRIES, entryAt, hugeWord, LEAF_LEVEL, linkLeaf, lockSpot, takeLeaf, unlockSpot } from './pagetable.ts'
import { FRAME_SHIFT, makeEntry, PTE_HUGE, PTE_KIND, PTE_WRITE, pteFrame, ptePresent } from './pte.ts'
import { flushTlb } from './shootdown.ts'
import { VM_HUGETLB, type Vma, vmaFlags, vmaLast, vmaMm, vmaStart } from './vma.ts'

/** First page of the 2 MiB span that page `vpn` is in. */
export function hugeStart(vpn: number): number {
  return vpn - (vpn % ENTRIES)
}

/** Does [first, last] begin and end with 2 MiB spans? */
export function coversHuge(first: number, last: number): boolean {
  return first % ENTRIES === 0 && last - first >= ENTRIES - 1
}

/** Is the whole 2 MiB span of page `vpn` within the area? */
export function hugeFits(task: Task, vma: Vma, vpn: number): boolean {
  return hugeStart(vpn) >= vmaStart(task, vma) && hugeStart(vpn) + ENTRIES - 1 <= vmaLast(task, vma)
}

export function vmaIsHugetlb(task: Task, vma: Vma): boolean {
  return (vmaFlags(task, vma) & VM_HUGETLB) !== 0
}

/** The frame that a huge entry has for page `vpn`. */
export function hugePiece(entry: number, vpn: number): Frame {
  const frame = pteFrame(entry)
  return frame === ZERO_FRAME ? ZERO_FRAME : ((frame + (vpn % ENTRIES)) as Frame)
}

/** A huge entry as page `vpn` sees it: with the frame of that page. Keeps HUGE. */
export function hugePart(entry: number, vpn: number): number {
  return entry === 0 || pteFrame(entry) === ZERO_FRAME ? entry : (entry + ((vpn % ENTRIES) << FRAME_SHIFT)) | 0
}

/** Splits the huge entry that maps page `vpn`, if there is one. Event CLEAR over its 2 MiB. Caller holds MMAP_SEM, no page-table lock. */
export function splitHuge(task: Task, vma: Vma, vpn: number): void {
  const mm = vmaMm(task, vma)
  const first = hugeStart(vpn)
  const range = rangeInit(task, mm, first, first + ENTRIES - 1, NOTIFY.clear)
  invalidateRangeStart(task, range)
  const spot = lockSpot(task, mmRoot(task, mm), vpn)
  if (hugeWord(spot) !== 0) splitLocked(task, mm, hugeWord(spot), vpn)
  if (spot !== 0) unlockSpot(task, spot, vpn)
  invalidateRangeEnd(task, range)
}

/** Splits the huge entry at `pmd`. Pmd lock held, inside a window over the 2 MiB. */
export function splitLocked(task: Task, mm: Mm, pmd: WordAt, vpn: number): void {
  const seen = atomicLoad(task, pmd)
  const entry = atomicXchg(task, pmd, makeEntry(PTE_KIND.splitting, pteFrame(seen), PTE_HUGE))
  if (ptePresent(entry)) flushTlb(task, mm)
  const head = pteFrame(entry)
  if (head !== ZERO_FRAME) frameCountPieces(task, head)
  const leaf = takeLeaf(task, pmd, vpn)
  const first = hugeStart(vpn)
  const single = (head === ZERO_FRAME ? entry & ~PTE_WRITE : entry) & ~PTE_HUGE
  for (let i = 0; i < ENTRIES; i++) put(task, entryAt(leaf, LEAF_LEVEL, first + i), hugePart(single, first + i))
  linkLeaf(task, mm, pmd, vpn, leaf)
}

/** May the entry of a private huge page be writable without a copy? */
export function hugeIsOwn(task: Task, entry: number): boolean {
  return pteFrame(entry) !== ZERO_FRAME && (frameFlags(task, pteFrame(entry)) & FRAME_EXCLUSIVE) !== 0
}
