/**
 * Contexts: an engine's accesses in flight, as a GPU's warps. One that faults waits for a replay while the others go on;
 * all faults of a round are in the buffer before the engine sleeps, so the service finds a batch.
 *
 *   context, 8 words
 *   word   0       1     2      3       4     5      6        7
 *        +-------+-----+------+-------+-----+------+--------+--------+
 *        | STATE | VPN | WORD | TOUCH | LOW | HIGH | STATUS | FAULTS |
 *        +-------+-----+------+-------+-----+------+--------+--------+
 *
 *   STATE    IDLE -> READY (loaded) -> IDLE (done or refused). Private to the engine, as all but STATUS.
 *   STATUS   0, or the negative errno a fault was cancelled with: written by the service before it replays. Atomic.
 *   FAULTS   faults this access has raised so far.
 */
import type { WordAt } from '../memory/words.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import { countStat, HISTOGRAM, maxStat, recordLatency, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { EVENT, eventBegins, eventEnds } from '../seam/timeline.ts'
import { announceOp, OPERATION } from '../seam/trace.ts'
import { runCopies, setRunning } from './copyqueue.ts'
import { NO_TRANSLATION, TOUCH, tryAccess } from './engine.ts'
import { awaitReplay, DEVICE_ACCESS, noteReplay, raiseFault } from './faultbuffer.ts'
import { CONTEXTS, contextAt } from './record.ts'

const STATE = 0
const VPN = 1
const WORD = 2
const TOUCH_KIND = 3
const LOW = 4
const HIGH = 5
const STATUS = 6
const FAULTS = 7

const IDLE = 0
const READY = 1

/** When each context raised its first fault, for the latency histogram only. */
const since = new Float64Array(CONTEXTS)

/** Loads an access into context `context`. It runs with the next runContexts. */
export function loadContext(
  task: Task,
  device: number,
  context: number,
  vpn: number,
  word: number,
  touch: number,
  low: number,
  high = 0,
): void {
  const at = contextAt(task, device, context)
  assert(get(task, at + STATE) === IDLE, 'a context is loaded when its last access is done')
  put(task, at + VPN, vpn | 0)
  put(task, at + WORD, word)
  put(task, at + TOUCH_KIND, touch)
  put(task, at + LOW, low)
  put(task, at + HIGH, high)
  put(task, at + FAULTS, 0)
  atomicStore(task, at + STATUS, 0)
  put(task, at + STATE, READY)
}

/**
 * Runs the accesses loaded in contexts 0 to `count` - 1 until each is done or refused. Returns how many were refused.
 * `done` is told the outcome of each: 0, or the negative errno.
 */
export function runContexts(
  task: Task,
  device: number,
  instance: number,
  count: number,
  done?: (context: number, status: number) => void,
): number {
  let refused = 0
  let pending = count
  setRunning(task, device, true)
  while (pending > 0) {
    tick(task)
    const noted = noteReplay(task, device)
    for (let context = 0; context < count; context++) {
      const at = contextAt(task, device, context)
      if (get(task, at + STATE) !== READY) continue
      runCopies(task, device)
      const status = step(task, device, instance, context, at)
      if (status === NO_TRANSLATION) continue
      put(task, at + STATE, IDLE)
      pending--
      if (status !== 0) refused++
      done?.(context, status)
    }
    if (pending > 0) awaitReplay(task, device, noted)
  }
  setRunning(task, device, false)
  return refused
}

/** One access on its own, in context 0. 0, or the negative errno it was refused with. */
export function deviceAccess(
  task: Task,
  device: number,
  instance: number,
  vpn: number,
  word: number,
  touch: number,
  low: number,
  high = 0,
): number {
  let outcome = 0
  loadContext(task, device, 0, vpn, word, touch, low, high)
  runContexts(task, device, instance, 1, (_context, status) => {
    outcome = status
  })
  return outcome
}

/** Says what came of a context's fault, before the replay. Service only. */
export function setContextStatus(task: Task, device: number, context: number, status: number): void {
  atomicStore(task, contextAt(task, device, context) + STATUS, status)
}

/** One try: 0 done, negative errno refused, NO_TRANSLATION when its fault is in the buffer (or was dropped from it). */
function step(task: Task, device: number, instance: number, context: number, at: WordAt): number {
  const faults = get(task, at + FAULTS)
  const vpn = get(task, at + VPN) >>> 0
  const touch = get(task, at + TOUCH_KIND)
  announceOp(task, operationOf(touch), vpn, 1, device)
  const cancelled = faults > 0 ? atomicLoad(task, at + STATUS) : 0
  const status =
    cancelled !== 0
      ? cancelled
      : tryAccess(task, device, instance, vpn, get(task, at + WORD), touch, get(task, at + LOW), get(task, at + HIGH))
  if (status === NO_TRANSLATION) {
    const began = eventBegins(task)
    if (faults === 0) since[context] = task.nowNs()
    put(task, at + FAULTS, faults + 1)
    raiseFault(task, device, instance, vpn, accessKind(touch), context)
    eventEnds(task, EVENT.fault, 0, began, vpn, 1, device)
    return NO_TRANSLATION
  }
  if (status === 0) countStat(task, STAT.deviceAccesses)
  if (cancelled !== 0) countStat(task, STAT.cancelledFaults)
  if (faults > 0) {
    countStat(task, STAT.faults)
    maxStat(task, STAT.longestRetryChain, faults - 1)
    recordLatency(task, HISTOGRAM.deviceFault, task.nowNs() - (since[context] as number))
  }
  return status
}

function accessKind(touch: number): number {
  if (touch === TOUCH.read || touch === TOUCH.readPage) return DEVICE_ACCESS.read
  return touch === TOUCH.add ? DEVICE_ACCESS.atomic : DEVICE_ACCESS.write
}

function operationOf(touch: number): number {
  if (touch === TOUCH.read || touch === TOUCH.readPage) return OPERATION.dread
  return touch === TOUCH.add ? OPERATION.dadd : OPERATION.dwrite
}
