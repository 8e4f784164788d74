/**
 * A stress run, as its cpu actors see it. Cpu 0 leads: it makes the process, opens every device and starts a kernel on each
 * engine; then all cpus work until the booting thread winds the run down; then everything stands still for the audit; then
 * cpu 0 takes it all down, so that the reference audit can expect everything back.
 */

import { checkOrderOfAdds } from '../check/order.ts'
import { keepLedger } from '../check/sum.ts'
import { attachDevice, detachDevice } from '../device/attach.ts'
import { awaitCompletion, COMMAND, type Completion, ENGINE_KERNELS, freeCompletion, submitCommand } from '../device/command.ts'
import { boundDriver } from '../device/registry.ts'
import { serviceIsIdle } from '../device/service.ts'
import { reapDeferred } from '../frame/deferred.ts'
import { type Mirror, mirrorInstance } from '../hmm/mirror.ts'
import { errnoName } from '../memory/errno.ts'
import { mmPut } from '../mm/exit.ts'
import { createMm } from '../mm/mm.ts'
import { switchMm } from '../mm/shootdown.ts'
import { type Mm, mmGetNotZero, NO_MM } from '../notifier/mmhead.ts'
import { assert, HmmError } from '../seam/error.ts'
import { registerOp } from '../seam/optable.ts'
import { nap } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { awaitRun, finishRun, isWindingDown, openRun, runMm, standStill } from './rendezvous.ts'
import type { Workload } from './workloads/index.ts'
import { stepReclaim } from './workloads/reclaim.ts'

export interface StressShape {
  readonly cpus: number
  readonly devices: number
  /** Reclaim actors. Default 0. */
  readonly reclaimers?: number
}

/** Makes this worker ready for `workload`: the engines' kernel, and the ledger of adds in checked builds. */
export function prepareWorkload(task: Task, workload: Workload): void {
  registerOp(task, ENGINE_KERNELS, 0, workload.kernel)
  if (!task.checked) return
  keepLedger(task, () => runMm(task), workload.audited)
  checkOrderOfAdds(task, () => runMm(task), workload.audited)
}

/** How long cpu 0 waits until it looks again whether a service has come to rest. */
const SERVICE_NAP_NS = 200_000

/** The part of cpu 0. */
export function leadStress(task: Task, workload: Workload, shape: StressShape): void {
  const mm = createMm(task, 0)
  if (mm === NO_MM) throw new HmmError('HMM_ERR_MEMORY', 'the machine has no memory for an address space')
  workload.setUp(task, mm)
  switchMm(task, mm)
  const mirrors = Array.from({ length: shape.devices }, (_, device) => openFor(task, device, mm))
  openRun(task, mm, shape.cpus, shape.reclaimers)
  // A device that raises no faults could not have a single page: it is told what to do, if anything (device/jobs.ts).
  const kernels = mirrors.flatMap((mirror, device) =>
    boundDriver(task, device).servesFaults ? [startKernel(task, device, mirror, [shape.cpus])] : [],
  )
  while (!isWindingDown(task)) workload.step(task, mm)
  for (const kernel of kernels) {
    awaitCompletion(task, kernel)
    freeCompletion(task, kernel)
  }
  // A service may still be at faults that nobody waits for: what it changes now, the audit would find half done.
  awaitServices(task, shape.devices)
  reapDeferred(task)
  standStill(task, shape.cpus + (shape.reclaimers ?? 0))
  switchMm(task, NO_MM)
  mmPut(task, mm) // devices still mirror it: exit stops them first
  for (const mirror of mirrors) detachDevice(task, mirror)
  // What the end of the address space left to a service has a reference of the mirror until it is done; the machine halts behind us.
  awaitServices(task, shape.devices)
  reapDeferred(task)
}

function awaitServices(task: Task, devices: number): void {
  for (let device = 0; device < devices; device++) while (!serviceIsIdle(task, device)) nap(task, SERVICE_NAP_NS)
}

/** The part of every other cpu. */
export function joinStress(task: Task, workload: Workload): void {
  const mm = awaitRun(task)
  assert(mmGetNotZero(task, mm), 'the leader uses the address space until the run ends')
  switchMm(task, mm)
  while (!isWindingDown(task)) workload.step(task, mm)
  switchMm(task, NO_MM)
  mmPut(task, mm)
  finishRun(task)
}

/** The part of every reclaimer: it uses nothing of the address space, and keeps it only for as long as it names its pages. */
export function reclaimStress(task: Task, workload: Workload): void {
  const mm = awaitRun(task)
  assert(mmGetNotZero(task, mm), 'the leader uses the address space until the run ends')
  while (!isWindingDown(task)) stepReclaim(task, mm, workload.expendable ?? [])
  mmPut(task, mm)
  finishRun(task)
}

/** Opens a device for `mm`; throws when that is refused. */
export function openFor(task: Task, device: number, mm: Mm): Mirror {
  const mirror = attachDevice(task, device, mm)
  if (mirror < 0) throw new HmmError('HMM_ERR_MEMORY', `device ${device} could not be opened: ${errnoName(mirror)}`)
  return mirror as Mirror
}

/** Starts kernel 0 on a device's engine, which hands it up to five numbers; throws when memory is out. */
export function startKernel(task: Task, device: number, mirror: Mirror, args: readonly number[]): Completion {
  const completion = submitCommand(task, device, {
    op: COMMAND.kernel,
    instance: mirrorInstance(task, mirror),
    vpn: 0,
    pages: 0,
    args: [0, ...args],
  })
  if (completion === 0) throw new HmmError('HMM_ERR_MEMORY', `no memory to start a kernel on device ${device}`)
  return completion
}
