/**
 * NUMA hints: present entries become PROT_NONE although their area has rights, so that the next touch says by its fault who uses the page
 * (automatic NUMA balancing). The page stays where it is, as there are no nodes here, and the fault gives the rights back.
 *
 *     start PROTECTION_VMA, entries -> PROT_NONE, end, flush CPU TLBs
 *
 * Left alone: pages of zeros, hugetlb, areas without rights. An event of 2016 is made of it only where the area may not be written
 * (hmm/eventsource.ts): the device may use the old rights. (Linux mm/mempolicy.c change_prot_numa, 5.2.)
 */
import { ZERO_FRAME } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { vmaIsHugetlb } from './huge.ts'
import { changeRange, hideEntry } from './mprotect.ts'
import { pteFrame, ptePresent } from './pte.ts'
import { flushTlb } from './shootdown.ts'
import { findVma, NO_VMA, nextVma, VM_RIGHTS, type Vma, vmaFlags, vmaLast, vmaStart } from './vma.ts'

/** Gives hints to pages [first, last], mapped or not. Takes MMAP_SEM for reading; no lock held. Sleeps. */
export function numaHint(task: Task, mm: Mm, first: number, last: number): void {
  let flush = false
  downRead(task, mmapSem(mm), MMAP_SEM)
  for (let vma = findVma(task, mm, first); vma !== NO_VMA && vmaStart(task, vma) <= last; vma = nextVma(task, vma)) {
    if (vmaIsHugetlb(task, vma) || (vmaFlags(task, vma) & VM_RIGHTS) === 0) continue
    const from = Math.max(first, vmaStart(task, vma))
    if (changeRange(task, mm, vma, from, Math.min(last, vmaLast(task, vma)), hint)) flush = true
  }
  if (flush) flushTlb(task, mm)
  upRead(task, mmapSem(mm))
}

function hint(task: Task, _vma: Vma, at: WordAt): boolean {
  const entry = get(task, at)
  return ptePresent(entry) && pteFrame(entry) !== ZERO_FRAME && hideEntry(task, at)
}
