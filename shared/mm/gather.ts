/**
 * Gather (struct mmu_gather): frames whose entries were cleared, kept until every CPU's TLB is flushed. One per actor.
 *
 *   word   0    1       2         3 .. 15   16 ...
 *        +----+-------+---------+---------+------------------+
 *        | MM | COUNT | CLEARED | pad     | frames           |
 *        +----+-------+---------+---------+------------------+
 *
 *   MM        0 while no gather is open.
 *   CLEARED   1 once a present entry was cleared since the last flush.
 *
 *     zap                                      CPU with a cached translation
 *     clears the entry
 *                                              writes through its TLB
 *     flushTlb: waits for it
 *     frees the frame                          [Required: flush before free]
 */

import type { Frame } from '../frame/frames.ts'
import { framePut } from '../frame/zones.ts'
import { regionAt } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { flushTlb } from './shootdown.ts'

const MM = 0
const COUNT = 1
const CLEARED = 2
const FRAMES = LINE_WORDS
/** Frames per flush: half a leaf table, so that a long zap gives memory back while it runs. */
const MAX_FRAMES = 256
export const GATHER_WORDS = FRAMES + MAX_FRAMES

/** Opens this actor's gather for entries of `mm`. Gathers do not nest. */
export function gatherBegin(task: Task, mm: Mm): void {
  const at = gatherAt(task)
  assert(task.words[at + MM] === 0, 'gathers do not nest')
  task.words[at + MM] = mm
  task.words[at + COUNT] = 0
  task.words[at + CLEARED] = 0
}

/** A present entry was cleared: a flush is due before anything is freed. */
export function gatherCleared(task: Task): void {
  task.words[gatherAt(task) + CLEARED] = 1
}

/** Takes over one reference to `frame`, to be dropped after the flush. False when full now: gatherFlush before the next. */
export function gatherFrame(task: Task, frame: Frame): boolean {
  const at = gatherAt(task)
  const count = task.words[at + COUNT] as number
  assert(count < MAX_FRAMES, 'a full gather is flushed before it takes another frame')
  task.words[at + FRAMES + count] = frame
  task.words[at + COUNT] = count + 1
  return count + 1 < MAX_FRAMES
}

/** Must it be flushed before it can take another frame? */
export function gatherIsFull(task: Task): boolean {
  return task.words[gatherAt(task) + COUNT] === MAX_FRAMES
}

/** Flushes TLBs now, without freeing: for a dirty shared page, before its page-table lock is dropped. */
export function gatherFlushTlb(task: Task): void {
  const at = gatherAt(task)
  if (task.words[at + CLEARED] === 0) return
  flushTlb(task, task.words[at + MM] as Mm)
  task.words[at + CLEARED] = 0
}

/** Flushes TLBs and drops the gathered references. No page-table lock held. */
export function gatherFlush(task: Task): void {
  gatherFlushTlb(task)
  const at = gatherAt(task)
  const count = task.words[at + COUNT] as number
  for (let i = 0; i < count; i++) framePut(task, task.words[at + FRAMES + i] as Frame)
  task.words[at + COUNT] = 0
}

/** Flushes what is left and closes the gather. */
export function gatherEnd(task: Task): void {
  gatherFlush(task)
  task.words[gatherAt(task) + MM] = 0
}

function gatherAt(task: Task): WordAt {
  return regionAt(task.words, 'gathers') + task.id * GATHER_WORDS
}
