/**
 * From a change of an address space to the event that mirrors hear of (2016, section 2.3 of the series' table). The reasons are
 * those of later kernels (notifier/events.ts), which this machine gives in every era:
 *
 *   reason            in 2016                                event
 *   unmap, release    MMU_MUNMAP                             HMM_MUNMAP
 *   clear             MMU_MIGRATE, "anything else, or doubt" HMM_MIGRATE. Also the split of a 2 MiB entry, which was HMM_MUNMAP then
 *   migrate           MMU_MIGRATE                            HMM_MIGRATE
 *   exclusive         -                                      HMM_MIGRATE, as any reason in doubt
 *   protectionVma     MMU_MPROT                              area gone or not readable: HMM_MUNMAP; not writable: HMM_WRITE_PROTECT;
 *                                                            still writable: none, or HMM_WRITE_PROTECT in a machine with device
 *                                                            memory, whose entries lose WRITE by any mprotect (mm/mprotect.ts)
 *   protectionPage    MMU_FORK                               HMM_FORK
 *   the same, of page MMU_WRITE_BACK                         HMM_WRITE_PROTECT
 *   cleaning
 *   softDirty         MMU_CLEAR_SOFT_DIRTY                   HMM_WRITE_PROTECT
 *
 * MMU_MUNLOCK changes nothing for a device and gives no reason here; KSM is not modelled.
 */
import { SWAP_ZONE, SYSTEM_ZONE, zoneFrames } from '../frame/zones.ts'
import { findVma, NO_VMA, VM_READ, VM_WRITE, vmaFlags, vmaStart } from '../mm/vma.ts'
import { NOTIFY, PAGE_CLEANING } from '../notifier/events.ts'
import {
  type NotifierRange,
  rangeBlockable,
  rangeEvent,
  rangeLast,
  rangeMm,
  rangeOwner,
  rangeStart,
} from '../notifier/windows.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { HMM_FORK, HMM_MIGRATE, HMM_MUNMAP, HMM_NONE, HMM_WRITE_PROTECT, type HmmEvent, hmmEventInit } from './event.ts'

/** The event of an invalidation; null when it concerns no device. */
export function eventOf(task: Task, range: NotifierRange): HmmEvent | null {
  const etype = etypeOf(task, range)
  if (etype === HMM_NONE) return null
  const event = hmmEventInit(rangeStart(task, range), rangeLast(task, range) + 1, etype, rangeBlockable(task, range))
  assert(typeof event !== 'number', 'an invalidated range is not empty')
  return event
}

function etypeOf(task: Task, range: NotifierRange): number {
  switch (rangeEvent(task, range)) {
    case NOTIFY.unmap:
    case NOTIFY.release:
      return HMM_MUNMAP
    case NOTIFY.protectionVma:
      return etypeOfProtection(task, range)
    case NOTIFY.protectionPage:
      return rangeOwner(task, range) === PAGE_CLEANING ? HMM_WRITE_PROTECT : HMM_FORK
    case NOTIFY.softDirty:
      return HMM_WRITE_PROTECT
    default:
      return HMM_MIGRATE
  }
}

/** An area has its new rights already when its entries are about to follow. mmap_sem is held by whoever changes it. */
function etypeOfProtection(task: Task, range: NotifierRange): number {
  const vma = findVma(task, rangeMm(task, range), rangeStart(task, range))
  if (vma === NO_VMA || vmaStart(task, vma) > rangeStart(task, range)) return HMM_MUNMAP
  const flags = vmaFlags(task, vma)
  if ((flags & VM_READ) === 0) return HMM_MUNMAP
  return (flags & VM_WRITE) === 0 || hasDeviceMemory(task) ? HMM_WRITE_PROTECT : HMM_NONE
}

function hasDeviceMemory(task: Task): boolean {
  for (let zone = SYSTEM_ZONE + 1; zone < SWAP_ZONE; zone++) if (zoneFrames(task, zone).count > 0) return true
  return false
}
