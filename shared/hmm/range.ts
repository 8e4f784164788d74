/**
 * Ranges (hmm_range, 2019, on the sequence scheme of 5.5): a span of an address space that a driver wants to mirror, with an
 * array of entries in the driver's own encoding.
 *
 *   word   0        1     2    3       4       5      6             7          8     9       10      12 .. 13   14 .. 15
 *        +--------+-----+----+-------+-------+------+-------------+----------+-----+-------+-------+----------+---------+
 *        | MIRROR | SUB | MM | START | PAGES | PFNS | GENERATIONS | CAPACITY | SEQ | STATE | OWNER | DEFAULT  | MASK    |
 *        +--------+-----+----+-------+-------+------+-------------+----------+-----+-------+-------+----------+---------+
 *   word  16 .. 28   encoding (hmm/encoding.ts)
 *
 *   All words belong to the one thread that uses the range at the moment; nothing in it is written by an invalidation. That
 *   is why "the snapshot is not erased" and why a registration costs no shared list: a range is valid while its
 *   subscription's sequence is the one it began with.
 *   PFNS          two words per page, in and out: per-page requests, then entries.
 *   GENERATIONS   one word per page: the frame's generation when its entry was read, for the oracles.
 *   DEFAULT, MASK request of page i = (pfns[i] & MASK) | DEFAULT. A minimum: the result carries every right the CPU has.
 *   STATE         IDLE -> REGISTERED -> IDLE.
 *
 * The loop of a driver (section 4.7 of the 2019 series; Linux Documentation/mm/hmm.rst):
 *
 *     rangeRegister
 *     again:  rangeWait: false, give up              not with mmap_sem for writing, not with the update lock
 *             mmap_sem read, rangeFault, mmap_sem    -EBUSY: again
 *             update lock
 *             rangeValid? no: unlock, again
 *             install entries
 *             unlock
 *     rangeUnregister
 */
import { allocObject, freeObject, type ObjectKind, objectKind } from '../frame/objects.ts'
import { EFAULT, EINVAL } from '../memory/errno.ts'
import { PAGE_SHIFT, type WordAt } from '../memory/words.ts'
import { mmPut } from '../mm/exit.ts'
import { LAST_VPN } from '../mm/vma.ts'
import { type Mm, mmGetNotZero } from '../notifier/mmhead.ts'
import { readBegin, readRetry, type Sub } from '../notifier/subscriptions.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { type PfnFormat, put64, storeFormat } from './encoding.ts'
import { type Mirror, mirrorIsLive, mirrorMm, mirrorSub } from './mirror.ts'

export type Range = WordAt & { readonly brand: 'range' }
export const NO_RANGE = 0 as Range

const MIRROR = 0
const SUB = 1
const MM = 2
const START = 3
const PAGES = 4
const PFNS = 5
const GENERATIONS = 6
const CAPACITY = 7
const SEQ = 8
const STATE = 9
const OWNER = 10
const DEFAULT = 12
const MASK = 14
const ENCODING = 16

const IDLE = 0
const REGISTERED = 1

export const RANGE_KIND = objectKind(11, 'range', 32)
/** Entries come in two sizes: a batch of a test device (64 pages), and a leaf table (512). */
const PFNS_64 = objectKind(12, 'pfns of 64 pages', 64 * 3)
const PFNS_512 = objectKind(13, 'pfns of 512 pages', 512 * 3)

function pfnsKind(capacity: number): ObjectKind {
  return capacity <= 64 ? PFNS_64 : PFNS_512
}

/** A range for up to `capacity` pages (at most 512) in `format`, unregistered. NO_RANGE when memory is out. */
export function createRange(task: Task, capacity: number, format: PfnFormat): Range {
  assert(capacity > 0 && capacity <= 512, 'a range has 1 to 512 pages')
  const range = allocObject(task, RANGE_KIND) as Range
  if (range === NO_RANGE) return NO_RANGE
  const pfns = allocObject(task, pfnsKind(capacity))
  if (pfns === 0) {
    freeObject(task, RANGE_KIND, range)
    return NO_RANGE
  }
  const pages = capacity <= 64 ? 64 : 512
  put(task, range + CAPACITY, pages)
  put(task, range + PFNS, pfns)
  put(task, range + GENERATIONS, pfns + pages * 2)
  storeFormat(task, range + ENCODING, format)
  return range
}

/** Frees an unregistered range. */
export function freeRange(task: Task, range: Range): void {
  assert(get(task, range + STATE) === IDLE, 'a range is freed unregistered')
  freeObject(task, pfnsKind(get(task, range + CAPACITY)), get(task, range + PFNS))
  freeObject(task, RANGE_KIND, range)
}

/** What every page is asked for (flags of the format), and which bits of pfns[] add to it per page. */
export function rangeRequest(task: Task, range: Range, defaultFlags: bigint, mask: bigint): void {
  put64(task, range + DEFAULT, defaultFlags)
  put64(task, range + MASK, mask)
}

/**
 * Registers `range` for pages [start, start + pages) of the mirror's address space. 0; -EINVAL for an empty or too large span
 * or a page shift other than PAGE_SHIFT; -EFAULT when the mirror is dead or its mm has no users any more. On success the
 * caller is a user of the mm until rangeUnregister.
 */
export function rangeRegister(
  task: Task,
  range: Range,
  mirror: Mirror,
  start: number,
  pages: number,
  pageShift = PAGE_SHIFT,
): number {
  assert(get(task, range + STATE) === IDLE, 'a range is registered once at a time')
  if (!Number.isInteger(start) || !Number.isInteger(pages) || start < 0 || pages <= 0 || pageShift !== PAGE_SHIFT) return -EINVAL
  if (pages > get(task, range + CAPACITY) || start + pages - 1 > LAST_VPN) return -EINVAL
  const mm = mirrorMm(task, mirror)
  if (!mirrorIsLive(task, mirror) || !mmGetNotZero(task, mm)) return -EFAULT
  put(task, range + MIRROR, mirror)
  put(task, range + SUB, mirrorSub(mirror))
  put(task, range + MM, mm)
  put(task, range + START, start | 0)
  put(task, range + PAGES, pages)
  put(task, range + STATE, REGISTERED)
  return 0
}

/**
 * Begins a fill: remembers the subscription's sequence. Sleeps while an invalidation that hit the subscription is running.
 * False when the mirror is dead: give up. Caller holds neither the update lock nor any other lock that a callback or a
 * start..end section takes.
 */
export function rangeWait(task: Task, range: Range): boolean {
  put(task, range + SEQ, readBegin(task, rangeSub(task, range)))
  return mirrorIsLive(task, rangeMirror(task, range))
}

/**
 * May the entries be used? Caller holds the update lock, and keeps it until they are installed. Never in a dead mirror:
 *
 *     fault service                            detach
 *                                              marks the mirror dead
 *                                              removes the subscription: no callback from now on
 *                                              update lock, empties the table, unlock
 *     update lock, sequence unchanged
 *     mirror is dead: false                    [Required: nothing is installed behind the emptying]
 */
export function rangeValid(task: Task, range: Range): boolean {
  const mirror = rangeMirror(task, range)
  return !readRetry(task, rangeSub(task, range), rangeSeq(task, range)) && mirrorIsLive(task, mirror)
}

/**
 * Ends the registration. The mm may have lost its last other user: then this tears it down, so no lock may be held that
 * a callback takes.
 */
export function rangeUnregister(task: Task, range: Range): void {
  assert(get(task, range + STATE) === REGISTERED, 'a range is unregistered once')
  put(task, range + STATE, IDLE)
  mmPut(task, rangeMm(task, range))
}

export function rangeMirror(task: Task, range: Range): Mirror {
  return get(task, range + MIRROR) as Mirror
}

export function rangeSub(task: Task, range: Range): Sub {
  return get(task, range + SUB) as Sub
}

export function rangeMm(task: Task, range: Range): Mm {
  return get(task, range + MM) as Mm
}

/** First page number. */
export function rangeFirst(task: Task, range: Range): number {
  return get(task, range + START) >>> 0
}

export function rangePages(task: Task, range: Range): number {
  return get(task, range + PAGES)
}

export function rangeSeq(task: Task, range: Range): number {
  return get(task, range + SEQ)
}

/** Word index of the entry of page number `i` of the range: low word, then high word. */
export function rangePfnAt(task: Task, range: Range, i: number): WordAt {
  return get(task, range + PFNS) + i * 2
}

/** Word index of the generation that belongs to entry `i`. */
export function rangeGenerationAt(task: Task, range: Range, i: number): WordAt {
  return get(task, range + GENERATIONS) + i
}

export function rangeEncodingAt(range: Range): WordAt {
  return range + ENCODING
}

/** Word index of the default flags; the mask follows two words later. */
export function rangeDefaultAt(range: Range): WordAt {
  return range + DEFAULT
}

/** Whose private memory counts as there: the zone, device number + 1; 0 for nobody's (kernel: dev_private_owner). */
export function rangeOwner(task: Task, range: Range): number {
  return get(task, range + OWNER)
}

export function rangeSetOwner(task: Task, range: Range, owner: number): void {
  put(task, range + OWNER, owner)
}
