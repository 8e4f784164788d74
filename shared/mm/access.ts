/**
 * What user code on a CPU does: load, store and atomic add through the CPU's TLB, with page faults behind them.
 *
 *     INSIDE, flush generation, TLB or hardware walk, touch, OUTSIDE        the access, in hardware
 *     no translation: mmap_sem read, find the area, handleFault, again      the fault, in the kernel
 *
 * The hardware walk reads upper tables and leaves without any lock, by atomic loads: tables and frames that it can reach
 * are freed only after a flush that waits for it. It sets YOUNG and DIRTY in the leaf by compare-and-exchange.
 */
import { frameData, frameGenerationQuiet } from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { PROBE, probe } from '../seam/probe.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { handleFault } from './fault.ts'
import { FAULT } from './faultcode.ts'
import { hugePart } from './huge.ts'
import { currentMm, mmFlushGen, mmRoot } from './mm.ts'
import { entryAt, findPmd, isTableEntry, LEAF_LEVEL, tableOf } from './pagetable.ts'
import { PTE_DIRTY, PTE_WRITE, PTE_YOUNG, pteFrame, ptePresent, pteWritable } from './pte.ts'
import { enterInside, leaveInside } from './shootdown.ts'
import { tlbEntry, tlbFill, tlbFind, tlbFrameGeneration, tlbSync } from './tlb.ts'
import { findVma, NO_VMA, VM_RIGHTS, VM_WRITE, vmaFlags, vmaStart } from './vma.ts'

/** How a user access ended. */
export const ACCESS = { ok: 0, segv: 1, sigbus: 2, oom: 3 } as const

/** Kinds of access. Values double as "writes" when not 0. */
export const ACCESS_LOAD = 0
export const ACCESS_STORE = 1
export const ACCESS_ADD = 2

/** Value of this thread's last user access: what was loaded, or what was there before an add. */
let accessed = 0
/** The second word of a 64-bit load. */
let accessedHigh = 0

export function accessValue(): number {
  return accessed
}

export function accessValueHigh(): number {
  return accessedHigh
}

/** Loads the 32-bit word `word` (0..1023) of page `vpn` of the current mm. The value is in accessValue(). */
export function userLoad(task: Task, vpn: number, word = 0): number {
  return userAccess(task, vpn, word, ACCESS_LOAD, 0, 0, 1)
}

/** Stores a 32-bit word. */
export function userStore(task: Task, vpn: number, word: number, value: number): number {
  return userAccess(task, vpn, word, ACCESS_STORE, value, 0, 1)
}

/** Atomically adds to a 32-bit word; accessValue() is what was there before. */
export function userAdd(task: Task, vpn: number, word: number, amount: number): number {
  return userAccess(task, vpn, word, ACCESS_ADD, amount, 0, 1)
}

/** Loads the 64-bit word at the start of the page: accessValue() and accessValueHigh(). Not atomic as a whole. */
export function userLoad64(task: Task, vpn: number): number {
  return userAccess(task, vpn, 0, ACCESS_LOAD, 0, 0, 2)
}

/** Stores the 64-bit word at the start of the page. Not atomic as a whole. */
export function userStore64(task: Task, vpn: number, low: number, high: number): number {
  return userAccess(task, vpn, 0, ACCESS_STORE, low, high, 2)
}

function userAccess(task: Task, vpn: number, word: number, kind: number, low: number, high: number, words: number): number {
  const mm = currentMm(task)
  for (;;) {
    if (touch(task, mm, vpn, word, kind, low, high, words)) return ACCESS.ok
    const ended = userFault(task, mm, vpn, kind !== ACCESS_LOAD)
    if (ended !== ACCESS.ok) return ended
  }
}

/** One try in hardware. False: no translation with the rights that are needed. */
function touch(task: Task, mm: Mm, vpn: number, word: number, kind: number, low: number, high: number, words: number): boolean {
  const write = kind !== ACCESS_LOAD
  enterInside(task)
  tlbSync(task, mmFlushGen(mm))
  let slot = tlbFind(task, mm, vpn)
  if (slot === 0 || (write && !pteWritable(tlbEntry(task, slot)))) slot = walk(task, mm, vpn, write)
  if (slot === 0) {
    leaveInside(task)
    return false
  }
  const entry = tlbEntry(task, slot)
  const at = frameData(task, pteFrame(entry)) + word
  probe(task, PROBE.cpuTouch, mm, vpn, entry, tlbFrameGeneration(task, slot), write ? 1 : 0)
  if (kind === ACCESS_ADD) {
    accessed = atomicAdd(task, at, low)
    probe(task, PROBE.added, mm, vpn, word, low, 0, accessed)
  } else if (kind === ACCESS_STORE) {
    atomicStore(task, at, low)
    if (words === 2) atomicStore(task, at + 1, high)
  } else {
    accessed = atomicLoad(task, at)
    accessedHigh = words === 2 ? atomicLoad(task, at + 1) : 0
  }
  probe(task, PROBE.cpuTouch, mm, vpn, entry, tlbFrameGeneration(task, slot), write ? 1 : 0)
  leaveInside(task)
  return true
}

/** The hardware's page-table walk. Returns the TLB slot it filled, or 0. INSIDE. */
function walk(task: Task, mm: Mm, vpn: number, write: boolean): WordAt {
  const pmd = findPmd(task, mmRoot(task, mm), vpn)
  for (;;) {
    const upper = pmd === 0 ? 0 : atomicLoad(task, pmd)
    if (upper === 0) return 0
    const huge = !isTableEntry(upper)
    const at = huge ? pmd : entryAt(tableOf(upper), LEAF_LEVEL, vpn)
    const entry = huge ? upper : atomicLoad(task, at)
    if (!ptePresent(entry) || (write && !pteWritable(entry))) return 0
    const marked = entry | PTE_YOUNG | (write ? PTE_DIRTY : 0)
    if (marked !== entry && atomicCas(task, at, entry, marked) !== entry) continue
    // A translation cached by a read has no DIRTY to set later, so it is cached without WRITE and walked again by a write. Of a
    // huge entry the TLB keeps the one page.
    const page = huge ? hugePart(marked, vpn) : marked
    return tlbFill(task, mm, vpn, write ? page : page & ~PTE_WRITE, frameGenerationQuiet(task, pteFrame(page)))
  }
}

/** The kernel's part of a failed access. `ok`: try again. */
function userFault(task: Task, mm: Mm, vpn: number, write: boolean): number {
  countStat(task, STAT.cpuFaults)
  downRead(task, mmapSem(mm), MMAP_SEM)
  const vma = findVma(task, mm, vpn)
  let ended: number = ACCESS.segv
  if (vma !== NO_VMA && vmaStart(task, vma) <= vpn) {
    const flags = vmaFlags(task, vma)
    // As on x86: any right at all makes an area readable for the CPU.
    if (write ? (flags & VM_WRITE) !== 0 : (flags & VM_RIGHTS) !== 0) {
      const result = handleFault(task, vma, vpn, write)
      ended =
        result === FAULT.done
          ? ACCESS.ok
          : result === FAULT.oom
            ? ACCESS.oom
            : result === FAULT.sigbus
              ? ACCESS.sigbus
              : ACCESS.segv
    }
  }
  upRead(task, mmapSem(mm))
  return ended
}
