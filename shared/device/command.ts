/**
 * Commands: what a CPU asks an engine to do. Read, write and atomic add over virtual addresses, or a kernel: a longer
 * program that runs on the engine until it is done.
 *
 *   command, 16 words
 *   word   0    1          2     3       4     5      6      7            8        9 .. 15
 *        +----+----------+-----+-------+-----+------+------+------------+--------+-----------+
 *        | OP | INSTANCE | VPN | PAGES | LOW | HIGH | WORD | COMPLETION | WAITER | arguments |
 *        +----+----------+-----+-------+-----+------+------+------------+--------+-----------+
 *
 *   completion (allocated by who submits)
 *   word   0       1        2       16 ...
 *        +-------+--------+-------+----------------------------------+
 *        | STATE | STATUS | PAGES | values: low, high for each page  |
 *        +-------+--------+-------+----------------------------------+
 *
 *   A command without a completion is a job: who submitted it knows it by its number in the ring, a fence, which is signalled when the
 *   engine has given the slot back (device/jobs.ts).
 *
 *   STATE    PENDING -> DONE, by the engine, after everything else in the record. Atomic.
 *   STATUS   0 or a negative errno. PAGES: pages done before that.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { lookupOp, opKey } from '../seam/optable.ts'
import { nap, park, WAIT, wake } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import { ringConsume, ringNumber, ringPeek, ringPublish, ringReserve, ringWait } from '../sync/ring.ts'
import { wakeAll } from '../sync/waitqueue.ts'
import { deviceAccess } from './contexts.ts'
import { deviceValue, deviceValueHigh, TOUCH } from './engine.ts'
import { commandRing, deviceEngine, failedJobsAt, fenceQueueAt, NO_ENGINE } from './record.ts'

export const COMMAND = { read: 0, write: 1, add: 2, kernel: 3 } as const

const OP = 0
const INSTANCE = 1
const VPN = 2
const PAGES = 3
const LOW = 4
const HIGH = 5
const WORD = 6
const COMPLETION = 7
const WAITER = 8
const ARGUMENTS = 9

const STATE = 0
const STATUS = 1
const DONE_PAGES = 2
const VALUES = 16
const PENDING = 0
const DONE = 1

/** Pages of one read whose values fit a completion record. */
export const COMPLETION_PAGES = 64
const COMPLETION_KIND = objectKind(14, 'completion', VALUES + COMPLETION_PAGES * 2)

export type Completion = WordAt & { readonly brand: 'completion' }

export interface Command {
  readonly op: number
  readonly instance: number
  readonly vpn: number
  readonly pages: number
  readonly low?: number
  readonly high?: number
  /** Word of each page that read, write and add touch. */
  readonly word?: number
  /** Of a kernel: its number in the table, then its own arguments. */
  readonly args?: readonly number[]
}

/** A kernel: runs on the engine; `args` is the word index of its arguments. 0, or the errno that ended it. */
export type EngineKernel = (task: Task, device: number, instance: number, args: WordAt) => number
export const ENGINE_KERNELS = opKey<EngineKernel>('engine kernel')

/** Hands a command to the engine. Returns its completion, or 0 when memory is out. Sleeps while the ring is full. */
export function submitCommand(task: Task, device: number, command: Command): Completion {
  const completion = allocObject(task, COMPLETION_KIND) as Completion
  if (completion === 0) return completion
  atomicStore(task, completion + STATE, PENDING)
  pushCommand(task, device, command, completion)
  return completion
}

/** Puts a command into the ring, and returns its number there. `completion` is 0 for a job. Sleeps while the ring is full. */
export function pushCommand(task: Task, device: number, command: Command, completion: Completion | 0): number {
  assert(deviceEngine(task, device) !== NO_ENGINE, `device ${device} has no engine to take commands`)
  const ring = commandRing(task, device)
  let slot = ringReserve(task, ring)
  while (slot === 0) {
    nap(task, FULL_NAP_NS)
    slot = ringReserve(task, ring)
  }
  put(task, slot + OP, command.op)
  put(task, slot + INSTANCE, command.instance)
  put(task, slot + VPN, command.vpn | 0)
  put(task, slot + PAGES, command.pages)
  put(task, slot + LOW, command.low ?? 0)
  put(task, slot + HIGH, command.high ?? 0)
  put(task, slot + WORD, command.word ?? 0)
  put(task, slot + COMPLETION, completion)
  put(task, slot + WAITER, task.id)
  for (let i = 0; i < 7; i++) put(task, slot + ARGUMENTS + i, command.args?.[i] ?? 0)
  const number = ringNumber(task, ring)
  ringPublish(task, ring)
  return number
}

/** A full command ring is the submitter's problem; it looks again after this long. */
const FULL_NAP_NS = 50_000

/** Returns once the command is done: 0 or its errno. */
export function awaitCompletion(task: Task, completion: Completion): number {
  while (atomicLoad(task, completion + STATE) !== DONE) park(task, WAIT.command, completion)
  return get(task, completion + STATUS)
}

/** Pages that a completed command did. */
export function completedPages(task: Task, completion: Completion): number {
  return get(task, completion + DONE_PAGES)
}

/** Value of page `i` of a completed read. */
export function completedValue(task: Task, completion: Completion, i: number): { low: number; high: number } {
  return { low: get(task, completion + VALUES + i * 2), high: get(task, completion + VALUES + i * 2 + 1) }
}

export function freeCompletion(task: Task, completion: Completion): void {
  freeObject(task, COMPLETION_KIND, completion)
}

/** Executes commands until the machine halts. The body of the engine actor. */
export function runEngine(task: Task, device: number): never {
  const ring = commandRing(task, device)
  for (;;) {
    tick(task)
    ringWait(task, ring)
    const slot = ringPeek(task, ring)
    const completion = get(task, slot + COMPLETION) as Completion | 0
    const waiter = get(task, slot + WAITER)
    const status = execute(task, device, slot, completion)
    if (completion === 0) countJob(task, device, status)
    ringConsume(task, ring, 1)
    wakeAll(task, fenceQueueAt(task, device))
    if (completion === 0) continue
    put(task, completion + STATUS, status)
    atomicStore(task, completion + STATE, DONE)
    wake(task, waiter)
  }
}

function countJob(task: Task, device: number, status: number): void {
  countStat(task, STAT.jobs)
  if (status === 0) return
  countStat(task, STAT.jobsFailed)
  atomicAdd(task, failedJobsAt(task, device), 1)
}

const OPERATIONS = [OPERATION.dread, OPERATION.dwrite, OPERATION.dadd, OPERATION.none] as const
const TOUCHES = [TOUCH.readPage, TOUCH.writePage, TOUCH.add] as const

function execute(task: Task, device: number, slot: WordAt, completion: Completion | 0): number {
  const op = get(task, slot + OP)
  const instance = get(task, slot + INSTANCE)
  if (op === COMMAND.kernel)
    return lookupOp(task, ENGINE_KERNELS, get(task, slot + ARGUMENTS))(task, device, instance, slot + ARGUMENTS + 1)
  const vpn = get(task, slot + VPN) >>> 0
  const pages = get(task, slot + PAGES)
  beginOp(task, OPERATIONS[op] ?? OPERATION.none, vpn, pages, device)
  let status = 0
  let done = 0
  while (status === 0 && done < pages) {
    // A write gives page i the value plus i; an add adds the same everywhere.
    const low = (get(task, slot + LOW) + (op === COMMAND.write ? done : 0)) | 0
    status = deviceAccess(
      task,
      device,
      instance,
      vpn + done,
      get(task, slot + WORD),
      TOUCHES[op] ?? TOUCH.read,
      low,
      get(task, slot + HIGH),
    )
    if (status !== 0) break
    if (completion !== 0 && op === COMMAND.read && done < COMPLETION_PAGES) {
      put(task, completion + VALUES + done * 2, deviceValue())
      put(task, completion + VALUES + done * 2 + 1, deviceValueHigh())
    }
    done++
  }
  if (completion !== 0) put(task, completion + DONE_PAGES, done)
  endOp(task)
  return status
}
