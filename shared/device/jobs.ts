/**
 * `dev.jobs`: work that a driver hands to its engine without waiting for it, for devices that are told what to do and do not fault. The
 * engine does jobs in the order of submission, so the number of a job is a fence (kernel: dma_fence): it is signalled once this job
 * and all before it are done, and stays so.
 *
 *     submitter                                invalidation
 *     update lock: pages still valid?
 *       pushes the job, notes its fence
 *     unlock
 *                                              update lock: sets the sequence
 *                                                waits for the fence
 *                                                takes the pages away
 *                                              unlock                    [Required: the engine needs no lock of a driver]
 *
 * A job that finds a page missing or not writable ends with an error, which is counted: nobody serves a fault for it.
 */
import { assertMirrorLocked, type Mirror, mirrorInstance } from '../hmm/mirror.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { WAIT } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { ringIsPast } from '../sync/ring.ts'
import { waitUntil } from '../sync/waitqueue.ts'
import { COMMAND, pushCommand } from './command.ts'
import { commandRing, failedJobsAt, fenceQueueAt } from './record.ts'

/** The number of a job of one device, modulo 2^32. */
export type Fence = number & { readonly brand: 'fence' }

/** What a job does: adds `value` to word `word` of each of its pages, or replaces them by `value`, `value` + 1 and so on. */
export interface Job {
  readonly op: 'add' | 'write'
  /** First page number. */
  readonly start: number
  readonly pages: number
  readonly value: number
  /** Of an add; default 0. */
  readonly word?: number
}

/** `dev.jobs`. */
export class DeviceJobs {
  private readonly task: Task
  private readonly device: number

  constructor(task: Task, device: number) {
    this.task = task
    this.device = device
  }

  /**
   * Queues a job on pages that the mirror has entries for. Update lock held, under which they were found valid; sleeps while the queue
   * is full, and the engine empties it without that lock.
   */
  submit(mirror: Mirror, { op, start, pages, value, word = 0 }: Job): Fence {
    const { task } = this
    assertMirrorLocked(task, mirror)
    const instance = mirrorInstance(task, mirror)
    const command = { op: COMMAND[op], instance, vpn: start, pages, low: value, word }
    return pushCommand(task, this.device, command, 0) as Fence
  }

  /** Is the job of `fence` done? */
  isSignalled(fence: Fence): boolean {
    return ringIsPast(this.task, commandRing(this.task, this.device), fence)
  }

  /** Returns once it is. The update lock may be held, in a callback that may sleep too. */
  wait(fence: Fence): void {
    const queue = fenceQueueAt(this.task, this.device)
    waitUntil(this.task, queue, WAIT.fence, queue, () => this.isSignalled(fence))
  }

  /** The later one of two fences. */
  later(a: Fence, b: Fence): Fence {
    return ((a - b) | 0) > 0 ? a : b
  }

  /** Jobs of this device that ended with an error. */
  get failed(): number {
    return atomicLoad(this.task, failedJobsAt(this.task, this.device))
  }
}
