/**
 * Ranges (hmm_range, 2019): a span of an address space that a driver wants to mirror, with an
 * array of entries in the driver's own encoding.
 *
 *   word   0        1     2    3       4       5      6             7          8     9       10      12 .. 13   14 .. 15
 *        +--------+-----+----+-------+-------+------+-------------+----------+-----+-------+-------+----------+---------+
 *        | MIRROR | SUB | MM | START | PAGES | PFNS | GENERATIONS | CAPACITY | SEQ | STATE | OWNER | DEFAULT  | MASK    |
 *        +--------+-----+----+-------+-------+------+-------------+----------+-----+-------+-------+----------+---------+
 *   word  11  SHIFT
 *   word  16 .. 30   encoding (hmm/encoding.ts)
 *   word  32 .. 39   era range-valid: interval node, HMM, VALIDITY (hmm/rangestate.ts)
 *
 *   All words belong to the one thread that uses the range at the moment: the entries are not erased by an invalidation.
 *   START         first page number. PAGES: entries, of 1 << SHIFT bytes each; anything but 4 KiB in the era range-valid only.
 *   PFNS          two words per page, in and out: per-page requests, then entries.
 *   GENERATIONS   one word per page: the frame's generation when its entry was read, for the oracles.
 *   DEFAULT, MASK request of page i = (pfns[i] & MASK) | DEFAULT. A minimum: the result carries every right the CPU has.
 *   STATE         IDLE -> REGISTERED -> IDLE.
 */
import { allocObject, freeObject, type ObjectKind, objectKind } from '../frame/objects.ts'
import { PAGE_SHIFT, type WordAt } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import type { Sub } from '../notifier/subscriptions.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import type { IntervalNode } from '../sync/intervaltree.ts'
import { type PfnFormat, put64, storeFormat } from './encoding.ts'
import { type Mirror, mirrorMm, mirrorSub } from './mirror.ts'

/** Word index of a range (kernel: hmm_range). Used by one thread at a time. 0: none. */
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
const SHIFT = 11
const DEFAULT = 12
const MASK = 14
const ENCODING = 16
const NODE = 32
const HMM = 38
const VALIDITY = 39

const IDLE = 0
const REGISTERED = 1

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const RANGE_AT = {
  mirror: MIRROR,
  sub: SUB,
  mm: MM,
  start: START,
  pages: PAGES,
  pfns: PFNS,
  generations: GENERATIONS,
  seq: SEQ,
  shift: SHIFT,
  defaultFlags: DEFAULT,
  mask: MASK,
  encoding: ENCODING,
} as const

export const RANGE_KIND = objectKind(11, 'range', 48)
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

/** Writes down what an idle range is registered for. Its protocol knows of it next (hmm/protocol.ts). */
export function rangeBind(task: Task, range: Range, mirror: Mirror, start: number, pages: number, shift = PAGE_SHIFT): void {
  put(task, range + MIRROR, mirror)
  put(task, range + SUB, mirrorSub(mirror))
  put(task, range + MM, mirrorMm(task, mirror))
  put(task, range + START, start | 0)
  put(task, range + PAGES, pages)
  put(task, range + SHIFT, shift)
  put(task, range + STATE, REGISTERED)
}

/** Makes a registered range idle again. */
export function rangeRelease(task: Task, range: Range): void {
  assert(rangeIsRegistered(task, range), 'a range is unregistered once')
  put(task, range + STATE, IDLE)
}

export function rangeIsRegistered(task: Task, range: Range): boolean {
  return get(task, range + STATE) === REGISTERED
}

/** Pages it has room for. */
export function rangeCapacity(task: Task, range: Range): number {
  return get(task, range + CAPACITY)
}

/** Remembers the sequence a fill begins with. */
export function rangeSetSeq(task: Task, range: Range, seq: number): void {
  put(task, range + SEQ, seq)
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

/** Entries. */
export function rangePages(task: Task, range: Range): number {
  return get(task, range + PAGES)
}

/** Size of what one entry is about, as a power of two (kernel: hmm_range_page_shift). */
export function rangePageShift(task: Task, range: Range): number {
  return get(task, range + SHIFT)
}

/** Last page number, inclusive. */
export function rangeLastPage(task: Task, range: Range): number {
  return rangeFirst(task, range) + rangePages(task, range) * 2 ** (rangePageShift(task, range) - PAGE_SHIFT) - 1
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

/** The range's node in the tree of its hmm. */
export function rangeNode(range: Range): IntervalNode {
  return range + NODE
}

/** The range of a node. */
export function nodeRange(node: IntervalNode): Range {
  return (node - NODE) as Range
}

/** Word that names the hmm a range is registered with; 0 while it is with none. */
export function rangeHmmAt(range: Range): WordAt {
  return range + HMM
}

/** Word of the range's state in the era range-valid. Guarded by the lock of its hmm, loaded without. */
export function rangeValidityAt(range: Range): WordAt {
  return range + VALIDITY
}

/** Whose private memory counts as there: the zone, device number + 1; 0 for nobody's (kernel: dev_private_owner). */
export function rangeOwner(task: Task, range: Range): number {
  return get(task, range + OWNER)
}

export function rangeSetOwner(task: Task, range: Range, owner: number): void {
  put(task, range + OWNER, owner)
}
