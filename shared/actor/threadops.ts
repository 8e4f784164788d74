/**
 * Operations of the threads of a concurrent scenario, each with the answer that `expect` lines are compared with. A cpu thread
 * does what a sequential scenario does, in process 0; loads, stores and adds are of 32 bits, because a plain word of 64 would
 * tear. A device thread's operations are commands of its engine, executed by the hardware itself.
 */
import { deviceAccess } from '../device/contexts.ts'
import { deviceValue, TOUCH } from '../device/engine.ts'
import { EFAULT, errnoName } from '../memory/errno.ts'
import { ACCESS, accessValue, userAdd, userLoad, userStore } from '../mm/access.ts'
import { NO_MM } from '../notifier/mmhead.ts'
import { HmmError } from '../seam/error.ts'
import { relax } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import { accessOutcome, Interpreter, runs } from './interpreter.ts'
import type { ThreadOp } from './ops.ts'
import type { Process } from './processes.ts'
import { isReclaimOp, reclaimOp } from './reclaimops.ts'
import { doneAt, handlesOnStage, instanceOnStage, mirrorsOnStage, setAnswer, spaceOnStage } from './stage.ts'
import type { ScenarioThread } from './subject.ts'
import { processOp } from './threadprocess.ts'

/** One line of a thread: an operation, or the wait for another thread's. */
export interface ThreadLine {
  readonly line: number
  /** Place among the operations of all threads: where its answer goes. */
  readonly index: number
  readonly label?: string
  readonly op: ThreadOp | { readonly op: 'after'; readonly index: number }
}

/** Runs a cpu thread's lines in its process, from the first to the last. It maps private memory only: no file is kept. */
export function runCpuThread(task: Task, { process: number, index: thread, lines }: ScenarioThread): void {
  const mm = spaceOnStage(task.words, number)
  const process: Process = {
    number,
    mm,
    handles: handlesOnStage(task.words, number),
    mirrors: mirrorsOnStage(task.words, number),
    // What this thread maps goes where neither the set-up nor another thread maps anything.
    nextSlot: FIRST_THREAD_SLOT + thread * THREAD_SLOTS,
    alive: mm !== NO_MM,
  }
  const interpreter = new Interpreter(task, process)
  for (const { op, index } of lines) {
    if (op.op === 'after') awaitDone(task, op.index)
    else setAnswer(task, index, cpuOp(task, interpreter, process, op))
  }
}

const FIRST_THREAD_SLOT = 64
const THREAD_SLOTS = 16

function cpuOp(task: Task, interpreter: Interpreter, process: Process, op: ThreadOp): string {
  if (op.op !== 'load' && op.op !== 'store' && op.op !== 'add') {
    if (isReclaimOp(op)) return reclaimOp(task, process, op)
    if (op.op === 'fork' || op.op === 'exit' || op.op === 'open' || op.op === 'close') return processOp(task, process.number, op)
    if (op.op === 'dadd') throw new HmmError('HMM_ERR_SCENARIO', 'dadd is a command of an engine')
    return interpreter.run(op)
  }
  const handle = process.handles.get(op.handle)
  if (handle === undefined) throw new HmmError('HMM_ERR_SCENARIO', `handle ${op.handle} is not mapped`)
  const vpn = handle.start + op.page
  beginOp(task, OPERATION[op.op], vpn, 1)
  const low = op.op === 'load' ? 0 : Number(BigInt.asIntN(32, op.value))
  const ended =
    op.op === 'load' ? userLoad(task, vpn) : op.op === 'store' ? userStore(task, vpn, 0, low) : userAdd(task, vpn, 0, low)
  endOp(task)
  if (ended !== ACCESS.ok) return accessOutcome(ended) ?? 'ok'
  return op.op === 'load' ? String(accessValue() >>> 0) : 'ok'
}

/** Runs a device thread's lines on the engine of `device`, for `process`. */
export function runDeviceThread(task: Task, device: number, process: number, lines: readonly ThreadLine[]): void {
  const handles = handlesOnStage(task.words, process)
  const instance = instanceOnStage(task.words, process, device)
  for (const { op, index } of lines) {
    if (op.op === 'after') awaitDone(task, op.index)
    else if (op.op === 'dread' || op.op === 'dwrite' || op.op === 'dadd') {
      const handle = handles.get(op.handle)
      if (handle === undefined) throw new HmmError('HMM_ERR_SCENARIO', `handle ${op.handle} is not mapped`)
      const low = 'value' in op ? Number(BigInt.asIntN(32, op.value)) : 0
      setAnswer(task, index, engineOp(task, device, instance, op.op, handle.start + op.page, op.pages, low))
    } else throw new HmmError('HMM_ERR_SCENARIO', `${op.op} is no command of an engine`)
  }
}

const TOUCHES = { dread: TOUCH.read, dwrite: TOUCH.write, dadd: TOUCH.add } as const

function engineOp(
  task: Task,
  device: number,
  instance: number,
  op: keyof typeof TOUCHES,
  vpn: number,
  pages: number,
  low: number,
): string {
  beginOp(task, OPERATION[op], vpn, pages, device)
  const values: string[] = []
  let status = instance < 0 ? -EFAULT : 0 // the device was closed before the thread began
  for (let i = 0; i < pages && status === 0; i++) {
    status = deviceAccess(task, device, instance, vpn + i, 0, TOUCHES[op], op === 'dwrite' ? (low + i) | 0 : low)
    if (status === 0 && op === 'dread') values.push(String(deviceValue() >>> 0))
  }
  endOp(task)
  if (status !== 0) return errnoName(status)
  return op === 'dread' ? `ok values=${runs(values)}` : 'ok'
}

function awaitDone(task: Task, index: number): void {
  const at = doneAt(task.words, index)
  for (let tries = 0; task.words[at] !== 1; tries++) relax(task, at, tries)
}
