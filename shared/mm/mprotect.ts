/**
 * mprotect: new rights for a span. Event PROTECTION_VMA for each run of areas, from the first populated stretch on; nothing
 * populated, nobody to tell. MMAP_SEM is held for writing throughout.
 *
 *     start, change entries, end, flush CPU TLBs        (Linux mm/mprotect.c, 6.12: the flush comes after the end)
 *
 * Taking rights away changes entries at once. Giving WRITE is left to the next fault, except where the frame is the area's
 * own: then the entry becomes writable here (kernel: can_change_pte_writable).
 */
import { FRAME_EXCLUSIVE, frameFlags } from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import { EINVAL, ENOMEM } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicAnd, atomicOr, atomicXchg } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { coversHuge, hugeStart, splitHuge, vmaIsHugetlb } from './huge.ts'
import { mergeWithNeighbours } from './merge.ts'
import { mmRoot } from './mm.ts'
import { splitEdges } from './munmap.ts'
import {
  ENTRIES,
  entryAt,
  hugeWord,
  LEAF_LEVEL,
  lockSpot,
  NO_TABLE,
  skipMissing,
  storeEntry,
  type Table,
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
  pteKind,
  ptePresent,
} from './pte.ts'
import { flushTlb } from './shootdown.ts'
import {
  findVma,
  LAST_VPN,
  NO_VMA,
  nextVma,
  VM_ACCOUNT,
  VM_HUGETLB,
  VM_RIGHTS,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  vmaFlags,
  vmaIsAnonymous,
  vmaIsShared,
  vmaLast,
  vmaOwns,
  vmaSetFlags,
  vmaStart,
} from './vma.ts'

/**
 * Gives pages [start, start + pages) the rights `rights` (VM_READ, VM_WRITE, VM_EXEC bits, possibly none). 0, also for no
 * pages; -EINVAL for unknown rights; -ENOMEM when part of the span is not mapped (what lies before that hole is changed) or
 * lies beyond the address space, or an area cannot be split. Takes MMAP_SEM for writing.
 */
export function mprotect(task: Task, mm: Mm, start: number, pages: number, rights: number): number {
  tick(task)
  if ((rights & ~VM_RIGHTS) !== 0 || !Number.isInteger(start) || !Number.isInteger(pages) || start < 0 || pages < 0)
    return -EINVAL
  if (pages === 0) return 0
  const last = start + pages - 1
  if (last > LAST_VPN) return -ENOMEM
  downWrite(task, mmapSem(mm), MMAP_SEM)
  const result = protectLocked(task, mm, start, last, rights)
  upWrite(task, mmapSem(mm))
  return result
}

function protectLocked(task: Task, mm: Mm, start: number, last: number, rights: number): number {
  let vma = findVma(task, mm, start)
  if (vma === NO_VMA || vmaStart(task, vma) > start) return -ENOMEM
  let flush = false
  let result = 0
  let at = start
  while (at <= last && result === 0) {
    if (vma === NO_VMA || vmaStart(task, vma) > at) {
      result = -ENOMEM
      break
    }
    const end = Math.min(last, vmaLast(task, vma))
    if ((vmaFlags(task, vma) & VM_RIGHTS) !== rights) {
      result = splitEdges(task, mm, at, end)
      if (result !== 0) break
      vma = findVma(task, mm, at)
      vmaSetFlags(task, vma, changedFlags(task, vma, rights))
      vma = mergeWithNeighbours(task, vma)
      if (changeRange(task, mm, vma, at, end, changeEntry)) flush = true
    }
    at = end + 1
    if (vmaLast(task, vma) < at) vma = nextVma(task, vma)
  }
  if (flush) flushTlb(task, mm)
  return result
}

/**
 * The area's flags with other rights. Private memory is accounted once it may be written, and no more when that right goes
 * before it has made a frame.
 */
function changedFlags(task: Task, vma: Vma, rights: number): number {
  const flags = (vmaFlags(task, vma) & ~VM_RIGHTS) | rights
  if ((rights & VM_WRITE) !== 0) return (flags & (VM_SHARED | VM_HUGETLB)) === 0 ? flags | VM_ACCOUNT : flags
  return vmaIsAnonymous(task, vma) && !vmaOwns(task, vma) ? flags & ~VM_ACCOUNT : flags
}

/** Changes one entry, small or huge, whose lock is held. True when a present one lost a right. */
type Change = (task: Task, vma: Vma, at: WordAt) => boolean

/**
 * Changes the entries of [first, last], within one event. True when a present entry lost a right: the caller flushes TLBs. 2 MiB
 * entries that the span covers in part are split. MMAP_SEM held.
 */
export function changeRange(task: Task, mm: Mm, vma: Vma, first: number, last: number, change: Change): boolean {
  const root = mmRoot(task, mm)
  let populated = first
  // Of hugetlb the whole span is told, populated or not.
  while (populated <= last && !vmaIsHugetlb(task, vma)) {
    const next = skipMissing(task, root, populated)
    if (next === populated) break
    populated = next
  }
  if (populated > last) return false
  const range = rangeInit(task, mm, populated, last, NOTIFY.protectionVma)
  invalidateRangeStart(task, range)
  let lost = false
  for (let vpn = populated; vpn <= last; ) {
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
    const step = huge !== 0 ? ENTRIES : 1
    for (let page = vpn; page <= end; page += step) {
      if (change(task, vma, huge !== 0 ? huge : entryAt(spot as Table, LEAF_LEVEL, page))) lost = true
    }
    unlockSpot(task, spot, vpn)
    vpn = end + 1
  }
  invalidateRangeEnd(task, range)
  return lost
}

/** Brings an entry in line with the area's rights. Its lock is held. True when it was present and lost a right. */
export function changeEntry(task: Task, vma: Vma, at: WordAt): boolean {
  const entry = get(task, at)
  if (entry === 0) return false
  const rights = vmaFlags(task, vma) & VM_RIGHTS
  if (!ptePresent(entry) && pteKind(entry) !== PTE_KIND.protNone) {
    // Special entries lose the write right whatever the new rights are, and nothing but a fault gives it back. A swap entry's
    // WRITE says something else.
    if (pteKind(entry) !== PTE_KIND.swap) storeEntry(task, at, entry & ~PTE_WRITE)
    return false
  }
  if (rights === 0) return ptePresent(entry) && hideEntry(task, at)
  if (pteKind(entry) === PTE_KIND.protNone) {
    storeEntry(task, at, makePte(pteFrame(entry), (entry & HIDDEN_BITS) | (mayWrite(task, vma, entry) ? PTE_WRITE : 0)))
    return false
  }
  if ((rights & VM_WRITE) === 0) return (atomicAnd(task, at, ~PTE_WRITE) & PTE_WRITE) !== 0
  if (mayWrite(task, vma, entry)) atomicOr(task, at, PTE_WRITE)
  return false
}

const HIDDEN_BITS = PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG | PTE_HUGE

/** Makes a present entry PROT_NONE; changeEntry brings it back. Its lock is held. Returns true. */
export function hideEntry(task: Task, at: WordAt): boolean {
  const entry = get(task, at)
  // Never empty in between: a reverse walk takes no lock to find that nothing is there.
  const before = atomicXchg(task, at, makeEntry(PTE_KIND.protNone, pteFrame(entry), entry & HIDDEN_BITS))
  storeEntry(task, at, makeEntry(PTE_KIND.protNone, pteFrame(before), before & HIDDEN_BITS))
  return true
}

/** May the entry be writable without a fault in an area that is? Only if a write needs no copy and no bookkeeping. */
function mayWrite(task: Task, vma: Vma, entry: number): boolean {
  if ((vmaFlags(task, vma) & VM_WRITE) === 0) return false
  const frame = pteFrame(entry)
  if (frame === ZERO_FRAME) return false
  if (vmaIsShared(task, vma)) return true
  if (vmaIsHugetlb(task, vma)) return false // its own way of changing rights never looks whose the page is
  return (frameFlags(task, frame) & FRAME_EXCLUSIVE) !== 0
}
