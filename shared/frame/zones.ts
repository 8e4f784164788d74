/**
 * Zones: who has the free frames. A buddy allocator over the frames of one zone, orders 0 (4 KiB) to 9 (2 MiB).
 *
 *   zone record, two lines
 *   word   0      1       2       3      4          5          16 .. 25
 *        +------+-------+-------+------+----------+------+--+-----------------------------+
 *        | LOCK | FIRST | COUNT | FREE | LOW_MARK | HAND |..| HEADS[0..9]: frame + 1      |
 *        +------+-------+-------+------+----------+------+--+-----------------------------+
 *
 *   LOCK           spinlock, class `zone`. Guards FREE, HEADS, and NEXT, PREV, ORDER of free frames.
 *   FIRST, COUNT   the zone's frame numbers. Immutable.
 *   FREE           free frames. LOW_MARK the fewest there were, for reports.
 *   HAND           where reclaim looks next (mm/shrink.ts). Atomic; it only goes up.
 *
 * The youngest free frame is handed out first: a stale entry then meets a reused frame as soon as possible. A block's
 * buddy is found by its number relative to FIRST, so zones need no alignment of their own.
 */

import type { WordAt } from '../memory/words.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { ZONE as ZONE_LOCK } from '../sync/classes.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import {
  BLOCK_FRAMES,
  FRAME_DEVICE,
  FRAME_FREE,
  FRAME_HEAD,
  FRAME_TAIL,
  FRAME_WORDS,
  FRAME_ZERO,
  type Frame,
  frameAdopt,
  frameAt,
  frameBegin,
  frameClear,
  frameClearFlags,
  frameEnd,
  frameFlags,
  frameHead,
  frameIndex,
  frameMapping,
  frameMaps,
  framePutTest,
  frameRefs,
  frameSetPrivate,
  frameTryLock,
  frameWaitUnlocked,
  frameZone,
  MAX_ZONES,
  NEXT,
  NO_FRAME,
  ORDER,
  PREV,
  ZONE,
  zoneAt,
} from './frames.ts'

export const SYSTEM_ZONE = 0
/** Where swapped pages lie: behind the zones of the devices (device d has zone d + 1). */
export const SWAP_ZONE = MAX_ZONES - 1
/** Order of a 2 MiB block: 2^9 frames. */
export const HUGE_ORDER = 9

const LOCK = 0
const FIRST = 1
const COUNT = 2
const FREE = 3
const LOW_MARK = 4
const HAND = 5
const HEADS = 16
/** FLAGS is word 2 of a frame record (frames.ts); the allocator writes it plainly while the frame is nobody's. */
const FLAGS = 2
/** PREV of every frame that is not the head of a listed block: a frame on its way to the list already has FRAME_FREE. */
const NOT_LISTED = -1

/** The page of zeros: mapped read-only wherever private memory was read before it was written. */
export const ZERO_FRAME = 0 as Frame

/** Makes zone `zone` own frames [first, first + count), all free. Once, by the booting thread. */
export function createZone(task: Task, zone: number, first: number, count: number): void {
  const at = zoneAt(task, zone)
  const { words } = task
  words.fill(0, at, at + HEADS + HUGE_ORDER + 1)
  words[at + FIRST] = first
  words[at + COUNT] = count
  const flags = FRAME_FREE | (zone === SYSTEM_ZONE || zone === SWAP_ZONE ? 0 : FRAME_DEVICE)
  for (let i = 0; i < count; i++) {
    const record = frameAt(task, (first + i) as Frame)
    words.fill(0, record, record + 16)
    words[record + ZONE] = zone
    words[record + FLAGS] = flags
    words[record + PREV] = NOT_LISTED
  }
  // Highest block first, so that the lowest ends on top of its list: machines of one size hand out the same numbers.
  const blocks: { frame: number; order: number }[] = []
  for (let i = 0; i < count; ) {
    let order = HUGE_ORDER
    while (i % (1 << order) !== 0 || i + (1 << order) > count) order--
    blocks.push({ frame: first + i, order })
    i += 1 << order
  }
  for (const block of blocks.reverse()) addFree(task, at, block.frame as Frame, block.order)
  words[at + LOW_MARK] = count
}

/** Takes frame 0 for the page of zeros. Once, by the booting thread; it belongs to no zone. */
export function createZeroFrame(task: Task): void {
  const record = frameAt(task, ZERO_FRAME)
  task.words.fill(0, record, record + FRAME_WORDS)
  frameBegin(task, ZERO_FRAME, FRAME_ZERO)
  frameClear(task, ZERO_FRAME)
}

/**
 * Takes one frame (or, with `order`, a block of them, the head's number) with a single reference, contents undefined.
 * NO_FRAME when there is none. Takes and drops the zone's lock; never sleeps.
 */
export function frameAlloc(task: Task, zone: number, flags = 0, order = 0): Frame {
  const at = zoneAt(task, zone)
  const { words } = task
  spinLock(task, at + LOCK, ZONE_LOCK)
  let found = order
  while (found <= HUGE_ORDER && words[at + HEADS + found] === 0) found++
  if (found > HUGE_ORDER) {
    spinUnlock(task, at + LOCK)
    return NO_FRAME
  }
  const frame = ((words[at + HEADS + found] as number) - 1) as Frame
  removeFree(task, at, frame, found)
  while (found > order) {
    found--
    addFree(task, at, (frame + (1 << found)) as Frame, found)
  }
  for (let i = 0; i < 1 << order; i++) {
    const record = frameAt(task, (frame + i) as Frame)
    // The head's reference is the block's: nobody can take one on a frame behind it, in use or free.
    frameBegin(task, (frame + i) as Frame, ((words[record + FLAGS] as number) & FRAME_DEVICE) | flags, i === 0 ? 1 : 0)
  }
  if (order > 0) {
    words[frameAt(task, frame) + FLAGS] = (words[frameAt(task, frame) + FLAGS] as number) | FRAME_HEAD
    for (let i = 1; i < 1 << order; i++) {
      const record = frameAt(task, (frame + i) as Frame)
      words[record + FLAGS] = (words[record + FLAGS] as number) | FRAME_TAIL
      frameSetPrivate(task, (frame + i) as Frame, frame)
    }
  }
  words[frameAt(task, frame) + ORDER] = order
  if ((words[at + FREE] as number) < (words[at + LOW_MARK] as number)) words[at + LOW_MARK] = words[at + FREE] as number
  spinUnlock(task, at + LOCK)
  return frame
}

/**
 * As frameAlloc, with the frame's lock. No address space has the frame; but who waited for what it was before, or goes by frames, may have
 * its lock for a moment:
 *
 *     faulting CPU                             mover
 *     finds a migration entry of Q
 *                                              Q is moved, and freed
 *                                              takes Q from the free frames
 *     lock of Q, for it waited for that
 *                                              lock of Q by trylock: no           [Forbidden: to go on all the same]
 *     unlocks it
 *
 * Sleeps; no lock that a frame's lock may not be taken under is held.
 */
export function frameAllocLocked(task: Task, zone: number): Frame {
  const frame = frameAlloc(task, zone)
  while (frame !== NO_FRAME && !frameTryLock(task, frame)) frameWaitUnlocked(task, frame)
  return frame
}

/** As frameAlloc from system memory, filled with zeros. */
export function frameAllocZeroed(task: Task, flags = 0): Frame {
  const frame = frameAlloc(task, SYSTEM_ZONE, flags)
  if (frame !== NO_FRAME) frameClear(task, frame)
  return frame
}

/** As frameAlloc of a 2 MiB block from system memory, filled with zeros. */
export function blockAllocZeroed(task: Task, flags = 0): Frame {
  const head = frameAlloc(task, SYSTEM_ZONE, flags, HUGE_ORDER)
  for (let i = 0; head !== NO_FRAME && i < BLOCK_FRAMES; i++) frameClear(task, (head + i) as Frame)
  return head
}

/** Drops a reference; the last one frees the frame, or the whole block if it is still one. */
export function framePut(task: Task, frame: Frame): void {
  const head = frameHead(task, frame) // when the reference is gone, nobody may ask any more
  if (framePutTest(task, head)) freeUnreferenced(task, head)
}

/**
 * Takes a 2 MiB block apart: 512 frames, each locked and with one reference by the caller, who had both of the block. Nobody
 * else holds it, and nothing maps it.
 */
export function splitBlock(task: Task, head: Frame): void {
  const { words } = task
  const mapping = frameMapping(task, head)
  const index = frameIndex(task, head)
  assert(frameRefs(task, head) === 1 && frameMaps(task, head) === 0, 'a block is taken apart by its only holder')
  const flags = frameFlags(task, head)
  for (let i = 1; i < BLOCK_FRAMES; i++) {
    words[frameAt(task, (head + i) as Frame) + ORDER] = 0
    frameAdopt(task, (head + i) as Frame, mapping, index + i, flags)
  }
  words[frameAt(task, head) + ORDER] = 0
  frameClearFlags(task, head, FRAME_HEAD)
}

/** Free frames of a zone: exact only when nobody else allocates. */
export function freeFrames(task: Task, zone: number): number {
  return task.words[zoneAt(task, zone) + FREE] as number
}

/** Word of the zone's clock hand. */
export function clockHandAt(task: Task, zone: number): WordAt {
  return zoneAt(task, zone) + HAND
}

/** Fewest free frames the zone ever had. */
export function lowMark(task: Task, zone: number): number {
  return task.words[zoneAt(task, zone) + LOW_MARK] as number
}

export function zoneFrames(task: Task, zone: number): { first: number; count: number } {
  const at = zoneAt(task, zone)
  return { first: task.words[at + FIRST] as number, count: task.words[at + COUNT] as number }
}

/** Frees a frame whose last reference the caller dropped by framePutTest. */
export function freeUnreferenced(task: Task, frame: Frame): void {
  assert((frameFlags(task, frame) & FRAME_ZERO) === 0, 'the page of zeros is never freed')
  const at = zoneAt(task, frameZone(task, frame))
  const order = Math.max(0, task.words[frameAt(task, frame) + ORDER] as number)
  for (let i = 0; i < 1 << order; i++) frameEnd(task, (frame + i) as Frame)
  spinLock(task, at + LOCK, ZONE_LOCK)
  mergeFree(task, at, frame, order)
  spinUnlock(task, at + LOCK)
}

/** Joins a free block with its free buddies, as far as it goes. Zone's lock held. */
function mergeFree(task: Task, at: WordAt, block: Frame, blockOrder: number): void {
  const { words } = task
  const first = words[at + FIRST] as number
  const count = words[at + COUNT] as number
  let frame = block - first
  let order = blockOrder
  while (order < HUGE_ORDER) {
    const buddy = frame ^ (1 << order)
    if (buddy + (1 << order) > count) break
    const record = frameAt(task, (first + buddy) as Frame)
    if (words[record + PREV] === NOT_LISTED || words[record + ORDER] !== order) break
    removeFree(task, at, (first + buddy) as Frame, order)
    frame &= ~(1 << order)
    order++
  }
  addFree(task, at, (first + frame) as Frame, order)
}

/** Puts a block of free frames on top of its list. Zone's lock held. */
function addFree(task: Task, at: WordAt, frame: Frame, order: number): void {
  const { words } = task
  const record = frameAt(task, frame)
  const next = words[at + HEADS + order] as number
  words[record + NEXT] = next
  words[record + PREV] = 0
  words[record + ORDER] = order
  if (next !== 0) words[frameAt(task, (next - 1) as Frame) + PREV] = frame + 1
  words[at + HEADS + order] = frame + 1
  words[at + FREE] = (words[at + FREE] as number) + (1 << order)
}

/** Zone's lock held; `frame` is the head of a free block of `order`. */
function removeFree(task: Task, at: WordAt, frame: Frame, order: number): void {
  const { words } = task
  const record = frameAt(task, frame)
  const next = words[record + NEXT] as number
  const prev = words[record + PREV] as number
  if (prev === 0) words[at + HEADS + order] = next
  else words[frameAt(task, (prev - 1) as Frame) + NEXT] = next
  if (next !== 0) words[frameAt(task, (next - 1) as Frame) + PREV] = prev
  words[record + PREV] = NOT_LISTED
  words[at + FREE] = (words[at + FREE] as number) - (1 << order)
}
