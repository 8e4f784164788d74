/**
 * madvise collapse: 2 MiB of small private pages become one block, copied into it at once. What is swapped out, in device memory
 * or held exclusively is brought home first; what was never touched becomes zeros.
 *
 *     MMAP_SEM write, start CLEAR, reverse-map locks; looks again, pmd lock
 *     entry -> splitting, flush TLBs       from here on no CPU reaches the pages
 *     copies, clears the leaf
 *     entry -> the block, end              the leaf goes after a grace period
 *
 * (Linux mm/khugepaged.c madvise_collapse, 6.12. Collapsing the page cache of shared memory is not modelled.)
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameCopy,
  frameHead,
  frameMapDec,
  frameMapInc,
  frameMaps,
  frameRefs,
  frameSetMapping,
  NO_FRAME,
} from '../frame/frames.ts'
import { blockAllocZeroed, framePut, ZERO_FRAME } from '../frame/zones.ts'
import { EAGAIN, EINVAL, ENOMEM } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicLoad, atomicXchg } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { handleFault } from './fault.ts'
import { FAULT } from './faultcode.ts'
import { vmaIsHugetlb } from './huge.ts'
import { mmRoot } from './mm.ts'
import {
  allocSpareLeaf,
  ENTRIES,
  entryAt,
  findPmd,
  freeSpareLeaf,
  freeUnlinked,
  isTableEntry,
  LEAF_LEVEL,
  lockLeaf,
  lockPmd,
  NO_TABLE,
  retireLeaf,
  storeEntry,
  storeLeaf,
  type Table,
  tableOf,
  unlockLeaf,
  unlockPmd,
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
import { flushTlb } from './shootdown.ts'
import { VM_NOHUGEPAGE, VM_WRITE, type Vma, vmaFlags, vmaIndex, vmaIsAnonymous, vmaMm, vmaOwner, vmaOwns } from './vma.ts'
import { lockRmaps, unlockRmaps } from './vmalink.ts'

/**
 * Collapses every whole 2 MiB span in [first, last] of `vma`. 0 if all of them are blocks now; -EINVAL if a span is not of the
 * kind, -EAGAIN if somebody holds a page of it, -ENOMEM. MMAP_SEM held for writing.
 */
export function collapse(task: Task, vma: Vma, first: number, last: number): number {
  const refused = (vmaFlags(task, vma) & VM_NOHUGEPAGE) !== 0 || !vmaIsAnonymous(task, vma) || vmaIsHugetlb(task, vma)
  const start = Math.ceil(first / ENTRIES) * ENTRIES
  const end = last + 1 - ((last + 1) % ENTRIES)
  if (refused || end < start) return -EINVAL
  let failed = 0
  for (let vpn = start; vpn < end; vpn += ENTRIES) {
    const result = collapseSpan(task, vma, vpn)
    if (result === -ENOMEM) return result
    if (result !== 0) failed = result
  }
  return failed
}

function collapseSpan(task: Task, vma: Vma, vpn: number): number {
  const root = mmRoot(task, vmaMm(task, vma))
  const pmd = findPmd(task, root, vpn)
  const entry = pmd === 0 ? 0 : atomicLoad(task, pmd)
  if (entry !== 0 && !isTableEntry(entry)) return 0
  if (entry === 0 || !vmaOwns(task, vma)) return -EINVAL
  for (let page = vpn; page < vpn + ENTRIES; page++) {
    if (!bringHome(task, vma, page)) return -EINVAL
  }
  const ready = looksReady(task, vma, vpn)
  if (ready !== 0) return ready
  const spare = allocSpareLeaf(task)
  const head = spare === NO_TABLE ? NO_FRAME : blockAllocZeroed(task, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  if (head === NO_FRAME) {
    if (spare !== NO_TABLE) freeSpareLeaf(task, spare)
    return -ENOMEM
  }
  frameSetMapping(task, head, vmaOwner(task, vma), vmaIndex(task, vma, vpn))
  const result = collapseInto(task, vma, vpn, pmd, head, spare)
  if (result !== 0) {
    freeSpareLeaf(task, spare)
    framePut(task, head)
  }
  return result
}

/** Faults a page in that is neither present nor untouched. False when that fails. */
function bringHome(task: Task, vma: Vma, vpn: number): boolean {
  for (;;) {
    const entry = entryNow(task, vma, vpn)
    if (entry === 0 || ptePresent(entry)) return true
    if (handleFault(task, vma, vpn, false) !== FAULT.done) return false
  }
}

function entryNow(task: Task, vma: Vma, vpn: number): number {
  const leaf = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), vpn)
  if (leaf === NO_TABLE) return 0
  const entry = get(task, entryAt(leaf, LEAF_LEVEL, vpn))
  unlockLeaf(task, leaf)
  return entry
}

/** 0 if the pages may be copied away: one at least is writable, all are present, none is held by somebody who is no mapping. */
function looksReady(task: Task, vma: Vma, vpn: number): number {
  const leaf = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), vpn)
  let writable = false
  let held = false
  for (let page = vpn; leaf !== NO_TABLE && page < vpn + ENTRIES; page++) {
    const entry = get(task, entryAt(leaf, LEAF_LEVEL, page))
    if (entry === 0 || pteFrame(entry) === ZERO_FRAME) continue
    if (!ptePresent(entry)) held = true
    if (pteWritable(entry)) writable = true
    const head = frameHead(task, pteFrame(entry))
    if (frameRefs(task, head) !== frameMaps(task, head)) held = true
  }
  if (leaf !== NO_TABLE) unlockLeaf(task, leaf)
  return held ? -EAGAIN : writable ? 0 : -EINVAL
}

/** Collapses the span into block `head`, with `spare` put by for a later split. 0, or what looksReady has against it by now. */
function collapseInto(task: Task, vma: Vma, vpn: number, pmd: WordAt, head: Frame, spare: Table): number {
  const range = rangeInit(task, vmaMm(task, vma), vpn, vpn + ENTRIES - 1, NOTIFY.clear)
  invalidateRangeStart(task, range)
  lockRmaps(task, vma, true)
  // Reverse walks need no mmap_sem: only now nobody changes the entries any more.
  const result = looksReady(task, vma, vpn)
  const dropped = result === 0 ? replaceLeaf(task, vma, vpn, pmd, head, spare) : []
  unlockRmaps(task, vma, true)
  invalidateRangeEnd(task, range)
  for (const frame of dropped) framePut(task, frame)
  return result
}

/** Copies the leaf's pages into block `head` and maps that instead. Returns the frames whose references are to be dropped. */
function replaceLeaf(task: Task, vma: Vma, vpn: number, pmd: WordAt, head: Frame, spare: Table): Frame[] {
  const mm = vmaMm(task, vma)
  lockPmd(task, pmd, vpn)
  const leaf = tableOf(atomicXchg(task, pmd, makeEntry(PTE_KIND.splitting, head, PTE_HUGE)))
  flushTlb(task, mm)
  const dropped: Frame[] = []
  for (let i = 0; i < ENTRIES; i++) {
    const at = entryAt(leaf, LEAF_LEVEL, vpn + i)
    const entry = get(task, at)
    storeEntry(task, at, 0)
    if (entry === 0 || pteFrame(entry) === ZERO_FRAME) continue
    frameCopy(task, (head + i) as Frame, pteFrame(entry))
    frameMapDec(task, pteFrame(entry))
    dropped.push(pteFrame(entry))
  }
  retireLeaf(task, leaf)
  frameMapInc(task, head)
  storeLeaf(task, pmd, vpn, spare)
  const write = (vmaFlags(task, vma) & VM_WRITE) !== 0 ? PTE_WRITE : 0
  storeEntry(task, pmd, makePte(head, PTE_HUGE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG | write))
  unlockPmd(task, pmd, vpn)
  freeUnlinked(task, leaf)
  return dropped
}
