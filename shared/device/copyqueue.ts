/**
 * The device's copy engine: moves whole pages between frames, between the engine's accesses. The service hands it a batch and sleeps until
 * its fence says that all are done; a copy may fail.
 *
 *   word   0         1       2       3      4               16 + 4i
 *        +---------+-------+-------+------+----------+--+-------------------------+
 *        | RUNNING | COUNT | TAKEN | DONE | FAILURES |..| TO, FROM, RESULT, pad   |
 *        +---------+-------+-------+------+----------+--+-------------------------+
 *
 *   RUNNING    1 while the engine is at accesses, or waits for a replay. Atomic, written by the engine.
 *   COUNT      copies of the batch; 0 while the next is written. TAKEN: how many have been begun, one by each who raises it.
 *   DONE       the fence: how many have ended. Atomic, all three.
 *   FAILURES   how many of 65536 copies fail. Immutable.
 *
 *     service                                  engine
 *     batch written, COUNT = n, wakes it
 *                                              between two accesses: takes copy 0, copies, DONE + 1
 *                                              the last access is done: RUNNING = 0, wakes the service
 *     woken, DONE < n, RUNNING == 0: takes the rest itself          [Required: none is copied twice, none left]
 *
 * So an engine without work is powered down, and the processor copies. A failed copy leaves rubbish in its target.
 */
import { type Frame, frameCopy, frameData } from '../frame/frames.ts'
import { PAGE_WORDS, type WordAt } from '../memory/words.ts'
import { CHANCE } from '../seam/actors.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { nextBelow } from '../seam/chance.ts'
import { assert } from '../seam/error.ts'
import { park, WAIT, wake } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { COPIES, COPY_WORDS, copyQueueAt, deviceEngine, deviceHasMemory, deviceService } from './record.ts'

const RUNNING = 0
const COUNT = 1
const TAKEN = 2
const DONE = 3
const FAILURES = 4
const SLOTS = 16
const SLOT_TO = 0
const SLOT_FROM = 1
const SLOT_RESULT = 2

/** Chances of 65536. */
const CERTAIN = 65536
const RUBBISH = -1

/** One page to copy. */
export interface Copy {
  readonly to: Frame
  readonly from: Frame
}

/** Sets the share of copies that fail, 0 to 1. Once, by the booting thread. */
export function setCopyFailures(task: Task, device: number, share: number): void {
  task.words[copyQueueAt(task, device) + FAILURES] = Math.round(share * CERTAIN)
}

/**
 * Copies at most COPIES pages and says of each whether that went well. Nobody else knows the targets, nobody writes the sources. On the
 * device's service; sleeps; no lock that the engine's accesses wait for is held, which is none.
 */
export function copyByDevice(task: Task, device: number, copies: readonly Copy[]): boolean[] {
  assert(copies.length <= COPIES, `a batch has at most ${COPIES} copies`)
  const at = copyQueueAt(task, device)
  atomicStore(task, at + COUNT, 0)
  atomicStore(task, at + TAKEN, 0)
  atomicStore(task, at + DONE, 0)
  for (const [i, { to, from }] of copies.entries()) {
    put(task, slotAt(at, i) + SLOT_TO, to)
    put(task, slotAt(at, i) + SLOT_FROM, from)
  }
  atomicStore(task, at + COUNT, copies.length)
  if (atomicLoad(task, at + RUNNING) === 1) wake(task, deviceEngine(task, device))
  while (atomicLoad(task, at + DONE) < copies.length) {
    if (atomicLoad(task, at + RUNNING) === 0) runCopies(task, device)
    else park(task, WAIT.copies, at)
  }
  return copies.map((_, i) => get(task, slotAt(at, i) + SLOT_RESULT) === 1)
}

/** The engine is at accesses from now on, and copies in between; or no more. Engine only. */
export function setRunning(task: Task, device: number, running: boolean): void {
  if (!deviceHasMemory(task, device)) return
  const at = copyQueueAt(task, device)
  atomicStore(task, at + RUNNING, running ? 1 : 0)
  if (!running && atomicLoad(task, at + DONE) < atomicLoad(task, at + COUNT)) wake(task, deviceService(task, device))
}

/** Makes the copies that are waiting to be made. Never waits. */
export function runCopies(task: Task, device: number): void {
  if (!deviceHasMemory(task, device)) return
  const at = copyQueueAt(task, device)
  for (let taken = atomicLoad(task, at + TAKEN); taken < atomicLoad(task, at + COUNT); taken = atomicLoad(task, at + TAKEN)) {
    if (atomicCas(task, at + TAKEN, taken, taken + 1) !== taken) continue
    copyOne(task, at, slotAt(at, taken))
    atomicAdd(task, at + DONE, 1)
    const service = deviceService(task, device)
    if (service !== task.id) wake(task, service)
  }
}

function copyOne(task: Task, at: WordAt, slot: WordAt): void {
  const to = get(task, slot + SLOT_TO) as Frame
  const failures = task.words[at + FAILURES] as number
  const fails = failures > 0 && nextBelow(task.words, task.record + CHANCE, CERTAIN) < failures
  if (fails) {
    countStat(task, STAT.failedCopies)
    task.words.fill(RUBBISH, frameData(task, to), frameData(task, to) + PAGE_WORDS)
  } else frameCopy(task, to, get(task, slot + SLOT_FROM) as Frame)
  put(task, slot + SLOT_RESULT, fails ? 0 : 1)
}

function slotAt(at: WordAt, i: number): WordAt {
  return at + SLOTS + i * COPY_WORDS
}
