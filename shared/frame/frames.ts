/**
 * Page frames: one record a frame, and the frame's real bytes. System memory is zone 0; each device with memory of its own
 * is a zone of device-private frames behind it. All have numbers in one space of at most 20 bits.
 *
 *   frame record, one line
 *   word   0     1      2       3            4      5         6       7      8      9      10      11    12        13 .. 15
 *        +-----+-----+-------+------------+------+---------+-------+------+------+------+-------+-----+---------+----------+
 *        | REF | MAP | FLAGS | GENERATION | LOCK | MAPPING | INDEX | ZONE | NEXT | PREV | ORDER | PIN | PRIVATE | freed by |
 *        +-----+-----+-------+------------+------+---------+-------+------+------+------+-------+-----+---------+----------+
 *
 *   REF          holders: one per mapping, one per page-cache slot, one per temporary user. 0 = free. Atomic.
 *   MAP          page-table entries that map it (present, or device-private). Atomic.
 *   FLAGS        FRAME_* bits. Atomic or / and.
 *   GENERATION   bumped each time the frame is freed: what a stale entry is recognised by. Atomic.
 *   LOCK         the frame lock, a mutex (class `frameLock`): identity and content hold still while it moves.
 *   MAPPING      who owns its contents: word index of a fork family (FRAME_ANON) or of a file; 0 = nobody.
 *                INDEX: page offset in that owner. Guarded by LOCK once the frame is mapped.
 *   ZONE         immutable. NEXT, PREV, ORDER: free-list links (frame + 1) and block size; guarded by the zone's lock.
 *   PIN          long-term pins (dma); a pinned frame does not migrate. Atomic.
 *   PRIVATE      the cached frame + 1 of a swap slot; the head of a block, in the frames behind it.
 *   freed by     actor, operation with its pages, and first page of the last free; written before GENERATION is bumped.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { HUGE_PAGES, LINE_WORDS, PAGE_WORDS, type WordAt, type Words } from '../memory/words.ts'
import { actorAt, OP, OP_A, OP_B, ORIGIN } from '../seam/actors.ts'
import { atomicAdd, atomicAnd, atomicCas, atomicLoad, atomicOr, atomicStore, quietLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { FRAME_LOCK } from '../sync/classes.ts'
import { isHeld } from '../sync/held.ts'
import { mutexLock, mutexUnlock } from '../sync/mutex.ts'
import { ownerDrop, ownerOf, ownerTake, ownerTry } from '../sync/ownerword.ts'

/** A frame number: index of a record, and of the page of bytes that belongs to it. */
export type Frame = number & { readonly brand: 'frame' }
/** No frame. Frame 0 exists (it is the zero page), so absence is negative. */
export const NO_FRAME = -1 as Frame

export const FRAME_WORDS = LINE_WORDS
/** A page-table entry has 20 bits for a frame number: 4 GiB of 4 KiB frames. */
export const MAX_FRAMES = 1 << 20

const REF = 0
const MAP = 1
const FLAGS = 2
const GENERATION = 3
const LOCK = 4
const MAPPING = 5
const INDEX = 6
export const ZONE = 7
export const NEXT = 8
export const PREV = 9
export const ORDER = 10
const PIN = 11
const PRIVATE = 12
const FREED_ACTOR = 13
const FREED_OP = 14
const FREED_ARG = 15

/** FLAGS bits. */
export const FRAME_FREE = 1 << 0
/** Content differs from any backing copy. */
export const FRAME_DIRTY = 1 << 1
/** MAPPING is a fork family: private memory. */
export const FRAME_ANON = 1 << 2
/** Only one entry maps it and it is not shared by fork: a write fault may reuse it (kernel: PageAnonExclusive). */
export const FRAME_EXCLUSIVE = 1 << 3
/** The shared page of zeros: mapped read-only everywhere, never freed. */
export const FRAME_ZERO = 1 << 4
/** First frame of a 2 MiB block in use as one: its REF, MAP, LOCK, MAPPING and INDEX are the block's. */
export const FRAME_HEAD = 1 << 5
/** One of the others of such a block; PRIVATE is the head's number. EXCLUSIVE is each frame's own once the block is mapped in pieces. */
export const FRAME_TAIL = 1 << 7
/** Private memory that may be dropped instead of swapped unless it is written again (madvise free). */
export const FRAME_LAZY_FREE = 1 << 8
/** It was written since it was declared clean: a note of the dirty accounting (check/dirty.ts), and of nobody else. */
export const FRAME_WRITTEN = 1 << 9
/** Device-private: no CPU may touch it. */
export const FRAME_DEVICE = 1 << 6

const ZONES_AT = 0
export const ZONE_WORDS = LINE_WORDS * 2
/** System memory, eight devices, swap. */
export const MAX_ZONES = 10
const RECORDS_AT = ZONES_AT + MAX_ZONES * ZONE_WORDS

/** Words that the module reaches as well (hmm/modulelayout.ts): the first record in the region, and in each its generation. */
export const FRAME_AT = { records: RECORDS_AT, generation: GENERATION } as const

/** Words of the `frames` region for `frames` frames. */
export function frameRegionWords(frames: number): number {
  return RECORDS_AT + frames * FRAME_WORDS
}

export function zoneAt(task: Task, zone: number): WordAt {
  return regionAt(task.words, 'frames') + ZONES_AT + zone * ZONE_WORDS
}

export function frameAt(task: Task, frame: Frame): WordAt {
  return regionAt(task.words, 'frames') + RECORDS_AT + frame * FRAME_WORDS
}

/** Is there a frame of that number? An entry of a device's registers names none. */
export function frameExists(task: Task, frame: Frame): boolean {
  return (frame + 1) * FRAME_WORDS + RECORDS_AT <= regionWords(task.words, 'frames')
}

/** Word index of the frame's first word of data. */
export function frameData(task: Task, frame: Frame): WordAt {
  return regionAt(task.words, 'bytes') + frame * PAGE_WORDS
}

/** Number of frames in a 2 MiB block. */
export const BLOCK_FRAMES = HUGE_PAGES

/**
 * The frame whose record counts for `frame`: the head of its block, or itself. Blocks are made and taken apart only while
 * nobody but their maker holds them, so the answer stands while the caller has a reference or the lock of an entry.
 */
export function frameHead(task: Task, frame: Frame): Frame {
  const at = frameAt(task, frame)
  return ((task.words[at + FLAGS] as number) & FRAME_TAIL) === 0 ? frame : (task.words[at + PRIVATE] as Frame)
}

/** Is it part of a 2 MiB block? */
export function frameIsBlock(task: Task, frame: Frame): boolean {
  return ((task.words[frameAt(task, frame) + FLAGS] as number) & (FRAME_HEAD | FRAME_TAIL)) !== 0
}

/** The record that counts for `frame`. */
function countedAt(task: Task, frame: Frame): WordAt {
  return frameAt(task, frameHead(task, frame))
}

export function frameRefs(task: Task, frame: Frame): number {
  return atomicLoad(task, countedAt(task, frame) + REF)
}

export function frameMaps(task: Task, frame: Frame): number {
  return atomicLoad(task, countedAt(task, frame) + MAP)
}

/** Generation of the frame, to be compared with one taken earlier. */
export function frameGeneration(task: Task, frame: Frame): number {
  return atomicLoad(task, frameAt(task, frame) + GENERATION)
}

/** As frameGeneration, for the oracles' own bookkeeping: no schedule point. */
export function frameGenerationQuiet(task: Task, frame: Frame): number {
  return quietLoad(task, frameAt(task, frame) + GENERATION)
}

/** May the frame's bytes differ from what they were when all records were as in `then`, words at the same indexes? */
export function frameMayDiffer(task: Task, frame: Frame, then: Words): boolean {
  const { words } = task
  const at = frameAt(task, frame)
  return words[at + REF] !== 0 || then[at + REF] !== 0 || words[at + GENERATION] !== then[at + GENERATION]
}

export function frameFlags(task: Task, frame: Frame): number {
  return atomicLoad(task, frameAt(task, frame) + FLAGS)
}

export function frameSetFlags(task: Task, frame: Frame, bits: number): void {
  atomicOr(task, frameAt(task, frame) + FLAGS, bits)
}

/** Notes that the content changed; of a block, for all of it. Caller knows a reference. */
export function frameMarkDirty(task: Task, frame: Frame): void {
  frameSetFlags(task, frameHead(task, frame), FRAME_DIRTY)
}

/** Returns the flags before. */
export function frameClearFlags(task: Task, frame: Frame, bits: number): number {
  return atomicAnd(task, frameAt(task, frame) + FLAGS, ~bits)
}

export function frameZone(task: Task, frame: Frame): number {
  return task.words[frameAt(task, frame) + ZONE] as number
}

/** Names the owner of the contents; of a block through its head. Caller holds the frame lock, or is the only one who knows the frame. */
export function frameSetMapping(task: Task, frame: Frame, mapping: WordAt, index: number): void {
  const at = frameAt(task, frame)
  task.words[at + MAPPING] = mapping
  task.words[at + INDEX] = index
}

export function frameMapping(task: Task, frame: Frame): WordAt {
  return task.words[countedAt(task, frame) + MAPPING] as number
}

/** Page offset in the owner; a uint32. */
export function frameIndex(task: Task, frame: Frame): number {
  const head = frameHead(task, frame)
  return ((task.words[frameAt(task, head) + INDEX] as number) + (frame - head)) >>> 0
}

export function framePrivate(task: Task, frame: Frame): number {
  return task.words[frameAt(task, frame) + PRIVATE] as number
}

export function frameSetPrivate(task: Task, frame: Frame, value: number): void {
  task.words[frameAt(task, frame) + PRIVATE] = value
}

/** Adds a reference. Caller knows one that cannot go away meanwhile. */
export function frameGet(task: Task, frame: Frame): void {
  const before = atomicAdd(task, countedAt(task, frame) + REF, 1)
  if (before <= 0) violation(task, 'LIFE', `a reference is taken on frame ${frame}, which nobody holds`)
}

/** Adds a reference unless the frame is free; false then. */
export function frameGetUnlessZero(task: Task, frame: Frame): boolean {
  const at = frameAt(task, frame) + REF
  for (;;) {
    const refs = atomicLoad(task, at)
    if (refs === 0) return false
    if (atomicCas(task, at, refs, refs + 1) === refs) return true
  }
}

/** Drops a reference; true when it was the last one, and the caller must free the frame (frame/zones.ts). */
export function framePutTest(task: Task, frame: Frame): boolean {
  const before = atomicAdd(task, countedAt(task, frame) + REF, -1)
  assert(before > 0, 'a reference is dropped by who holds it')
  return before === 1
}

/** Counts one more entry that maps the frame. Caller holds that entry's leaf lock. */
export function frameMapInc(task: Task, frame: Frame): void {
  atomicAdd(task, countedAt(task, frame) + MAP, 1)
}

/**
 * One entry of 2 MiB that maps block `head` is about to become 512 of 4 KiB: counts those, and makes each frame as exclusive as
 * the block was. Caller holds the entry's lock.
 */
export function frameCountPieces(task: Task, head: Frame): void {
  const at = frameAt(task, head)
  atomicAdd(task, at + REF, BLOCK_FRAMES - 1)
  atomicAdd(task, at + MAP, BLOCK_FRAMES - 1)
  const exclusive = (frameFlags(task, head) & FRAME_EXCLUSIVE) !== 0
  for (let i = 1; i < BLOCK_FRAMES; i++) {
    if (exclusive) frameSetFlags(task, (head + i) as Frame, FRAME_EXCLUSIVE)
    else frameClearFlags(task, (head + i) as Frame, FRAME_EXCLUSIVE)
  }
}

/** Returns the number of entries left. Caller holds the entry's leaf lock. */
export function frameMapDec(task: Task, frame: Frame): number {
  const before = atomicAdd(task, countedAt(task, frame) + MAP, -1)
  assert(before > 0, 'an entry that goes was counted in its frame')
  return before - 1
}

export function framePins(task: Task, frame: Frame): number {
  return atomicLoad(task, countedAt(task, frame) + PIN)
}

export function frameAddPin(task: Task, frame: Frame, amount: number): void {
  atomicAdd(task, countedAt(task, frame) + PIN, amount)
}

/** Takes the frame lock. May sleep. */
export function frameLock(task: Task, frame: Frame): void {
  mutexLock(task, countedAt(task, frame) + LOCK, FRAME_LOCK)
}

/**
 * Takes the frame lock if it is free. A migration holds hundreds of frames at once, all of them taken this way and in no
 * order, so they are not entered among the actor's held locks; the lock word still names its owner.
 */
export function frameTryLock(task: Task, frame: Frame): boolean {
  return ownerTry(task, countedAt(task, frame) + LOCK)
}

/** Drops the frame lock, however it was taken. */
export function frameUnlock(task: Task, frame: Frame): void {
  const lock = countedAt(task, frame) + LOCK
  if (task.checked && isHeld(task, lock)) mutexUnlock(task, lock)
  else ownerDrop(task, lock)
}

/**
 * Sleeps until the frame lock is free. Needs no reference: the frame may be another one's by then, which only ends the wait.
 *
 *     waits for a piece of a block             takes the block apart, under its lock
 *     takes the head's lock: sleeps
 *                                              the piece is a frame of its own; unlocks the head
 *     has the head's lock
 *     drops the piece's lock                                                       [Forbidden: whose lock is it?]
 *
 * so which lock it is is asked once.
 */
export function frameWaitUnlocked(task: Task, frame: Frame): void {
  const lock = countedAt(task, frame) + LOCK
  mutexLock(task, lock, FRAME_LOCK)
  mutexUnlock(task, lock)
}

/** Does this actor hold the frame lock? */
/** Does somebody hold the frame lock? Old as soon as it is heard. */
export function frameIsLocked(task: Task, frame: Frame): boolean {
  return ownerOf(task, countedAt(task, frame) + LOCK) >= 0
}

export function frameLockedByMe(task: Task, frame: Frame): boolean {
  return ownerOf(task, countedAt(task, frame) + LOCK) === task.id
}

/** Fills the page with zeros. Caller is the only one who knows the frame. */
export function frameClear(task: Task, frame: Frame): void {
  const at = frameData(task, frame)
  task.words.fill(0, at, at + PAGE_WORDS)
}

/** Is there nothing but zeros in the page? Nobody writes it meanwhile. */
export function frameIsZero(task: Task, frame: Frame): boolean {
  const at = frameData(task, frame)
  for (let i = 0; i < PAGE_WORDS; i++) if (task.words[at + i] !== 0) return false
  return true
}

/** Copies a page. Nobody writes `source` meanwhile, nobody else knows `target`. */
export function frameCopy(task: Task, target: Frame, source: Frame): void {
  const from = frameData(task, source)
  task.words.copyWithin(frameData(task, target), from, from + PAGE_WORDS)
  probe(task, PROBE.frameCopied, target, source)
}

/** Makes a free frame one with a single holder; behind the head of a block, one without (`refs` 0). Zone's lock held. */
export function frameBegin(task: Task, frame: Frame, flags: number, refs = 1): void {
  const { words } = task
  const at = frameAt(task, frame)
  words[at + MAPPING] = 0
  words[at + INDEX] = 0
  words[at + PRIVATE] = 0
  words[at + FLAGS] = flags
  atomicStore(task, at + REF, refs)
  probe(task, PROBE.frameAlloc, frame)
}

/**
 * Makes a frame of a block one of its own, with one reference and its lock, both the caller's: who waits for it to come back
 * waits for the head's lock before this, and for its own afterwards. Caller holds the block's lock and only reference.
 *
 * PRIVATE stays: who has just seen the old flags may still ask for the head.
 */
export function frameAdopt(task: Task, frame: Frame, mapping: WordAt, index: number, flags: number): void {
  const at = frameAt(task, frame)
  // Held for a moment at most, by somebody who waited for what this frame was long ago.
  ownerTake(task, at + LOCK)
  frameSetMapping(task, frame, mapping, index)
  atomicStore(task, at + REF, 1)
  frameClearFlags(task, frame, ~flags & FOLLOWS_HEAD)
  frameSetFlags(task, frame, flags & FOLLOWS_HEAD)
  frameClearFlags(task, frame, FRAME_TAIL)
}

/** Flags that a block has in its head, for all its frames. */
const FOLLOWS_HEAD = FRAME_DIRTY | FRAME_LAZY_FREE

/**
 * Makes a frame with no holder a free one: from here on every entry that still names it is stale. The bump of GENERATION
 * is what device and CPU accesses are checked against, so it comes before the frame can be handed out again.
 */
export function frameEnd(task: Task, frame: Frame): void {
  const { words } = task
  const at = frameAt(task, frame)
  assert(((words[at + FLAGS] as number) & FRAME_FREE) === 0, 'a frame is freed once')
  assert(words[at + MAP] === 0, 'a freed frame is mapped nowhere')
  const origin = actorAt(words, words[task.record + ORIGIN] as number)
  words[at + FREED_ACTOR] = words[task.record + ORIGIN] as number
  words[at + FREED_OP] = (words[origin + OP] as number) | (Math.min(words[origin + OP_B] as number, MAX_NOTED_PAGES) << 8)
  words[at + FREED_ARG] = words[origin + OP_A] as number
  const before = atomicAdd(task, at + GENERATION, 1)
  words[at + FLAGS] = ((words[at + FLAGS] as number) & FRAME_DEVICE) | FRAME_FREE
  probe(task, PROBE.frameFree, frame, before)
}

/** Actor and operation (with its first page and number of pages) of the last free, for reports. */
export function frameFreedBy(task: Task, frame: Frame): { actor: number; op: number; page: number; pages: number } {
  const at = frameAt(task, frame)
  const { words } = task
  const op = words[at + FREED_OP] as number
  return {
    actor: words[at + FREED_ACTOR] as number,
    op: op & 255,
    page: (words[at + FREED_ARG] as number) >>> 0,
    pages: op >>> 8,
  }
}

/** Pages of the freeing operation are noted in 23 bits. */
const MAX_NOTED_PAGES = (1 << 23) - 1
