/**
 * What a thread of a scenario does to processes and devices: fork, exit, open, close. What comes of it stands on the stage, so that it is
 * wound back with the schedule, and everything is given back whoever opened it.
 *
 *   fork       a child of the thread's process; `ok P1`. No thread runs in it.
 *   exit P     ends a process without threads: its address space, then its devices, as in the kernel's do_exit
 *   open D, close D   for the thread's process. No other thread of it has commands for a device that one closes: a file that is
 *              closed under a command is the business of whoever counts its users.
 */
import { attachDevice, detachDevice } from '../device/attach.ts'
import { type Mirror, NO_MIRROR } from '../hmm/mirror.ts'
import { EBADF, ENOMEM, ESRCH, errnoName } from '../memory/errno.ts'
import { mmPut } from '../mm/exit.ts'
import { NO_FILE } from '../mm/file.ts'
import { fork } from '../mm/fork.ts'
import { NO_MM } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import type { DeviceFileOp, ForkOp, ProcessOp } from './ops.ts'
import {
  handlesOnStage,
  mirrorsOnStage,
  nextOnStage,
  publishProcess,
  setMirrorOnStage,
  spaceOnStage,
  takeSpaceOffStage,
} from './stage.ts'

type Op = ForkOp | ProcessOp | DeviceFileOp

/** Runs one operation for a thread of process `number`; its answer. No lock held. */
export function processOp(task: Task, number: number, op: Op): string {
  beginOp(
    task,
    op.op === 'fork' ? OPERATION.fork : op.op === 'exit' ? OPERATION.exit : OPERATION[op.op === 'open' ? 'open' : 'close'],
  )
  const answer = run(task, number, op)
  endOp(task)
  return typeof answer === 'string' ? answer : answer < 0 ? errnoName(answer) : 'ok'
}

function run(task: Task, number: number, op: Op): string | number {
  switch (op.op) {
    case 'fork':
      return forkProcess(task, number)
    case 'exit':
      return endProcess(task, op.process) ? 0 : -ESRCH
    case 'open':
      return openDevice(task, number, op.device)
    case 'close':
      return closeDevice(task, number, op.device)
    default:
      return 0
  }
}

function forkProcess(task: Task, parent: number): string | number {
  const child = nextOnStage(task)
  const mm = fork(task, spaceOnStage(task.words, parent), child)
  if (mm === NO_MM) return -ENOMEM
  // The files of the set-up are kept by the processes of the set-up.
  const handles = new Map([...handlesOnStage(task.words, parent)].map(([name, handle]) => [name, { ...handle, file: NO_FILE }]))
  publishProcess(task, child, mm, handles)
  return `ok P${child}`
}

/** Ends a process: false when there is none of that number. No thread uses it. */
export function endProcess(task: Task, number: number): boolean {
  const mm = takeSpaceOffStage(task, number)
  if (mm === NO_MM) return false
  mmPut(task, mm)
  for (const [device, mirror] of mirrorsOnStage(task.words, number)) {
    setMirrorOnStage(task, number, device, NO_MIRROR)
    detachDevice(task, mirror)
  }
  return true
}

function openDevice(task: Task, number: number, device: number): number {
  const mirror = attachDevice(task, device, spaceOnStage(task.words, number))
  if (mirror > 0) setMirrorOnStage(task, number, device, mirror as Mirror)
  return Math.min(mirror, 0)
}

function closeDevice(task: Task, number: number, device: number): number {
  const mirror = mirrorsOnStage(task.words, number).get(device) ?? NO_MIRROR
  if (mirror === NO_MIRROR) return -EBADF
  setMirrorOnStage(task, number, device, NO_MIRROR)
  detachDevice(task, mirror)
  return 0
}
