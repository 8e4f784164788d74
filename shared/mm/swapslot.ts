/**
 * Swap slots: frames of a zone of their own that no entry ever maps. A swap entry holds a slot's number and one of its
 * references.
 *
 *   slot's REF       swap entries that name it, and temporary users. At 0 it is free.
 *   slot's PRIVATE   the swap cache: frame + 1 that holds the same content, 0 = none. The cache holds a reference of that
 *                    frame, so that a second process that shares the slot finds the page the first one brought in.
 *                    Guarded by the slot's frame lock.
 */
import { type Frame, framePrivate, framePutTest } from '../frame/frames.ts'
import { framePut, freeUnreferenced } from '../frame/zones.ts'
import type { Task } from '../seam/task.ts'

/** Drops a hold on a slot; the last one gives back the slot and the cached frame. */
export function putSlot(task: Task, slot: Frame): void {
  if (!framePutTest(task, slot)) return
  const cached = framePrivate(task, slot)
  freeUnreferenced(task, slot)
  if (cached !== 0) framePut(task, (cached - 1) as Frame)
}
