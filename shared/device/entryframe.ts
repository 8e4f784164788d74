/**
 * Which frame a device reaches through an entry of its mirror. An entry names a page frame, a frame of the device's own memory, or a
 * page of the device's bus; what a page of the bus is, the device's IOMMU says at each access, as hardware without a translation
 * cache of its own for host addresses asks it.
 */
import { type Frame, NO_FRAME } from '../frame/frames.ts'
import { iommuTranslate } from '../frame/iommu.ts'
import { MIRROR_VALID_DMA, type MirrorPte, mirrorPteDma, mirrorPteFrame } from '../hmm/mirrorpte.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'
import { deviceIommu } from './record.ts'

/** The frame behind a valid entry; NO_FRAME for a page of the bus that is not mapped, or that `write` asks too much of. */
export function entryFrame(task: Task, device: number, pte: MirrorPte, write: boolean): Frame {
  if ((pte & MIRROR_VALID_DMA) === 0) return mirrorPteFrame(pte)
  return iommuTranslate(task, deviceIommu(task, device), mirrorPteDma(pte), write)
}

/**
 * The same for an access that happens now: the IOMMU refuses none of a correct driver, which unmaps a page when its device has
 * stopped using it, and not before.
 */
export function touchedFrame(task: Task, device: number, vpn: number, pte: MirrorPte, write: boolean): Frame {
  const frame = entryFrame(task, device, pte, write)
  if (frame !== NO_FRAME) return frame
  const how = write ? 'writes' : 'reads'
  const message = `device ${device} ${how} ${pageName(vpn)} through I/O page ${mirrorPteDma(pte)}, which is not mapped for that`
  return violation(task, 'LIFE', message, { device, page: vpn })
}
