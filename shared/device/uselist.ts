/**
 * The frames of a device's own memory in the order of their last use, so that the one that was not used for longest is given up first.
 * What counts as a use is the driver's business: hardware does not say what it reaches through a mapping.
 *
 *   list, one object             word 0 ..: a word for each segment; then REPLAY, FRESH
 *   segment, 1024 nodes          word 2i: NEXT, word 2i + 1: PREV. A node for each frame, and the head: its NEXT is the oldest, its PREV
 *                                the youngest
 *
 *   FRESH    the first frame that was used since replay number REPLAY; those behind it were so, too. They serve faults that the
 *            hardware has not tried again yet: who gave them up would do so for nothing.
 *
 * Made by the device's service when it needs it, with all frames in the order of their numbers; freed with the device's last mirror
 * (device/registration.ts), for which the service holds one while it works. So the service is the only one who reads and writes it,
 * and there is no lock.
 *
 * Frames are never taken out: one that was freed meanwhile is stepped over, and is the youngest when it is used again.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { zoneFrames } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { deviceZone, replayAt, useListAt } from './record.ts'

const SEGMENT_NODES = 1024
/** Enough for all frames that a machine can have (frame/frames.ts). */
const SEGMENTS = 1025
const REPLAY = SEGMENTS
const FRESH = SEGMENTS + 1
const LIST_KIND = objectKind(21, 'list of frames by use', SEGMENTS + 2)
const SEGMENT_KIND = objectKind(22, 'segment of frames by use', SEGMENT_NODES * 2)

/** Makes the list if there is none. False when memory is out, or the device has no memory. Service only. */
export function beginUseList(task: Task, device: number): boolean {
  if (get(task, useListAt(task, device)) !== 0) return true
  const { count } = zoneFrames(task, deviceZone(task, device))
  const list = count === 0 ? 0 : allocObject(task, LIST_KIND)
  if (list === 0) return false
  for (let segment = 0; segment * SEGMENT_NODES <= count; segment++) {
    const at = allocObject(task, SEGMENT_KIND)
    if (at === 0) {
      freeList(task, list)
      return false
    }
    put(task, list + segment, at)
  }
  for (let node = 0; node <= count; node++) link(task, list, node, (node + 1) % (count + 1))
  put(task, list + REPLAY, atomicLoad(task, replayAt(task, device)))
  put(task, list + FRESH, count)
  put(task, useListAt(task, device), list)
  return true
}

/** Frees the list, if there is one. Device lock held; the device has no mirror. */
export function endUseList(task: Task, device: number): void {
  const list = get(task, useListAt(task, device))
  if (list === 0) return
  put(task, useListAt(task, device), 0)
  freeList(task, list)
}

/** Frame number `index` of the device's memory was used now. There is a list. Service only. */
export function noteUse(task: Task, device: number, index: number): void {
  const list = get(task, useListAt(task, device))
  const { count } = zoneFrames(task, deviceZone(task, device))
  assert(index >= 0 && index < count, 'a used frame is one of the device')
  const fresh = freshFrom(task, device)
  const after = get(task, nodeAt(task, list, index) + NEXT)
  link(task, list, get(task, nodeAt(task, list, index) + PREV), after)
  link(task, list, get(task, nodeAt(task, list, count) + PREV), index)
  link(task, list, index, count)
  if (fresh === count || (fresh === index && after === count)) put(task, list + FRESH, index)
  else if (fresh === index) put(task, list + FRESH, after)
}

/** The frame behind `index` in the order of use; of `count`, the head: the oldest. `count` behind the youngest. Service only. */
export function usedAfter(task: Task, device: number, index: number): number {
  return get(task, nodeAt(task, get(task, useListAt(task, device)), index) + NEXT)
}

/** The oldest frame that was used since the last replay; `count` when none was. Service only. */
export function freshFrom(task: Task, device: number): number {
  const list = get(task, useListAt(task, device))
  const replays = atomicLoad(task, replayAt(task, device))
  if (get(task, list + REPLAY) !== replays) {
    put(task, list + REPLAY, replays)
    put(task, list + FRESH, zoneFrames(task, deviceZone(task, device)).count)
  }
  return get(task, list + FRESH)
}

const NEXT = 0
const PREV = 1

function nodeAt(task: Task, list: WordAt, node: number): WordAt {
  return get(task, list + Math.floor(node / SEGMENT_NODES)) + (node % SEGMENT_NODES) * 2
}

/** Lets `after` follow `before`. */
function link(task: Task, list: WordAt, before: number, after: number): void {
  put(task, nodeAt(task, list, before) + NEXT, after)
  put(task, nodeAt(task, list, after) + PREV, before)
}

function freeList(task: Task, list: WordAt): void {
  for (let segment = 0; segment < SEGMENTS && get(task, list + segment) !== 0; segment++)
    freeObject(task, SEGMENT_KIND, get(task, list + segment))
  freeObject(task, LIST_KIND, list)
}
