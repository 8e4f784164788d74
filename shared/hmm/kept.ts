/**
 * Kept directories: delayed reclaim. A leaf directory that would die because its last iterator leaves is kept for a while
 * instead, since some events empty a directory that the device fills again at once. The list takes over the leaving iterator's
 * reference; that is all it does to a directory: who finds it enters and fills it as ever.
 *
 *   root directory   word 8      9       10     11      12    13       14
 *                        +------+-------+------+-------+----+--------+------+
 *                        | LOCK | FIRST | LAST | COUNT | MS | KEEPER | SEEN |
 *                        +------+-------+------+-------+----+--------+------+
 *   leaf directory   word 8    9      10         11
 *                        +----+------+----------+-------+
 *                        | ON | NEXT | PREVIOUS | STAMP |
 *                        +----+------+----------+-------+
 *
 *   LOCK, FIRST, LAST, COUNT; ON, NEXT, PREVIOUS   the list, in the order of coming; guarded by LOCK (spin, class `mirrorKept`).
 *   MS        how long an unused directory is kept, in milliseconds; 0: not at all. KEEPER: the actor that ends it, the device's
 *             service; only its clock counts. Immutable once the table is in use.
 *   SEEN      failed allocations that the keeper knows of. Guarded by LOCK.
 *   STAMP     0: used since the keeper looked last; otherwise when it looked first. Atomic: leavers clear it without LOCK.
 *
 *     the last iterator leaves D               another enters D, fills it, and leaves
 *     REFS is 1: its own, so the list has none
 *                                              REFS 1 -> 2 -> 3 -> 2: not the last to leave
 *     LOCK, ON = 1                             [Required: D is put on the list once, and its reference counted once]
 */
import { allocFailures } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { wake } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { MIRROR_KEPT } from '../sync/classes.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { type Directory, KEPT_WORDS_AT, NO_DIRECTORY } from './directory.ts'

const LOCK = KEPT_WORDS_AT
const FIRST = KEPT_WORDS_AT + 1
const LAST = KEPT_WORDS_AT + 2
const COUNT = KEPT_WORDS_AT + 3
const MS = KEPT_WORDS_AT + 4
const KEEPER = KEPT_WORDS_AT + 5
const SEEN = KEPT_WORDS_AT + 6

const ON = KEPT_WORDS_AT
const NEXT = KEPT_WORDS_AT + 1
const PREVIOUS = KEPT_WORDS_AT + 2
const STAMP = KEPT_WORDS_AT + 3

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const KEPT_AT = { ms: MS, stamp: STAMP } as const

/** Directories that one table keeps at most: 64 of 4,160 bytes are 260 KiB, for 128 MiB of addresses. Others die at once. */
export const MAX_KEPT = 64
/** How long a machine with delayed reclaim keeps a directory. An invalidation is followed by the refill in 2 to 20 ms. */
export const KEEP_MS = 100

/** Has a new table keep its empty leaf directories for `ms`; actor `keeper` ends that. Nobody else knows the table yet. */
export function keepDirectories(task: Task, root: Directory, ms: number, keeper: number): void {
  put(task, root + MS, ms)
  put(task, root + KEEPER, keeper)
  put(task, root + SEEN, allocFailures(task))
}

/** Does the table keep empty directories? */
export function keepsDirectories(task: Task, root: Directory): boolean {
  return get(task, root + MS) > 0
}

/** Directories on the list, empty or not. A hint. */
export function keptCount(task: Task, root: Directory): number {
  return get(task, root + COUNT)
}

/** Says that `leaf` is in use: its time begins anew. Caller holds a reference. */
export function touchKept(task: Task, leaf: Directory): void {
  atomicStore(task, leaf + STAMP, 0)
}

/**
 * Offers a reference of `leaf`, which was the last one when the caller looked, to the list. True: the list has it. False: it is
 * full, and the reference is still the caller's. Wakes the keeper when it had nothing to look at.
 */
export function keepDirectory(task: Task, root: Directory, leaf: Directory): boolean {
  spinLock(task, root + LOCK, MIRROR_KEPT)
  const count = get(task, root + COUNT)
  const kept = count < MAX_KEPT
  if (kept) {
    assert(get(task, leaf + ON) === 0, 'a reference of the list is not given to it again')
    put(task, leaf + ON, 1)
    append(task, root, leaf)
    put(task, root + COUNT, count + 1)
  }
  spinUnlock(task, root + LOCK)
  if (kept && count === 0) wake(task, get(task, root + KEEPER))
  return kept
}

/** Takes the first directory that `wanted` names off the list; its reference is the caller's now. NO_DIRECTORY: there is none. */
export function takeKept(task: Task, root: Directory, wanted: (leaf: Directory) => boolean): Directory {
  spinLock(task, root + LOCK, MIRROR_KEPT)
  let leaf = get(task, root + FIRST) as Directory
  while (leaf !== NO_DIRECTORY && !wanted(leaf)) leaf = get(task, leaf + NEXT) as Directory
  if (leaf !== NO_DIRECTORY) {
    put(task, leaf + ON, 0)
    remove(task, root, leaf)
    put(task, root + COUNT, get(task, root + COUNT) - 1)
  }
  spinUnlock(task, root + LOCK)
  return leaf
}

/** Has `leaf`, which is on the list, been unused for the table's time, at `nowMs` of the keeper's clock? Keeper only, list locked. */
export function keptLongEnough(task: Task, root: Directory, leaf: Directory, nowMs: number): boolean {
  const stamp = atomicLoad(task, leaf + STAMP)
  if (stamp === 0) atomicStore(task, leaf + STAMP, nowMs | 0 || 1)
  return stamp !== 0 && ((nowMs - stamp) | 0) >= get(task, root + MS)
}

/** Did an allocation fail anywhere since this was asked last? Keeper only. */
export function memoryGotShort(task: Task, root: Directory): boolean {
  const failures = allocFailures(task)
  if (get(task, root + SEEN) === failures) return false
  put(task, root + SEEN, failures)
  return true
}

function append(task: Task, root: Directory, leaf: Directory): void {
  const last = get(task, root + LAST) as WordAt
  put(task, leaf + PREVIOUS, last)
  put(task, leaf + NEXT, 0)
  put(task, last === 0 ? root + FIRST : last + NEXT, leaf)
  put(task, root + LAST, leaf)
}

function remove(task: Task, root: Directory, leaf: Directory): void {
  const previous = get(task, leaf + PREVIOUS)
  const next = get(task, leaf + NEXT)
  put(task, previous === 0 ? root + FIRST : previous + NEXT, next)
  put(task, next === 0 ? root + LAST : next + PREVIOUS, previous)
}
