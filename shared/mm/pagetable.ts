/**
 * The CPU page table: four levels, 4 KiB and 2 MiB entries.
 *
 *   level   name   spans         entries     index of page number v
 *     0     pgd    2^44 bytes         32     v >>> 27
 *     1     pud    2^39 bytes        512     v >>> 18 & 511
 *     2     pmd    2^30 bytes        512     v >>>  9 & 511       may hold HUGE entries
 *     3     pte    2^21 bytes        512     v & 511              the leaf
 *
 *   table
 *   word   0       1      2    3     4 .. 6         7       8     9 .. 15   16 ............ 16 + entries
 *        +-------+------+----+-----+--------------+-------+------+---------+---------------------------+
 *        | LOCK  | DEAD |  MM|BASE | deferred list| STORE | NEXT | pad     | entries                   |
 *        +-------+------+----+-----+--------------+-------+------+---------+---------------------------+
 *
 *   LOCK      spinlock; class `leaf` on level 3, `directory` above. Guards the entries of this table.
 *   DEAD      1 once unlinked from its parent: whoever locked it looks again. Guarded by LOCK.
 *   MM, BASE  immutable while linked: whose table it is, and the first page number it covers.
 *   STORE     of a third-level table: leaves put by, one for each HUGE entry in it, linked by NEXT. So a HUGE entry can be split
 *             into 512 when memory is out. Guarded by LOCK.
 *   entries   upper: written under LOCK, read without it by atomic loads inside an rcu section (or with MMAP_SEM held).
 *             leaf: read and written under LOCK; the hardware walk reads them without, by atomic loads (pte.ts).
 *
 * A table is freed only when no area touches its span, after a flush and a grace period.
 */
import { DEFER_WORD, deferFree } from '../frame/deferred.ts'
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { HUGE_PAGES, type WordAt } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import { POINT_STORE, point } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { DIRECTORY, DIRECTORY_NESTED, LEAF, LEAF_NESTED } from '../sync/classes.ts'
import { rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { PTE_TABLE } from './pte.ts'

/** Word index of a table. */
export type Table = WordAt & { readonly brand: 'table' }
export const NO_TABLE = 0 as Table

export const LEAF_LEVEL = 3
export const PMD_LEVEL = 2
export const ENTRIES = HUGE_PAGES
const BITS = Math.log2(ENTRIES)
/** Page numbers have 32 bits: the root uses the top five of them. */
const ROOT_ENTRIES = 32
const HEADER = 16

const LOCK = 0
const DEAD = 1
const MM = 2
const BASE = 3
const STORE = 7
const NEXT = 8

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const TABLE_AT = { lock: LOCK, dead: DEAD, entries: HEADER } as const

const TABLE_KIND = objectKind(3, 'page table', HEADER + ENTRIES)
const ROOT_KIND = objectKind(4, 'root table', HEADER + ROOT_ENTRIES)

/** Allocates a root; NO_TABLE when memory is out. */
export function allocRoot(task: Task): Table {
  return allocObject(task, ROOT_KIND) as Table
}

/** Frees a root whose mm has no readers any more. */
export function freeRoot(task: Task, root: Table): void {
  freeObject(task, ROOT_KIND, root)
}

function shift(level: number): number {
  return BITS * (LEAF_LEVEL - level)
}

/** Pages that one entry of `level` spans. */
export function entrySpan(level: number): number {
  return 1 << shift(level)
}

function indexOf(vpn: number, level: number): number {
  return (vpn >>> shift(level)) & (ENTRIES - 1)
}

/** Word of the entry for page `vpn` in `table`, which is at `level`. */
export function entryAt(table: Table, level: number, vpn: number): WordAt {
  return table + HEADER + indexOf(vpn, level)
}

export function isTableEntry(entry: number): boolean {
  return (entry & PTE_TABLE) !== 0
}

export function tableOf(entry: number): Table {
  return (entry & ~PTE_TABLE) as Table
}

/**
 * Word of the third-level (pmd) entry for `vpn`, or 0 if the levels above are not there. Lock-free: caller is inside an
 * rcu section, or holds MMAP_SEM and has an area there.
 */
export function findPmd(task: Task, root: Table, vpn: number): WordAt {
  let table = root
  for (let level = 0; level < PMD_LEVEL; level++) {
    const entry = atomicLoad(task, entryAt(table, level, vpn))
    if (entry === 0) return 0
    table = tableOf(entry)
  }
  return entryAt(table, PMD_LEVEL, vpn)
}

/** The leaf for `vpn`, or NO_TABLE (nothing there, or a huge entry). Lock-free, as findPmd. */
export function findLeaf(task: Task, root: Table, vpn: number): Table {
  const pmd = findPmd(task, root, vpn)
  if (pmd === 0) return NO_TABLE
  const entry = atomicLoad(task, pmd)
  return isTableEntry(entry) ? tableOf(entry) : NO_TABLE
}

/** First page at or after `vpn` below which a missing entry hides nothing: skips exactly the span of the missing entry. */
export function skipMissing(task: Task, root: Table, vpn: number): number {
  let table = root
  for (let level = 0; level <= PMD_LEVEL; level++) {
    const entry = atomicLoad(task, entryAt(table, level, vpn))
    if (!isTableEntry(entry)) {
      if (entry !== 0) return vpn
      const span = entrySpan(level)
      return Math.floor(vpn / span) * span + span
    }
    table = tableOf(entry)
  }
  return vpn
}

/** Locks and returns the leaf for `vpn`, or NO_TABLE without a lock. `nested`: a second leaf of the same actor. */
export function lockLeaf(task: Task, root: Table, vpn: number, nested = false): Table {
  for (;;) {
    rcuReadLock(task)
    const leaf = findLeaf(task, root, vpn)
    if (leaf === NO_TABLE) {
      rcuReadUnlock(task)
      return NO_TABLE
    }
    spinLock(task, leaf + LOCK, nested ? LEAF_NESTED : LEAF)
    const dead = get(task, leaf + DEAD) === 1
    // A dead leaf is freed once this section ends, so its lock is dropped inside.
    if (dead) spinUnlock(task, leaf + LOCK)
    rcuReadUnlock(task)
    if (!dead) return leaf
  }
}

/**
 * What maps page `vpn`, locked: its leaf, the word of its HUGE entry as a negative number (hugeWord), or 0 without a lock. Who
 * looks at entries of any area looks this way; lockLeaf is for who knows that there is no HUGE entry.
 */
export type Spot = number

/** Word of the HUGE entry that a Spot stands for; 0 for a leaf or nothing. */
export function hugeWord(spot: Spot): WordAt {
  return spot < 0 ? -spot : 0
}

/** Locks what maps page `vpn`. `nested`: a second one of the same actor, for a page of another table. */
export function lockSpot(task: Task, root: Table, vpn: number, nested = false): Spot {
  for (;;) {
    const leaf = lockLeaf(task, root, vpn, nested)
    if (leaf !== NO_TABLE) return leaf
    rcuReadLock(task)
    const pmd = findPmd(task, root, vpn)
    const entry = pmd === 0 ? 0 : atomicLoad(task, pmd)
    if (entry === 0) {
      rcuReadUnlock(task)
      return 0
    }
    const table = tableHolding(pmd, PMD_LEVEL, vpn)
    spinLock(task, table + LOCK, nested ? DIRECTORY_NESTED : DIRECTORY)
    const now = get(task, table + DEAD) === 1 ? 0 : atomicLoad(task, pmd)
    const huge = now !== 0 && !isTableEntry(now)
    if (!huge) spinUnlock(task, table + LOCK) // split, or gone: look again
    rcuReadUnlock(task)
    if (huge) return -pmd
  }
}

export function unlockSpot(task: Task, spot: Spot, vpn: number): void {
  if (spot < 0) unlockPmd(task, -spot, vpn)
  else unlockLeaf(task, spot as Table)
}

/** A leaf that is linked nowhere, for a HUGE entry's store. NO_TABLE when memory is out. */
export function allocSpareLeaf(task: Task): Table {
  return allocObject(task, TABLE_KIND) as Table
}

export function freeSpareLeaf(task: Task, leaf: Table): void {
  freeObject(task, TABLE_KIND, leaf)
}

/** Puts a leaf by for the HUGE entry at `pmd`. Pmd lock held. */
export function storeLeaf(task: Task, pmd: WordAt, vpn: number, leaf: Table): void {
  const table = tableHolding(pmd, PMD_LEVEL, vpn)
  put(task, leaf + NEXT, get(task, table + STORE))
  put(task, table + STORE, leaf)
}

/** Takes a leaf back that was put by for the HUGE entry at `pmd`. Pmd lock held. */
export function takeLeaf(task: Task, pmd: WordAt, vpn: number): Table {
  const table = tableHolding(pmd, PMD_LEVEL, vpn)
  const leaf = get(task, table + STORE) as Table
  assert(leaf !== NO_TABLE, 'a leaf was put by for every huge entry')
  put(task, table + STORE, get(task, leaf + NEXT))
  return leaf
}

/** Links a full leaf where the HUGE entry at `pmd` was. Pmd lock held; the leaf's entries are filled in. */
export function linkLeaf(task: Task, mm: Mm, pmd: WordAt, vpn: number, leaf: Table): void {
  put(task, leaf + MM, mm)
  put(task, leaf + BASE, vpn - (vpn % ENTRIES))
  atomicStore(task, pmd, leaf | PTE_TABLE)
}

export function unlockLeaf(task: Task, leaf: Table): void {
  spinUnlock(task, leaf + LOCK)
}

/** Stores a non-present-to-anything change that the hardware walk may see. Caller holds the leaf's (or pmd table's) lock. */
export function storeEntry(task: Task, at: WordAt, entry: number): void {
  point(task, POINT_STORE, at)
  put(task, at, entry)
}

/**
 * The leaf for `vpn`, making the tables that are missing. NO_TABLE when memory is out, or when a huge entry is in the way.
 * Caller holds MMAP_SEM. Takes and drops `directory` locks, one at a time.
 */
export function allocLeaf(task: Task, mm: Mm, root: Table, vpn: number): Table {
  const pmd = allocPmd(task, mm, root, vpn)
  return pmd === 0 ? NO_TABLE : childOf(task, mm, pmd, PMD_LEVEL, vpn)
}

/** Word of the pmd entry for `vpn`, making the tables above it. 0 when memory is out. Caller holds MMAP_SEM. */
export function allocPmd(task: Task, mm: Mm, root: Table, vpn: number): WordAt {
  let table = root
  for (let level = 0; level < PMD_LEVEL; level++) {
    table = childOf(task, mm, entryAt(table, level, vpn), level, vpn)
    if (table === NO_TABLE) return 0
  }
  return entryAt(table, PMD_LEVEL, vpn)
}

/** The table that holds the entry word `at` of `level` for page `vpn`. */
function tableHolding(at: WordAt, level: number, vpn: number): Table {
  return (at - HEADER - indexOf(vpn, level)) as Table
}

/** Locks the table that holds the pmd entry word `at`, so that the entry may be changed. Caller holds MMAP_SEM. */
export function lockPmd(task: Task, at: WordAt, vpn: number, nested = false): void {
  spinLock(task, tableHolding(at, PMD_LEVEL, vpn) + LOCK, nested ? DIRECTORY_NESTED : DIRECTORY)
}

/** Are two pmd entry words, for these pages, in one table? */
export function samePmdTable(at: WordAt, vpn: number, other: WordAt, otherVpn: number): boolean {
  return tableHolding(at, PMD_LEVEL, vpn) === tableHolding(other, PMD_LEVEL, otherVpn)
}

export function unlockPmd(task: Task, at: WordAt, vpn: number): void {
  spinUnlock(task, tableHolding(at, PMD_LEVEL, vpn) + LOCK)
}

/** The child linked at entry word `at` of `level`, linking a new one if it is empty. */
function childOf(task: Task, mm: Mm, at: WordAt, level: number, vpn: number): Table {
  const seen = atomicLoad(task, at)
  if (seen !== 0) return isTableEntry(seen) ? tableOf(seen) : NO_TABLE
  const child = allocObject(task, TABLE_KIND) as Table
  if (child === NO_TABLE) return NO_TABLE
  const span = entrySpan(level)
  put(task, child + MM, mm)
  put(task, child + BASE, Math.floor(vpn / span) * span)
  const lock = tableHolding(at, level, vpn) + LOCK
  spinLock(task, lock, DIRECTORY)
  const now = atomicLoad(task, at)
  if (now === 0) atomicStore(task, at, child | PTE_TABLE)
  spinUnlock(task, lock)
  if (now === 0) return child
  freeObject(task, TABLE_KIND, child) // another fault linked one first; ours was never visible
  return isTableEntry(now) ? tableOf(now) : NO_TABLE
}

/**
 * Unlinks every table below the root whose whole span lies in [floor, ceiling]: no area touches it any more, and all its
 * entries are empty. Returns a list of them for freeUnlinked. Caller holds MMAP_SEM (write, or read after a downgrade).
 *
 *     hardware walk                            munmap
 *     INSIDE, loads the link to leaf L
 *                                              unlinks L
 *                                              flush: waits for INSIDE
 *     loads L's entry: empty
 *     OUTSIDE
 *                                              frees L after a grace period      [Required: flush, then free]
 *
 * So the caller flushes between the two. The grace period is for software walkers, the flush for the hardware.
 */
export function unlinkTables(task: Task, root: Table, floor: number, ceiling: number): Table {
  return unlinkBelow(task, root, 0, 0, floor, ceiling, NO_TABLE)
}

/** Marks a leaf dead that was just replaced in its pmd entry; a list of one for freeUnlinked. Pmd lock held. */
export function retireLeaf(task: Task, leaf: Table): void {
  spinLock(task, leaf + LOCK, LEAF)
  put(task, leaf + DEAD, 1)
  spinUnlock(task, leaf + LOCK)
  put(task, leaf + DEFER_WORD, NO_TABLE)
}

/** Hands tables from unlinkTables to the deferred list. Call after the flush. */
export function freeUnlinked(task: Task, list: Table): void {
  for (let table = list; table !== NO_TABLE; ) {
    const next = get(task, table + DEFER_WORD) as Table
    deferFree(task, TABLE_KIND, table)
    table = next
  }
}

function unlinkBelow(task: Task, table: Table, level: number, base: number, floor: number, ceiling: number, list: Table): Table {
  const span = entrySpan(level)
  const entries = level === 0 ? ROOT_ENTRIES : ENTRIES
  const first = Math.max(0, Math.floor((floor - base) / span))
  const last = Math.min(entries - 1, Math.floor((ceiling - base) / span))
  let unlinked = list
  for (let i = first; i <= last; i++) {
    const at = table + HEADER + i
    const childBase = base + i * span
    const inside = childBase >= floor && childBase + span - 1 <= ceiling
    // An empty entry inside stays empty: only a fault links a table, and no area is left there to fault in. So looking at it
    // meets nobody and is no schedule point; a table has 512 of them.
    if (inside && get(task, at) === 0) continue
    const entry = atomicLoad(task, at)
    if (!isTableEntry(entry)) continue
    const child = tableOf(entry)
    if (level + 1 < LEAF_LEVEL) unlinked = unlinkBelow(task, child, level + 1, childBase, floor, ceiling, unlinked)
    if (!inside) continue
    spinLock(task, table + LOCK, DIRECTORY)
    atomicStore(task, at, 0)
    spinUnlock(task, table + LOCK)
    spinLock(task, child + LOCK, level + 1 === LEAF_LEVEL ? LEAF : DIRECTORY)
    put(task, child + DEAD, 1)
    spinUnlock(task, child + LOCK)
    put(task, child + DEFER_WORD, unlinked)
    unlinked = child
  }
  return unlinked
}
