/**
 * The fault buffer: how an engine says that it found no translation, and how it hears that it should try again.
 *
 *   entry, 8 words
 *   word   0          1     2        3         4         5        6, 7
 *        +----------+-----+--------+---------+---------+--------+------+
 *        | INSTANCE | VPN | ACCESS | STAMP   | CONTEXT | RAISED | pad  |
 *        +----------+-----+--------+---------+---------+--------+------+
 *
 *   RAISED   when, in us of the clock that all threads have, the lower 32 bits; where phases are measured.
 *
 *     engine                                   service
 *     notes REPLAY = r
 *     entries into the buffer
 *                                              takes the batch, serves it
 *                                              status of each context, then REPLAY = r + 1, wakes the engine
 *     sleeps only while REPLAY == r            [Required: the replay is not missed]
 *     tries the accesses again
 *
 * A full buffer drops the entry, as hardware does: the replay after the others makes the engine raise it again. So one page
 * may be in the buffer several times, and a fault may be there that nobody needs any more.
 */

import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicLoad } from '../seam/atomics.ts'
import { sharedNowUs } from '../seam/clock.ts'
import { park, WAIT, wake } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import { HISTOGRAM, recordLatency } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { ringPublish, ringReserve } from '../sync/ring.ts'
import { runCopies } from './copyqueue.ts'
import { deviceEngine, faultRing, replayAt, stampAt } from './record.ts'

/** Kinds of device access, by intrusiveness. */
export const DEVICE_ACCESS = { prefetch: 0, read: 1, write: 2, atomic: 3 } as const

const INSTANCE = 0
const VPN = 1
const ACCESS = 2
const STAMP = 3
const CONTEXT = 4
const RAISED = 5

/** The replay word as it is now: note it before raising, wait for it to change. Engine only. */
export function noteReplay(task: Task, device: number): number {
  return atomicLoad(task, replayAt(task, device))
}

/** Puts a fault into the buffer, unless it is full. Never waits. Engine only. */
export function raiseFault(task: Task, device: number, instance: number, vpn: number, access: number, context: number): void {
  const stamp = (get(task, stampAt(task, device)) + 1) | 0
  put(task, stampAt(task, device), stamp)
  const ring = faultRing(task, device)
  const slot = ringReserve(task, ring)
  if (slot === 0) return
  put(task, slot + INSTANCE, instance)
  put(task, slot + VPN, vpn | 0)
  put(task, slot + ACCESS, access)
  put(task, slot + STAMP, stamp)
  put(task, slot + CONTEXT, context)
  if (task.lockClock !== null) put(task, slot + RAISED, Math.floor(sharedNowUs()) | 0)
  ringPublish(task, ring)
}

/** Returns once faults were replayed since `noted`. Meanwhile it copies what the service wants copied. Engine only. */
export function awaitReplay(task: Task, device: number, noted: number): void {
  while (atomicLoad(task, replayAt(task, device)) === noted) {
    runCopies(task, device)
    park(task, WAIT.replay, replayAt(task, device))
  }
}

/** Says that the service takes a fault up now: its time in the buffer is over. */
export function faultTaken(task: Task, entry: WordAt): void {
  if (task.lockClock === null) return
  const us = (Math.floor(sharedNowUs()) | 0) - get(task, entry + RAISED)
  recordLatency(task, HISTOGRAM.queue, (us >>> 0) * 1000)
}

export function faultInstance(task: Task, entry: WordAt): number {
  return get(task, entry + INSTANCE)
}

export function faultVpn(task: Task, entry: WordAt): number {
  return get(task, entry + VPN) >>> 0
}

export function faultAccess(task: Task, entry: WordAt): number {
  return get(task, entry + ACCESS)
}

/** The engine's own count of faults when it raised this one: older than, as hardware time stamps say it. */
export function faultStamp(task: Task, entry: WordAt): number {
  return get(task, entry + STAMP) >>> 0
}

/** Context whose access waits for this fault. */
export function faultContext(task: Task, entry: WordAt): number {
  return get(task, entry + CONTEXT)
}

/** Lets the engine try again. The statuses of the contexts are written before. Service only. */
export function replayFaults(task: Task, device: number): void {
  atomicAdd(task, replayAt(task, device), 1)
  wake(task, deviceEngine(task, device))
}
