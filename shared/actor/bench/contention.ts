/**
 * Course `contention`: engines write to a few pages in turn, all the time, and cpu 0 drops all of these pages so many times a second
 * (madvise, which holds mmap_sem for reading, so that a fault can run into it). An engine times the writes that fault. What a fill
 * collides with throws it away: the device's driver counts that as a retry.
 */
import { awaitCompletion, type EngineKernel, freeCompletion } from '../../device/command.ts'
import { deviceAccess } from '../../device/contexts.ts'
import { TOUCH } from '../../device/engine.ts'
import { accessValue, userLoad } from '../../mm/access.ts'
import { ADVICE, madvise } from '../../mm/madvise.ts'
import { nap } from '../../seam/park.ts'
import { tick } from '../../seam/point.ts'
import { ownStat, STAT } from '../../seam/stats.ts'
import type { Task } from '../../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../../seam/trace.ts'
import { isWindingDown, windDown } from '../rendezvous.ts'
import { startKernel } from '../stress.ts'
import { PAUSE_NS } from '../workloads/steps.ts'
import { type ContentionCourse, mustBe } from './course.ts'
import { closeProcess, mapPages, openProcess, PAGES } from './process.ts'
import type { Samples } from './samples.ts'

/** Pages that the engines write to: few, so that a drop takes away what is being filled. */
const HOT_PAGES = 16
/** A pause that is not worth going to sleep for. */
const SHORT_NS = 100_000

/** The part of cpu 0. */
export function leadContention(task: Task, { devices, dropsPerS, seconds }: ContentionCourse): void {
  const process = openProcess(task, devices)
  const { mm, mirrors } = process
  mapPages(task, mm, PAGES, HOT_PAGES)
  const kernels = mirrors.map((mirror, device) => startKernel(task, device, mirror, []))
  const periodNs = 1e9 / dropsPerS
  const began = task.nowNs()
  const until = began + seconds * 1e9
  for (let due = began; due < until; due += periodNs) {
    waitUntilDue(task, due)
    beginOp(task, OPERATION.madvise, PAGES, HOT_PAGES)
    mustBe(madvise(task, mm, PAGES, HOT_PAGES, ADVICE.dontneed) === 0, 'the pages could not be dropped')
    endOp(task)
    if (task.nowNs() > until) break
  }
  windDown(task)
  for (const kernel of kernels) {
    const status = awaitCompletion(task, kernel)
    freeCompletion(task, kernel)
    mustBe(status === 0, `a write was refused with ${status}`)
  }
  for (let i = 0; i < HOT_PAGES; i++) {
    userLoad(task, PAGES + i)
    mustBe(accessValue() === 0 || accessValue() === PAGES + i, `page ${i} holds ${accessValue()}, which nobody wrote`)
  }
  closeProcess(task, process)
}

/** Sleeps or spins; a drop that is late is done at once, so that the rate is kept if it can be. */
function waitUntilDue(task: Task, due: number): void {
  for (let left = due - task.nowNs(); left > 0; left = due - task.nowNs()) {
    if (left > SHORT_NS) nap(task, left - SHORT_NS)
    else tick(task)
  }
}

/** What each engine runs until the run winds down. */
export function contentionKernel(samples: readonly Samples[]): EngineKernel {
  return (task, device, instance) => {
    const kept = samples[device]
    while (!isWindingDown(task)) {
      const before = ownStat(task, STAT.faults)
      for (let i = 0; i < HOT_PAGES; i++) {
        const faults = ownStat(task, STAT.faults)
        const since = task.nowNs()
        const status = deviceAccess(task, device, instance, PAGES + i, 0, TOUCH.write, PAGES + i)
        if (status !== 0) return status
        if (ownStat(task, STAT.faults) !== faults) kept?.add(task.nowNs() - since)
      }
      if (ownStat(task, STAT.faults) === before) nap(task, PAUSE_NS) // nothing was dropped: leave the core to others
    }
    return 0
  }
}
