/**
 * `dev.hmm`: the calls of March 2019 for a driver of the era range-valid that wants them as they were, with their return codes and their
 * rules about mmap_sem (hmm/hmmrange.ts, hmm/hmmfault.ts), and the older names over them (hmm/oldnames.ts). A driver that keeps to the
 * calls of `dev` itself runs in every era.
 */
import {
  HMM_RANGE_DEFAULT_TIMEOUT,
  hmmMirrorMmDownRead,
  hmmMirrorMmIsAlive,
  hmmMirrorMmUpRead,
  hmmRangeFault,
  hmmRangePageShift,
  hmmRangePageSize,
  hmmRangeRegister,
  hmmRangeSnapshot,
  hmmRangeUnregister,
  hmmRangeValid,
  hmmRangeWaitUntilValid,
} from '../hmm/hmmrange.ts'
import type { Mirror } from '../hmm/mirror.ts'
import { hmmVmaFault, hmmVmaRangeDone, type OldSpan } from '../hmm/oldnames.ts'
import type { Range } from '../hmm/range.ts'
import type { Task } from '../seam/task.ts'

/** `dev.hmm`: the calls of 2019 by their own names (Linux 5.2; docs/ranges.md). Era range-valid only. */
export class HmmRanges {
  private readonly task: Task

  constructor(task: Task) {
    this.task = task
  }

  /** Pages [start, end) of 4 KiB. 0, -EINVAL or -EFAULT. */
  rangeRegister(range: Range, mirror: Mirror, start: number, end: number, pageShift?: number): number {
    return hmmRangeRegister(this.task, range, mirror, start, end, pageShift)
  }

  /** False: the time is over, or the mirror is dead. Not with the update lock held. */
  rangeWaitUntilValid(range: Range, timeoutMs = HMM_RANGE_DEFAULT_TIMEOUT): boolean {
    return hmmRangeWaitUntilValid(this.task, range, timeoutMs)
  }

  /** mmap_sem held before and after. */
  rangeSnapshot(range: Range): number {
    return hmmRangeSnapshot(this.task, range)
  }

  /** mmap_sem held before; after -EAGAIN it is not. */
  rangeFault(range: Range, block: boolean): number {
    return hmmRangeFault(this.task, range, block)
  }

  /** Update lock held. */
  rangeValid(range: Range): boolean {
    return hmmRangeValid(this.task, range)
  }

  /** Ends a registration. No lock held that a callback takes. A range that is not registered is left alone. */
  rangeUnregister(range: Range): void {
    hmmRangeUnregister(this.task, range)
  }

  /** log2 of the bytes of one entry. */
  rangePageShift(range: Range): number {
    return hmmRangePageShift(this.task, range)
  }

  /** Bytes of one entry. */
  rangePageSize(range: Range): number {
    return hmmRangePageSize(this.task, range)
  }

  /** Is the address space still there? A hint: no lock is taken. */
  mirrorMmIsAlive(mirror: Mirror): boolean {
    return hmmMirrorMmIsAlive(this.task, mirror)
  }

  /** 0 with mmap_sem held for reading, or -EINVAL without. */
  mirrorMmDownRead(mirror: Mirror): number {
    return hmmMirrorMmDownRead(this.task, mirror)
  }

  /** Drops the mmap_sem of mirrorMmDownRead. */
  mirrorMmUpRead(mirror: Mirror): void {
    hmmMirrorMmUpRead(this.task, mirror)
  }

  /** Registers, waits and faults in one, every entry its own request; hmm/oldnames.ts says what is left behind. */
  vmaFault(range: Range, span: OldSpan, block: boolean): number {
    return hmmVmaFault(this.task, range, span, block)
  }

  /** Unregisters, and says whether the entries may be used. Update lock held. */
  vmaRangeDone(range: Range): boolean {
    return hmmVmaRangeDone(this.task, range)
  }
}
