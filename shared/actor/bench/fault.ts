/**
 * Course `fault`: an engine writes to pages one by one that are not there, and times each write: the fault is raised, served and
 * replayed, and the write is done. Then cpu 0 looks whether every page holds what was written, and drops them.
 *
 *   asleep   the service has come to rest before each write: it is woken
 *   awake    one write after the other: the service may still be looking for the next fault
 */
import { awaitCompletion, type EngineKernel, freeCompletion } from '../../device/command.ts'
import { deviceAccess } from '../../device/contexts.ts'
import { TOUCH } from '../../device/engine.ts'
import { deviceService } from '../../device/record.ts'
import { accessValue, userLoad } from '../../mm/access.ts'
import { ADVICE, madvise } from '../../mm/madvise.ts'
import { get } from '../../seam/plain.ts'
import { ownStat, STAT } from '../../seam/stats.ts'
import type { Task } from '../../seam/task.ts'
import { endOp } from '../../seam/trace.ts'
import { startKernel } from '../stress.ts'
import { awaitSleep, FAULT_BATCH, type FaultCourse, mustBe, WARM_UP_SHARE } from './course.ts'
import { awaitServices, closeProcess, mapPages, openProcess, PAGES } from './process.ts'
import type { Samples } from './samples.ts'

/** The part of cpu 0. */
export function leadFaults(task: Task, { awake, batches }: FaultCourse): void {
  const process = openProcess(task, 1)
  const { mm, mirrors } = process
  mapPages(task, mm, PAGES, FAULT_BATCH)
  const warm = Math.ceil(batches / WARM_UP_SHARE)
  for (let batch = 1; batch <= batches; batch++) {
    for (const mirror of mirrors) {
      const kernel = startKernel(task, 0, mirror, [batch, batch > warm ? 1 : 0, awake ? 1 : 0])
      const status = awaitCompletion(task, kernel)
      freeCompletion(task, kernel)
      mustBe(status === 0, `a write was refused with ${status}`)
    }
    awaitServices(task, 1)
    for (let i = 0; i < FAULT_BATCH; i++) {
      userLoad(task, PAGES + i)
      mustBe(accessValue() === batch + i, `page ${i} holds ${accessValue()}, and the device wrote ${batch + i}`)
    }
    mustBe(madvise(task, mm, PAGES, FAULT_BATCH, ADVICE.dontneed) === 0, 'the pages could not be dropped')
  }
  closeProcess(task, process)
}

/** What the engine runs. Arguments: the number of the batch, 1 to keep the times, 1 for a service that may be awake. */
export function faultKernel(samples: Samples): EngineKernel {
  return (task, device, instance, args) => {
    const batch = get(task, args)
    const keep = get(task, args + 1) === 1
    const awake = get(task, args + 2) === 1
    for (let i = 0; i < FAULT_BATCH; i++) {
      if (!awake) awaitSleep(task, deviceService(task, device))
      const before = ownStat(task, STAT.faults)
      const since = task.nowNs()
      const status = deviceAccess(task, device, instance, PAGES + i, 0, TOUCH.write, batch + i)
      const ns = task.nowNs() - since
      endOp(task)
      if (status !== 0) return status
      mustBe(ownStat(task, STAT.faults) === before + 1, 'a write to a page that was not there raised no fault')
      if (keep) samples.add(ns)
    }
    return 0
  }
}
