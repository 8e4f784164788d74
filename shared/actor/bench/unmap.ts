/**
 * Course `unmap`: cpu 0 unmaps pages one by one that every device mirrors, and times each munmap: when it returns, no device and no cpu
 * reaches the page and its frame is free.
 *
 *     cpu 0                                    each engine
 *     maps a batch of pages, an area each,
 *       writes to them; asks for b
 *                                              reads them: faults, and has them in its mirror and its TLB
 *     waits until the dispatcher sleeps
 *     munmap of one page, timed; and so on     sleeps, or is at bursts of accesses to other pages
 *     as many frames free as there were pages?
 *     asks for -b
 *                                              reads one of them: refused
 */
import { awaitCompletion, type Completion, type EngineKernel, freeCompletion } from '../../device/command.ts'
import { deviceAccess, loadContext, runContexts } from '../../device/contexts.ts'
import { deviceValue, TOUCH } from '../../device/engine.ts'
import { CONTEXTS, deviceEngine } from '../../device/record.ts'
import { freeFrames, SYSTEM_ZONE } from '../../frame/zones.ts'
import { EFAULT } from '../../memory/errno.ts'
import { userStore } from '../../mm/access.ts'
import { munmap } from '../../mm/munmap.ts'
import { dispatchers } from '../../notifier/dispatch.ts'
import { atomicLoad, atomicStore } from '../../seam/atomics.ts'
import { nap, park, WAIT, wake } from '../../seam/park.ts'
import { get } from '../../seam/plain.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../../seam/trace.ts'
import { isWindingDown, windDown } from '../rendezvous.ts'
import { startKernel } from '../stress.ts'
import { PAUSE_NS } from '../workloads/steps.ts'
import { type Board, createBoard, doneAt, freeBoard, wantedAt } from './board.ts'
import { awaitSleep, mustBe, UNMAP_BATCH, type UnmapCourse, WARM_UP_SHARE } from './course.ts'
import {
  awaitServices,
  closeProcess,
  mapPages,
  OTHER_PAGES,
  OTHERS,
  openProcess,
  PAGES,
  type Process,
  STRIDE,
} from './process.ts'
import type { Samples } from './samples.ts'

/** Bursts of CONTEXTS accesses between two pauses of an engine that runs: it is at them for about half of the time. */
const BURSTS = 4

/** The part of cpu 0. */
export function leadUnmap(task: Task, course: UnmapCourse, samples: Samples): void {
  const { devices, running, batches } = course
  const board = createBoard(task)
  const process = openProcess(task, devices)
  const { mm } = process
  // Areas on either side that stay, so that no page's table goes with it.
  for (const i of [-1, UNMAP_BATCH]) mapPages(task, mm, pageOf(i), 1)
  const kernels = running ? start(task, board, process, true) : []
  const warm = Math.ceil(batches / WARM_UP_SHARE)
  for (let batch = 1; batch <= batches; batch++) {
    for (let i = 0; i < UNMAP_BATCH; i++) {
      mapPages(task, mm, pageOf(i), 1)
      userStore(task, pageOf(i), 0, valueOn(batch, i))
    }
    ask(task, board, process, batch, running)
    awaitServices(task, devices)
    const free = freeFrames(task, SYSTEM_ZONE)
    for (let i = 0; i < UNMAP_BATCH; i++) {
      if (!running) for (let device = 0; device < devices; device++) awaitSleep(task, deviceEngine(task, device))
      for (const dispatcher of dispatchers(task)) awaitSleep(task, dispatcher)
      beginOp(task, OPERATION.munmap, pageOf(i), 1)
      const since = task.nowNs()
      const errno = munmap(task, mm, pageOf(i), 1)
      const ns = task.nowNs() - since
      endOp(task)
      mustBe(errno === 0, `munmap answered ${errno}`)
      if (batch > warm) samples.add(ns)
    }
    const freed = freeFrames(task, SYSTEM_ZONE) - free
    mustBe(freed === UNMAP_BATCH, `${UNMAP_BATCH} unmapped pages gave ${freed} frames back`)
    ask(task, board, process, -batch, running)
  }
  windDown(task)
  for (const kernel of kernels) finish(task, kernel)
  closeProcess(task, process)
  freeBoard(task, board)
}

/** What the engines run. Arguments: the board, and 1 to go on until the run winds down. */
export const unmapKernel: EngineKernel = (task, device, instance, args) => {
  const board = get(task, args) as Board
  const running = get(task, args + 1) === 1
  let done = 0
  do {
    const wanted = atomicLoad(task, wantedAt(board))
    if (wanted !== done) {
      if (wanted > 0) readBatch(task, device, instance, wanted)
      else expectRefusal(task, device, instance)
      done = wanted
      atomicStore(task, doneAt(board, device), wanted)
      wake(task, 0)
    }
    if (running) touchOthers(task, device, instance)
  } while (running && !isWindingDown(task))
  return 0
}

function pageOf(i: number): number {
  return PAGES + (i + 1) * STRIDE
}

function valueOn(batch: number, i: number): number {
  return batch * UNMAP_BATCH + i
}

/** Has every engine do what `wanted` says, and returns when all have. */
function ask(task: Task, board: Board, process: Process, wanted: number, running: boolean): void {
  atomicStore(task, wantedAt(board), wanted)
  const kernels = running ? [] : start(task, board, process, false)
  for (const kernel of kernels) finish(task, kernel)
  for (let device = 0; device < process.mirrors.length; device++)
    while (atomicLoad(task, doneAt(board, device)) !== wanted) park(task, WAIT.command, doneAt(board, device))
}

function start(task: Task, board: Board, process: Process, running: boolean): Completion[] {
  return process.mirrors.map((mirror, device) => startKernel(task, device, mirror, [board, running ? 1 : 0]))
}

function finish(task: Task, kernel: Completion): void {
  const status = awaitCompletion(task, kernel)
  freeCompletion(task, kernel)
  mustBe(status === 0, `a kernel ended with ${status}`)
}

function readBatch(task: Task, device: number, instance: number, batch: number): void {
  for (let i = 0; i < UNMAP_BATCH; i++) {
    const status = deviceAccess(task, device, instance, pageOf(i), 0, TOUCH.read, 0)
    mustBe(status === 0 && deviceValue() === valueOn(batch, i), `device ${device} did not read what a cpu had written`)
  }
}

function expectRefusal(task: Task, device: number, instance: number): void {
  const status = deviceAccess(task, device, instance, pageOf(0), 0, TOUCH.read, 0)
  mustBe(status === -EFAULT, `device ${device} reached a page that was unmapped`)
}

function touchOthers(task: Task, device: number, instance: number): void {
  for (let burst = 0; burst < BURSTS; burst++) {
    for (let context = 0; context < CONTEXTS; context++)
      loadContext(task, device, context, OTHERS + (context % OTHER_PAGES), 0, TOUCH.read, 0)
    runContexts(task, device, instance, CONTEXTS)
  }
  nap(task, PAUSE_NS)
}
