/**
 * What HMM asks of a driver in era events (struct hmm_device_ops, 2016). Registered by each worker for every device; a mirror names
 * its device.
 *
 *   call              runs on                                            holds
 *   update            fault: the service; a change: a dispatcher, or     mmap_sem for reading; the list of mirrors
 *                     inline on whoever makes it
 *   copyToDevice      the service                                        mmap_sem for reading, locks of the frames
 *   copyFromDevice    the cpu that touched the page                      the same
 *   release           who kills the mirror: a failing update, detach,    the list of mirrors, for writing
 *                     the end of the address space
 */
import type { Iommu } from '../frame/iommu.ts'
import { type OpKey, opKey } from '../seam/optable.ts'
import type { Task } from '../seam/task.ts'
import type { HmmEvent } from './event.ts'
import type { Mirror } from './mirror.ts'

export interface MirrorOps {
  /** The device reaches memory through it, and HMM maps what it fills (hmm_device.dev, 2016); null: it is given page frames. */
  readonly iommu: Iommu | null
  /** Makes the device agree with the event before it returns. 0, -ENOMEM or -EIO; -EAGAIN where the event is not blockable. */
  update(task: Task, mirror: Mirror, event: HmmEvent): number
  /** Copies pages to the device's memory (hmm/copydevice.ts). 0, -ENOMEM or -EIO. */
  copyToDevice?(task: Task, mirror: Mirror, event: HmmEvent, src: Int32Array, dst: Int32Array): number
  /** Copies pages home. `mirror` may be NO_MIRROR. */
  copyFromDevice?(task: Task, mirror: Mirror, event: HmmEvent, src: Int32Array, dst: Int32Array): number
  /** Once per mirror. */
  release(task: Task, mirror: Mirror): void
  /** On return the device's engine uses no translation that was cleared before. */
  flush(task: Task, mirror: Mirror): void
}

export const MIRROR_OPS: OpKey<MirrorOps> = opKey<MirrorOps>('mirror events')
