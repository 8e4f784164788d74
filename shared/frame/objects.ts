/**
 * The object allocator: kernel objects (mm, VMA, page table, mirror, ...) from size classes, O(1), zeroed.
 *
 *   heap region
 *   word   0 ....... 15      16 ..              16 + CLASSES * 16            then
 *        +-----------------+------------------+----------------------------+--------------------------------+
 *        | BUMP .. FAIL_IN | one line a class | live count, one word a kind| chunks, each for one class     |
 *        +-----------------+------------------+----------------------------+--------------------------------+
 *
 *   FAILURES     allocations that failed. Atomic, and no schedule point: who keeps something that could be freed looks at it.
 *   FAIL_IN      fault injection: the allocation that counts it down to 0 fails. 0: none does.
 *   FAIL_SHARE   fault injection: chances of 65536 that an allocation fails. 0: none does.
 *   words 4..15  belong to deferred.ts.
 *   BUMP         first heap word not yet given to a class. Atomic, and never beyond LIMIT: an add that is taken back when it
 *                was too much would leave the counter inside what somebody else was given meanwhile.
 *   class line   LOCK (spinlock, class `objects`); FREE head of the free list; OLD_FIRST, OLD_LAST, OLD_COUNT the
 *                quarantine; all guarded by LOCK.
 *   live count   objects of a kind alive now. Atomic. The reference audit compares them before and after.
 *
 *   a free object:  word 0 = next free, word 1.. = who freed it (below), rest POISON
 *
 * Checked builds: a freed object is filled with poison and waits in quarantine, first in first out, before it is reused;
 * the shadow marks its lines dead, so that any touch through the seam is reported when it happens (seam/plain.ts); and the
 * poison is verified on reuse, so that a raw store is reported too. The quarantine gives way before an allocation fails.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, lineAligned, type WordAt } from '../memory/words.ts'
import { actorName, CHANCE, OP } from '../seam/actors.ts'
import { atomicCas, atomicLoad, quietAdd, quietAnd, quietLoad, quietOr, quietStore } from '../seam/atomics.ts'
import { nextBelow } from '../seam/chance.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { OBJECTS } from '../sync/classes.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { reapDeferred } from './deferred.ts'

/** Kinds of object, for audits and reports. `words` is the record's size; its layout is in the room that owns it. */
export interface ObjectKind {
  readonly id: number
  readonly name: string
  readonly words: number
}

const kinds: ObjectKind[] = []
const MAX_KINDS = 48

/** Declares a kind of object at module level. All workers load the same modules, so they number kinds alike by `id`. */
export function objectKind(id: number, name: string, words: number): ObjectKind {
  assert(
    kinds.every((kind) => kind === undefined || kind.name !== name),
    `no two kinds of object are called ${name}: they are counted by name`,
  )
  assert(id < MAX_KINDS && kinds[id] === undefined, `object kind ${id} (${name}) is declared once and below ${MAX_KINDS}`)
  assert(lineAligned(words) <= lineOfClass(CLASS_LINES.length - 1), `a ${name} fits the largest size class`)
  const kind = { id, name, words }
  kinds[id] = kind
  return kind
}

/** Size classes in lines. 33: a page table (header and 512 entries); 65: a mirror directory (entries and generations). */
const CLASS_LINES = [1, 2, 3, 4, 6, 8, 16, 33, 65, 129]
/** Objects per chunk; the first chunks of a small machine stay small because large classes take one object at a time. */
const CHUNK_LINES = 64
/** Objects kept from reuse per class in checked builds. */
const QUARANTINE = 32

const BUMP = 0
const LIMIT = 1
const FAILURES = 2
const FAIL_IN = 3
const FAIL_SHARE = 4
const OTHERS = 5
const CLASS_AT = LINE_WORDS
const LIVE_AT = CLASS_AT + CLASS_LINES.length * LINE_WORDS
const CHUNKS_AT = lineAligned(LIVE_AT + MAX_KINDS)

const LOCK = 0
const FREE = 1
const OLD_FIRST = 2
const OLD_LAST = 3
const OLD_COUNT = 4

/** Chances of FAIL_SHARE. */
const CERTAIN = 65536
const POISON = 0x6b6b6b6b
const FREED_KIND = 1
const FREED_ACTOR = 2
const FREED_OP = 3
const POISON_FROM = 4

/** Smallest heap that holds the allocator's own words. */
export const HEAP_HEADER_WORDS = CHUNKS_AT
/** Words of shadow for a buffer whose heap ends at `limit`: one bit per line. */
export function shadowWords(limit: WordAt): number {
  return Math.ceil(limit / LINE_WORDS / 32)
}

/** Makes an empty heap. Called once by the booting thread. */
export function createHeap(task: Task): void {
  const heap = regionAt(task.words, 'heap')
  task.words.fill(0, heap, heap + CHUNKS_AT)
  task.words[heap + BUMP] = heap + CHUNKS_AT
  task.words[heap + LIMIT] = heap + regionWords(task.words, 'heap')
}

/**
 * Allocates a zeroed object, or returns 0: the caller answers -ENOMEM. Before that it frees what is dead and waits for
 * readers no more. Takes and drops `objects` locks; never sleeps.
 */
export function allocObject(task: Task, kind: ObjectKind): WordAt {
  const refused = isToFail(task)
  let at = refused ? 0 : takeObject(task, kind)
  if (at === 0 && !refused && reapDeferred(task) > 0) at = takeObject(task, kind)
  if (at === 0) quietAdd(task, regionAt(task.words, 'heap') + FAILURES, 1)
  return at
}

/** Allocations that failed so far. That it grew means: memory is short. */
export function allocFailures(task: Task): number {
  return quietLoad(task, regionAt(task.words, 'heap') + FAILURES)
}

/**
 * Fault injection: from here on the `nth` allocation of the machine fails, as if memory were out, and no other; 0 takes that back. For
 * tests of what a driver does then: allocFailures() says whether it came to that.
 */
export function failAllocation(task: Task, nth: number): void {
  quietStore(task, regionAt(task.words, 'heap') + FAIL_IN, nth)
}

/** Fault injection: from here on that share of allocations fails, 0 to 1, by the chance of who allocates. Everybody stands still. */
export function failAllocations(task: Task, share: number): void {
  task.words[regionAt(task.words, 'heap') + FAIL_SHARE] = Math.round(share * CERTAIN)
}

function isToFail(task: Task): boolean {
  const { words } = task
  const heap = regionAt(words, 'heap')
  const share = words[heap + FAIL_SHARE] as number
  if (share !== 0 && nextBelow(words, task.record + CHANCE, CERTAIN) < share) return true
  return quietLoad(task, heap + FAIL_IN) !== 0 && quietAdd(task, heap + FAIL_IN, -1) === 1
}

function takeObject(task: Task, kind: ObjectKind): WordAt {
  const { words } = task
  const cls = classOf(kind.words)
  const line = classAt(task, cls)
  spinLock(task, line + LOCK, OBJECTS)
  let at = words[line + FREE] as number
  if (at !== 0) words[line + FREE] = words[at] as number
  else at = carve(task, line, cls)
  if (at === 0 && (words[line + OLD_COUNT] as number) > 0) at = leaveQuarantine(task, line, cls)
  spinUnlock(task, line + LOCK)
  if (at === 0) return 0
  const size = lineOfClass(cls)
  if (task.checked) setShadow(task, at, size, false)
  words.fill(0, at, at + size)
  quietAdd(task, liveAt(task, kind), 1)
  return at
}

/** Gives an object back. Nobody may hold its address any more. */
export function freeObject(task: Task, kind: ObjectKind, at: WordAt): void {
  const { words } = task
  const cls = classOf(kind.words)
  const line = classAt(task, cls)
  assert(at >= regionAt(words, 'heap') + CHUNKS_AT && at % LINE_WORDS === 0, `a freed ${kind.name} is an object of the heap`)
  quietAdd(task, liveAt(task, kind), -1)
  if (!task.checked) {
    spinLock(task, line + LOCK, OBJECTS)
    pushFree(task, line, at)
    spinUnlock(task, line + LOCK)
    return
  }
  const size = lineOfClass(cls)
  if (isDead(task, at)) violation(task, 'LIFE', `${kind.name} at word ${at} is freed twice${freedBy(task, at)}`)
  words.fill(POISON, at, at + size)
  words[at] = 0
  words[at + FREED_KIND] = kind.id
  words[at + FREED_ACTOR] = task.id
  words[at + FREED_OP] = words[task.record + OP] as number
  setShadow(task, at, size, true)
  spinLock(task, line + LOCK, OBJECTS)
  const last = words[line + OLD_LAST] as number
  if (last === 0) words[line + OLD_FIRST] = at
  else words[last] = at
  words[line + OLD_LAST] = at
  words[line + OLD_COUNT] = (words[line + OLD_COUNT] as number) + 1
  if ((words[line + OLD_COUNT] as number) > QUARANTINE) pushFree(task, line, leaveQuarantine(task, line, cls))
  spinUnlock(task, line + LOCK)
}

/** Objects of `kind` alive now. */
export function liveObjects(task: Task, kind: ObjectKind): number {
  return quietLoad(task, liveAt(task, kind))
}

/** Live counts of every kind, by name; for audits. */
export function liveCounts(task: Task): Map<string, number> {
  return new Map(kinds.filter((kind) => kind !== undefined).map((kind) => [kind.name, liveObjects(task, kind)]))
}

/** The kind behind a number; for lists that hold objects of several kinds. */
export function kindById(id: number): ObjectKind {
  const kind = kinds[id]
  assert(kind !== undefined, `object kind ${id} is declared`)
  return kind
}

/** First of the heap's own words that other files of this room use: the deferred list (deferred.ts). */
export function heapWord(task: Task, index: number): WordAt {
  return regionAt(task.words, 'heap') + OTHERS + index
}

/** Heap words handed to size classes so far: what a reset has to cover. */
export function heapUsedWords(task: Task): number {
  const heap = regionAt(task.words, 'heap')
  return (task.words[heap + BUMP] as number) - heap
}

/** `, freed by service 0`: what is known about the death of the object at `at`. */
export function freedBy(task: Task, at: WordAt): string {
  const kind = kinds[task.words[at + FREED_KIND] as number]
  return kind === undefined ? '' : `, freed by ${actorName(task.words, task.words[at + FREED_ACTOR] as number)}`
}

/** `word 12 of a page table is touched after it was freed, freed by cpu 1`. `at` is a word of a line without a live object. */
export function obituary(task: Task, at: WordAt): string {
  const { words } = task
  let first = at - (at % LINE_WORDS)
  while (words[first + FREED_KIND] === POISON) first -= LINE_WORDS // all but its first line is poison
  const kind = kinds[words[first + FREED_KIND] as number]
  if (kind === undefined) return `word ${at} is touched, which belongs to no object yet`
  return `word ${at - first} of a ${kind.name} is touched after it was freed${freedBy(task, first)}`
}

function classOf(words: number): number {
  const lines = Math.ceil(words / LINE_WORDS)
  let cls = 0
  while ((CLASS_LINES[cls] as number) < lines) cls++
  return cls
}

function lineOfClass(cls: number): number {
  return (CLASS_LINES[cls] as number) * LINE_WORDS
}

function classAt(task: Task, cls: number): WordAt {
  return regionAt(task.words, 'heap') + CLASS_AT + cls * LINE_WORDS
}

function liveAt(task: Task, kind: ObjectKind): WordAt {
  return regionAt(task.words, 'heap') + LIVE_AT + kind.id
}

/** Takes a chunk from the heap, keeps all but the first object on the free list. 0 when the heap is full. Class lock held. */
function carve(task: Task, line: WordAt, cls: number): WordAt {
  const heap = regionAt(task.words, 'heap')
  const size = lineOfClass(cls)
  const objects = Math.max(1, Math.floor(CHUNK_LINES / (CLASS_LINES[cls] as number)))
  for (const wanted of [objects, 1]) {
    const at = reserve(task, heap, wanted * size)
    if (at === 0) continue
    if (task.checked) setShadow(task, at, wanted * size, true)
    for (let i = wanted - 1; i > 0; i--) pushFree(task, line, at + i * size)
    return at
  }
  return 0
}

/** Takes `amount` words of the heap. 0 when there are not that many. */
function reserve(task: Task, heap: WordAt, amount: number): WordAt {
  for (;;) {
    const at = atomicLoad(task, heap + BUMP)
    if (at + amount > (task.words[heap + LIMIT] as number)) return 0
    if (atomicCas(task, heap + BUMP, at, at + amount) === at) return at
  }
}

/** Class lock held. */
function pushFree(task: Task, line: WordAt, at: WordAt): void {
  task.words[at] = task.words[line + FREE] as number
  task.words[line + FREE] = at
}

/** Takes the oldest object out of quarantine and verifies that nobody wrote to it there. Class lock held. */
function leaveQuarantine(task: Task, line: WordAt, cls: number): WordAt {
  const { words } = task
  const at = words[line + OLD_FIRST] as number
  words[line + OLD_FIRST] = words[at] as number
  if (words[line + OLD_FIRST] === 0) words[line + OLD_LAST] = 0
  words[line + OLD_COUNT] = (words[line + OLD_COUNT] as number) - 1
  for (let i = POISON_FROM; i < lineOfClass(cls); i++) {
    if (words[at + i] !== POISON) {
      const name = kinds[words[at + FREED_KIND] as number]?.name ?? 'object'
      violation(task, 'LIFE', `word ${i} of a ${name} was written after it was freed${freedBy(task, at)}`)
    }
  }
  return at
}

function setShadow(task: Task, at: WordAt, size: number, dead: boolean): void {
  for (let line = at / LINE_WORDS; line < (at + size) / LINE_WORDS; line++) {
    const word = task.shadowAt + (line >>> 5)
    if (dead) quietOr(task, word, 1 << (line & 31))
    else quietAnd(task, word, ~(1 << (line & 31)))
  }
}

function isDead(task: Task, at: WordAt): boolean {
  const line = at / LINE_WORDS
  return (((task.words[task.shadowAt + (line >>> 5)] as number) >>> (line & 31)) & 1) === 1
}
