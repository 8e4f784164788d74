/**
 * What is done to a mirror page table: filling it from a snapshot, taking rights away, discarding, and the hardware's walk.
 *
 * Caller of fill, restrict and discard holds the mirror's update lock (the driver's); the directory locks below it are taken here.
 */
import { frameMarkDirty } from '../frame/frames.ts'
import { PAGE_BYTES, type WordAt } from '../memory/words.ts'
import { atomicAnd, atomicCas, atomicLoad } from '../seam/atomics.ts'
import { get, put } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { type Directory, directoryEntryAt, NO_DIRECTORY, pdeDirectory } from './directory.ts'
import { DIRECTORY_ENTRIES, directoryIndex } from './geometry.ts'
import { MirrorIterator } from './iterator.ts'
import { assertMirrorLocked, MIRROR_GEOMETRY, type Mirror, mirrorDevice, mirrorTable } from './mirror.ts'
import {
  hmmPteSetDirty,
  MIRROR_DIRTY,
  MIRROR_HW_SHIFT,
  MIRROR_VALID,
  MIRROR_VALID_DMA,
  MIRROR_WRITE,
  type MirrorPte,
  mirrorPteFrame,
  mirrorValid,
} from './mirrorpte.ts'
import { pruneRange } from './table.ts'

const LEAF = MIRROR_GEOMETRY.leafLevel
/** Bits that an entry keeps when it is filled again: what the engine and the driver put there without the lock. */
export const MIRROR_KEPT = MIRROR_DIRTY | (0xf << MIRROR_HW_SHIFT)
/** Bits that say which page an entry names: its number, and what kind of number that is. */
const NAMED = MIRROR_VALID | ~(PAGE_BYTES - 1)

/** An iterator over a mirror's table; finish() it. */
export function mirrorIterator(task: Task, mirror: Mirror): MirrorIterator {
  return new MirrorIterator(task, mirrorTable(task, mirror))
}

/**
 * Fills the entry of page `vpn`, which `generation` of its frame was read with. False when memory for a directory is out.
 * Caller holds the update lock and has checked its sequence; `iterator` belongs to this mirror.
 */
export function mirrorFill(
  task: Task,
  mirror: Mirror,
  iterator: MirrorIterator,
  vpn: number,
  pte: MirrorPte,
  generation: number,
): boolean {
  assertMirrorLocked(task, mirror)
  return fillWith(task, mirror, iterator, vpn, pte, generation, MIRROR_KEPT, 0)
}

/**
 * As mirrorFill, where HMM fills the table and faults on the same page may do so at once (era events): what another one found for
 * the same frame is kept, a right to write as well, and so is a mapping for DMA: as long as there is one, it is of this frame. No
 * update lock; the caller's fault is on the list (hmm/activefault.ts).
 */
export function mirrorMerge(
  task: Task,
  mirror: Mirror,
  iterator: MirrorIterator,
  vpn: number,
  pte: MirrorPte,
  generation: number,
): boolean {
  return fillWith(task, mirror, iterator, vpn, pte, generation, MIRROR_KEPT | MIRROR_WRITE, MIRROR_VALID_DMA)
}

function fillWith(
  task: Task,
  mirror: Mirror,
  iterator: MirrorIterator,
  vpn: number,
  pte: MirrorPte,
  generation: number,
  keep: number,
  keptKind: number,
): boolean {
  const at = iterator.populate(vpn)
  if (at === 0) return false
  iterator.lockLeaf()
  const added = fillEntry(task, at, pte, generation, keep, keptKind)
  probe(task, PROBE.mirrorInstall, mirrorDevice(task, mirror), mirror, vpn, pte, generation)
  iterator.unlockLeaf()
  iterator.countValid(added)
  return true
}

/** May entries that no fill in progress can meet be looked at and stored plainly: is nobody listening, and nobody scheduling? */
export function mirrorFillsPlainly(task: Task): boolean {
  return task.gate === 0 && !task.checked && task.probes[PROBE.mirrorInstall] === null
}

/** Would a fill with `pte` leave an entry as it is? */
export function mirrorIsFilled(before: MirrorPte, pte: MirrorPte): boolean {
  return ((before ^ pte) & ~MIRROR_KEPT) === 0
}

/** As mirrorFill, of the entry at `at`, whose leaf directory is locked. Returns the change in valid entries, for countValid. */
export function mirrorFillLocked(
  task: Task,
  mirror: Mirror,
  at: WordAt,
  vpn: number,
  pte: MirrorPte,
  generation: number,
): number {
  const added = fillEntry(task, at, pte, generation, MIRROR_KEPT, 0)
  probe(task, PROBE.mirrorInstall, mirrorDevice(task, mirror), mirror, vpn, pte, generation)
  return added
}

/** Returns the change in valid entries. An entry of `keptKind` stays and is given no more than the right to write. Directory lock held. */
function fillEntry(task: Task, at: WordAt, pte: MirrorPte, generation: number, keep: number, keptKind: number): number {
  put(task, generationOfEntry(at), generation)
  for (;;) {
    const before = atomicLoad(task, at) as MirrorPte
    if ((before & keptKind) !== 0) {
      if (atomicCas(task, at, before, before | (pte & MIRROR_WRITE)) === before) return 0
      continue
    }
    // DIRTY belongs to the page it was set for: it stays only while the entry names the same one, as the same kind.
    const kept = mirrorValid(before) && ((before ^ pte) & NAMED) === 0 ? before & keep : 0
    if (atomicCas(task, at, before, pte | kept) === before) return (mirrorValid(pte) ? 1 : 0) - (mirrorValid(before) ? 1 : 0)
  }
}

/**
 * Takes rights away from pages [start, last]: each entry is ANDed with `keep`. 0 clears it; ~MIRROR_WRITE write-protects.
 * Dirty bits go to their frames here, while the CPU's entries still keep those frames. Returns how many entries lost a
 * right: if any did, the device's TLB must be flushed before the callback returns.
 */
export function mirrorRestrict(task: Task, mirror: Mirror, start: number, last: number, keep: number): number {
  assertMirrorLocked(task, mirror)
  let lost = 0
  eachRun(task, mirror, start, last, (from, end) => {
    let removed = 0
    for (let at = from; at < end; at++) {
      if (get(task, at) === 0) continue // written under this lock only, but for DIRTY on valid entries
      const before = atomicAnd(task, at, keep & ~MIRROR_DIRTY) as MirrorPte
      if ((before & MIRROR_DIRTY) !== 0 && (before & MIRROR_VALID_DMA) === 0) frameMarkDirty(task, mirrorPteFrame(before))
      if ((before & ~keep & (MIRROR_VALID | MIRROR_WRITE)) !== 0) lost++
      if (mirrorValid(before) && (before & keep & MIRROR_VALID) === 0) removed++
    }
    return -removed
  })
  return lost
}

/**
 * Visits the entries of pages [start, last] that have a leaf directory, leaf by leaf, each locked: the words [from, end) of those
 * from page `vpn` on. `visit` returns by how much the number of valid entries changed.
 */
export function eachRun(
  task: Task,
  mirror: Mirror,
  start: number,
  last: number,
  visit: (from: WordAt, end: WordAt, vpn: number) => number,
): void {
  const iterator = mirrorIterator(task, mirror)
  for (let at = iterator.walk(start, last + 1); at !== 0; at = iterator.walk(iterator.next, last + 1)) {
    tick(task)
    iterator.lockLeaf()
    const change = visit(at, at + iterator.next - iterator.vpn, iterator.vpn)
    iterator.unlockLeaf()
    iterator.countValid(change)
  }
  iterator.finish()
}

/**
 * The driver is done with pages [start, last] (hmm_mirror_range_discard): what a munmap would do to the mirror's table, and to it
 * alone. Entries are cleared, dirty bits go to their frames, empty directories die at once, and no callback is called: the driver
 * stopped the hardware before. Returns how many entries lost a right, as restrict.
 */
export function mirrorDiscard(task: Task, mirror: Mirror, start: number, last: number): number {
  const lost = mirrorRestrict(task, mirror, start, last, 0)
  pruneRange(task, mirrorTable(task, mirror), start, last)
  return lost
}

/** Entry of page `vpn` as it is now; 0 = none. For drivers and oracles; another thread may change it at once. */
export function mirrorPeek(task: Task, iterator: MirrorIterator, vpn: number): MirrorPte {
  const at = iterator.lookup(vpn)
  return (at === 0 ? 0 : atomicLoad(task, at)) as MirrorPte
}

/** Generation that the entry of page `vpn` was filled with. Update lock held, and there is an entry. */
export function mirrorPeekGeneration(task: Task, iterator: MirrorIterator, vpn: number): number {
  return get(task, generationOfEntry(iterator.lookup(vpn)))
}

/** Says that the device wrote through the entry of page `vpn`. Update lock held, and there is an entry. */
export function mirrorMarkDirty(task: Task, iterator: MirrorIterator, vpn: number): void {
  hmmPteSetDirty(task, iterator.lookup(vpn))
}

/**
 * The hardware's walk: word index of the leaf entry of page `vpn`, or 0. Lock-free, by atomic loads; caller is inside an rcu
 * section for as long as it uses the answer, and INSIDE for as long as it uses the frame.
 */
export function mirrorWalk(task: Task, root: Directory, vpn: number): WordAt {
  let directory = root
  for (let level = 0; level < LEAF; level++) {
    directory = pdeDirectory(atomicLoad(task, directoryEntryAt(directory, directoryIndex(MIRROR_GEOMETRY, vpn, level))))
    if (directory === NO_DIRECTORY) return 0
  }
  return directoryEntryAt(directory, vpn % DIRECTORY_ENTRIES)
}

/** Word of the generation that belongs to a leaf entry word. */
export function generationOfEntry(entryAt: WordAt): WordAt {
  return entryAt + DIRECTORY_ENTRIES
}
