/**
 * What is done to a mirror page table: filling it from a snapshot, taking rights away, and the hardware's walk.
 *
 * Caller of fill and clear holds the mirror's update lock (the driver's); the directory locks below it are taken here.
 */
import { frameMarkDirty } from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAnd, atomicCas, atomicLoad, atomicOr } from '../seam/atomics.ts'
import { get, put } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import {
  type Directory,
  directoryAddRefs,
  directoryEntryAt,
  directoryGenerationAt,
  lockDirectory,
  NO_DIRECTORY,
  unlockDirectory,
} from './directory.ts'
import { DIRECTORY_ENTRIES, directoryIndex } from './geometry.ts'
import { MirrorIterator } from './iterator.ts'
import { assertMirrorLocked, MIRROR_GEOMETRY, type Mirror, mirrorDevice, mirrorRoot } from './mirror.ts'
import {
  MIRROR_DIRTY,
  MIRROR_HW_SHIFT,
  MIRROR_VALID,
  MIRROR_VALID_DMA,
  MIRROR_WRITE,
  type MirrorPte,
  mirrorPteFrame,
  mirrorValid,
} from './mirrorpte.ts'

const LEAF = MIRROR_GEOMETRY.leafLevel
/** Bits that an entry keeps when it is filled again: what the engine and the driver put there without the lock. */
const KEPT = MIRROR_DIRTY | (0xf << MIRROR_HW_SHIFT)

/** An iterator over a mirror's table; finish() it. */
export function mirrorIterator(task: Task, mirror: Mirror): MirrorIterator {
  return new MirrorIterator(task, { geometry: MIRROR_GEOMETRY, root: mirrorRoot(task, mirror) })
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
  const leaf = iterator.populate(vpn)
  if (leaf === NO_DIRECTORY) return false
  lockDirectory(task, MIRROR_GEOMETRY, leaf, LEAF)
  const added = fillEntry(task, leaf, vpn, pte, generation)
  probe(task, PROBE.mirrorInstall, mirrorDevice(task, mirror), mirror, vpn, pte, generation)
  unlockDirectory(task, leaf)
  directoryAddRefs(task, leaf, added)
  return true
}

/** Returns the change in valid entries. Directory lock held. */
function fillEntry(task: Task, leaf: Directory, vpn: number, pte: MirrorPte, generation: number): number {
  const index = vpn % DIRECTORY_ENTRIES
  const at = directoryEntryAt(leaf, index)
  put(task, directoryGenerationAt(leaf, index), generation)
  for (;;) {
    const before = atomicLoad(task, at) as MirrorPte
    // DIRTY belongs to the frame it was set for: it stays only while the entry names the same one.
    const kept = mirrorValid(before) && mirrorPteFrame(before) === mirrorPteFrame(pte) ? before & KEPT : 0
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
  const iterator = mirrorIterator(task, mirror)
  let lost = 0
  for (let vpn = iterator.walk(start, last); vpn >= 0; ) {
    tick(task)
    const leaf = iterator.leaf()
    const end = Math.min(last, iterator.leafLast(vpn))
    let removed = 0
    lockDirectory(task, MIRROR_GEOMETRY, leaf, LEAF)
    for (let page = vpn; page <= end; page++) {
      const at = directoryEntryAt(leaf, page % DIRECTORY_ENTRIES)
      if (get(task, at) === 0) continue // written under this lock only, but for DIRTY on valid entries
      const before = atomicAnd(task, at, keep & ~MIRROR_DIRTY) as MirrorPte
      if ((before & MIRROR_DIRTY) !== 0 && (before & MIRROR_VALID_DMA) === 0) frameMarkDirty(task, mirrorPteFrame(before))
      if ((before & ~keep & (MIRROR_VALID | MIRROR_WRITE)) !== 0) lost++
      if (mirrorValid(before) && (before & keep & MIRROR_VALID) === 0) removed++
    }
    unlockDirectory(task, leaf)
    directoryAddRefs(task, leaf, -removed)
    vpn = end < last ? iterator.walk(end + 1, last) : -1
  }
  iterator.finish()
  return lost
}

/** Entry of page `vpn` as it is now; 0 = none. For drivers and oracles; another thread may change it at once. */
export function mirrorPeek(task: Task, iterator: MirrorIterator, vpn: number): MirrorPte {
  const leaf = iterator.lookup(vpn)
  return (leaf === NO_DIRECTORY ? 0 : atomicLoad(task, directoryEntryAt(leaf, vpn % DIRECTORY_ENTRIES))) as MirrorPte
}

/** Generation that the entry of page `vpn` was filled with. Update lock held, and there is an entry. */
export function mirrorPeekGeneration(task: Task, iterator: MirrorIterator, vpn: number): number {
  return get(task, directoryGenerationAt(iterator.lookup(vpn), vpn % DIRECTORY_ENTRIES))
}

/** Says that the device wrote through the entry of page `vpn`. Update lock held, and there is an entry. */
export function mirrorMarkDirty(task: Task, iterator: MirrorIterator, vpn: number): void {
  atomicOr(task, directoryEntryAt(iterator.lookup(vpn), vpn % DIRECTORY_ENTRIES), MIRROR_DIRTY)
}

/**
 * The hardware's walk: word index of the leaf entry of page `vpn`, or 0. Lock-free, by atomic loads; caller is inside an rcu
 * section for as long as it uses the answer, and INSIDE for as long as it uses the frame.
 */
export function mirrorWalk(task: Task, root: Directory, vpn: number): WordAt {
  let directory = root
  for (let level = 0; level < LEAF; level++) {
    directory = atomicLoad(task, directoryEntryAt(directory, directoryIndex(MIRROR_GEOMETRY, vpn, level))) as Directory
    if (directory === NO_DIRECTORY) return 0
  }
  return directoryEntryAt(directory, vpn % DIRECTORY_ENTRIES)
}

/** Word of the generation that belongs to a leaf entry word. */
export function generationOfEntry(entryAt: WordAt): WordAt {
  return entryAt + DIRECTORY_ENTRIES
}
