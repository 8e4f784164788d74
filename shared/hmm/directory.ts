/**
 * Directories of a mirror page table: reference-counted, freed after a grace period.
 *
 *   word   0      1      2       3      4 .. 6          7     8 ........ 15   16 ........... 527    528 ............ 1039
 *        +------+------+-------+------+---------------+-----+---------------+--------------------+-----------------------+
 *        | LOCK | REFS | LEVEL | BASE | deferred list | pad | kept (kept.ts)| entries            | generations (leaf)    |
 *        +------+------+-------+------+---------------+-----+---------------+--------------------+-----------------------+
 *
 *   LOCK         spinlock; class `mirrorLeaf` on the leaf level, `mirrorParent` above. Guards links, and valid, write and
 *                select bits. Never two at once: the parent's is taken alone, to link and unlink a child.
 *   REFS         valid entries or live children, plus iterators inside. 0 = dead: absent to everybody. Atomic.
 *   LEVEL, BASE  level, and first page covered, in units of a leaf directory. Immutable.
 *   entries      MirrorPde above the leaf level, MirrorPte on it. Atomic: walkers read them without LOCK.
 *   generations  of the frame each entry was filled from, for the oracles. Written under LOCK before the entry is valid.
 *
 *   REFS, from the view of a level-i directory D and its parent P (2015 series)
 *     made by populate           D = 1 (the iterator's own)    P + 1 (the root is not counted)
 *     iterator enters, leaves    D + 1 unless 0, D - 1
 *     entry becomes valid        D + 1            becomes invalid   D - 1 (never to 0: an iterator is inside)
 *     reaches 0                  dead: P's entry is cleared if it still names D, P - 1, D waits for a grace period
 */
import { allocObject, freeObject, type ObjectKind, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { type LockClass, MIRROR_LEAF, MIRROR_PARENT } from '../sync/classes.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { DIRECTORY_ENTRIES, type Geometry } from './geometry.ts'

export type Directory = WordAt & { readonly brand: 'mirror-directory' }
export const NO_DIRECTORY = 0 as Directory

/** A directory entry: the child, with PDE_VALID; 0 = none. Never a page entry, and never seen by a driver. */
export type MirrorPde = number & { readonly brand: 'mirror-pde' }
/** Directories begin on a line, so their lowest bits are free. */
const PDE_VALID = 1 << 0

const LOCK = 0
const REFS = 1
const LEVEL = 2
const BASE = 3
/** First of eight words that belong to kept.ts. */
export const KEPT_WORDS_AT = 8
const ENTRIES = 16
const GENERATIONS = ENTRIES + DIRECTORY_ENTRIES

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const DIRECTORY_AT = { lock: LOCK, refs: REFS, entries: ENTRIES, generations: GENERATIONS } as const

const UPPER_KIND = objectKind(8, 'mirror directory', ENTRIES + DIRECTORY_ENTRIES)
const LEAF_KIND = objectKind(9, 'mirror leaf directory', GENERATIONS + DIRECTORY_ENTRIES)

export function directoryKind(geometry: Geometry, level: number): ObjectKind {
  return level === geometry.leafLevel ? LEAF_KIND : UPPER_KIND
}

/** The entry that names `child`. */
export function pdeOf(child: Directory): MirrorPde {
  return (child | PDE_VALID) as MirrorPde
}

/** The child that an entry names, or NO_DIRECTORY when it is not valid. */
export function pdeDirectory(pde: number): Directory {
  return ((pde & PDE_VALID) !== 0 ? pde & ~PDE_VALID : NO_DIRECTORY) as Directory
}

/** A directory with one reference (the caller's), linked nowhere. NO_DIRECTORY when memory is out. */
export function createDirectory(task: Task, geometry: Geometry, level: number, base: number): Directory {
  const directory = allocObject(task, directoryKind(geometry, level)) as Directory
  if (directory === NO_DIRECTORY) return NO_DIRECTORY
  put(task, directory + LEVEL, level)
  put(task, directory + BASE, base / DIRECTORY_ENTRIES)
  atomicStore(task, directory + REFS, 1)
  if (level > 0) countStat(task, STAT.mirrorDirectories)
  return directory
}

/** Frees a directory that nobody ever saw, or the root of a table without walkers. */
export function freeDirectory(task: Task, geometry: Geometry, directory: Directory): void {
  freeObject(task, directoryKind(geometry, get(task, directory + LEVEL)), directory)
}

/** Word of entry `index`. */
export function directoryEntryAt(directory: Directory, index: number): WordAt {
  return directory + ENTRIES + index
}

/** First page the directory covers. */
export function directoryBase(task: Task, directory: Directory): number {
  return get(task, directory + BASE) * DIRECTORY_ENTRIES
}

/** Takes a reference unless the directory is dead. Caller is inside an rcu section that loaded the link to it. */
export function directoryGetUnlessDead(task: Task, directory: Directory): boolean {
  for (;;) {
    const refs = atomicLoad(task, directory + REFS)
    if (refs === 0) return false
    if (atomicCas(task, directory + REFS, refs, refs + 1) === refs) return true
  }
}

/** Adds `count` references (negative: drops). Caller's own iterator holds one, so it cannot die here. */
export function directoryAddRefs(task: Task, directory: Directory, count: number): void {
  if (count === 0) return
  const before = atomicAdd(task, directory + REFS, count)
  assert(before > 0 && before + count > 0, 'an iterator inside keeps its directory alive')
}

/** Drops one reference; true when it was the last and the directory is dead now. */
export function directoryPutTest(task: Task, directory: Directory): boolean {
  const before = atomicAdd(task, directory + REFS, -1)
  assert(before > 0, 'a reference to a directory is dropped by who holds it')
  return before === 1
}

/** Drops a reference that is not the last one; false, and nothing done, when it is. */
export function directoryPutUnlessLast(task: Task, directory: Directory): boolean {
  for (;;) {
    const refs = atomicLoad(task, directory + REFS)
    assert(refs > 0, 'a reference to a directory is dropped by who holds it')
    if (refs === 1) return false
    if (atomicCas(task, directory + REFS, refs, refs - 1) === refs) return true
  }
}

export function directoryRefs(task: Task, directory: Directory): number {
  return atomicLoad(task, directory + REFS)
}

/** Locks the entries of a directory of `level`. Never two of one class at once. */
export function lockDirectory(task: Task, geometry: Geometry, directory: Directory, level: number): void {
  spinLock(task, directory + LOCK, lockClass(geometry, level))
}

export function unlockDirectory(task: Task, directory: Directory): void {
  spinUnlock(task, directory + LOCK)
}

/** Word of a directory's spinlock, for who takes it by itself; class `mirrorLeaf` on the leaf level. */
export function directoryLockAt(directory: Directory): WordAt {
  return directory + LOCK
}

function lockClass(geometry: Geometry, level: number): LockClass {
  return level === geometry.leafLevel ? MIRROR_LEAF : MIRROR_PARENT
}
