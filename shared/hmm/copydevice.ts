/**
 * Moving pages between system memory and a device's own, as 2016 did: HMM moves, the driver copies.
 *
 *   to the device   a device fault of type HMM_COPY_TO_DEVICE, asked for by the driver. Pages are taken from all CPUs and mirrors (an
 *                   HMM_MIGRATE), copyToDevice() copies what it has room for, and what is then in the device's memory is filled and
 *                   published as by any other fault
 *   home            a CPU touches such a page: HMM_MIGRATE to the mirrors, copyFromDevice(), the page is back
 *
 * No access of a CPU or device meets a page while it is copied: the CPU's entry is a migration entry, and every mirror, the copying
 * one too, has let go before (in 2016 that one was left out, and its driver had to see to it).
 *
 *     copyToDevice or copyFromDevice returns   what follows
 *     0                                        pages that it left out (-1) stay where they are; one that should have come home is
 *                                              lost: SIGBUS
 *     -ENOMEM, -EIO                            nothing moves, and the mirror is killed. Its pages in device memory are lost
 *
 * A page is found to be lost when a CPU touches it: its entry becomes poisonous, in every process that has it, and from then on
 * every touch is SIGBUS; the frame in the device's memory is given back.
 *
 * Private anonymous memory only. Fork shares pages in device memory, as the machine does in every era; a process that shares one
 * and has no mirror of its own has it brought home without one.
 */
import { type Frame, frameClear, frameUnlock, NO_FRAME } from '../frame/frames.ts'
import { frameAllocLocked, framePut, SYSTEM_ZONE, ZERO_FRAME } from '../frame/zones.ts'
import { EINVAL, EIO, ENOMEM } from '../memory/errno.ts'
import { FAULT } from '../mm/faultcode.ts'
import { type Vma, vmaIsAnonymous, vmaIsShared } from '../mm/vma.ts'
import { lookupOp } from '../seam/optable.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { HMM_COPY_FROM_DEVICE, type HmmEvent, hmmEventInit } from './event.ts'
import type { Hmm } from './eventhmm.ts'
import {
  MIGRATE_ERROR,
  MIGRATE_MIGRATE,
  MIGRATE_PAGES,
  MIGRATE_VALID,
  type Migration,
  migrateEntry,
  migrateFinalize,
  migrateFrame,
  migratePages,
  migrateSetup,
  newMigration,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
} from './migratevma.ts'
import { type Mirror, mirrorDevice, mirrorEventHmm, mirrorIsLive, NO_MIRROR } from './mirror.ts'
import { MIRROR_OPS } from './mirrorops.ts'
import { updateError } from './mirrorupdate.ts'
import { hmmMirrorKill } from './update.ts'

/** No page: in `src` one that does not move, in `dst` one that was not copied. */
export const NO_PAGE = -1

/**
 * Moves pages of `event` to the memory of the mirror's device. 0, also when none moved; -EINVAL for memory that does not move, or
 * more pages than one call takes; what copyToDevice() returned: then the mirror is to be killed. mmap_sem held for reading, not on
 * the list of faults.
 */
export function hmmMoveToDevice(task: Task, mirror: Mirror, vma: Vma, event: HmmEvent): number {
  const pages = event.end - event.start
  if (!vmaIsAnonymous(task, vma) || vmaIsShared(task, vma) || pages > MIGRATE_PAGES) return -EINVAL
  const device = mirrorDevice(task, mirror)
  const ops = lookupOp(task, MIRROR_OPS, device)
  if (ops.copyToDevice === undefined) return -EINVAL
  const migration = begin(device, vma, event, SELECT_SYSTEM, -1)
  const refused = migrateSetup(task, migration)
  if (refused !== 0) return refused
  const src = migration.src.map((entry) =>
    (entry & MIGRATE_MIGRATE) === 0 ? NO_PAGE : (entry & MIGRATE_VALID) === 0 ? ZERO_FRAME : migrateFrame(entry),
  )
  const dst = new Int32Array(pages).fill(NO_PAGE)
  const result = updateError(ops.copyToDevice(task, mirror, event, src, dst), [ENOMEM, EIO])
  for (const [i, frame] of dst.entries()) {
    if (frame === NO_PAGE) continue
    if (result === 0 && src[i] !== NO_PAGE) migration.dst[i] = migrateEntry(frame as Frame, MIGRATE_VALID)
    else giveBack(task, frame as Frame)
  }
  finish(task, migration)
  return result
}

/**
 * Brings page `vpn` of `vma`, which is in `frame` of the device's memory, home, or poisons it. A FAULT value. `mirror`: the device's of that address
 * space, or NO_MIRROR. mmap_sem held for reading, the frame locked.
 */
export function hmmMigrateBack(task: Task, device: number, mirror: Mirror, vma: Vma, vpn: number, frame: Frame): number {
  const ops = lookupOp(task, MIRROR_OPS, device)
  const event = hmmEventInit(vpn, vpn + 1, HMM_COPY_FROM_DEVICE) as HmmEvent
  const migration = begin(device, vma, event, SELECT_DEVICE_PRIVATE, frame)
  if (migrateSetup(task, migration) !== 0) return FAULT.sigbus
  if (((migration.src[0] as number) & MIGRATE_MIGRATE) === 0) {
    finish(task, migration)
    return FAULT.done // somebody else is at it: the access is tried again
  }
  if (ops.copyFromDevice === undefined || (mirror !== NO_MIRROR && !mirrorIsLive(task, mirror))) return lose(task, migration)
  const target = allocLocked(task)
  if (target === NO_PAGE) {
    finish(task, migration)
    return FAULT.oom
  }
  const dst = Int32Array.of(target)
  const result = updateError(ops.copyFromDevice(task, mirror, event, Int32Array.of(frame), dst), [ENOMEM, EIO])
  const copied = result === 0 && dst[0] === target
  if (copied) {
    migration.dst[0] = migrateEntry(target, MIGRATE_VALID)
    finish(task, migration)
    return FAULT.done
  }
  giveBack(task, target)
  lose(task, migration)
  if (result !== 0 && mirror !== NO_MIRROR) hmmMirrorKill(task, mirrorEventHmm(task, mirror) as Hmm, mirror)
  return FAULT.sigbus
}

/** The one page of a migration cannot be had any more. */
function lose(task: Task, migration: Migration): number {
  migration.dst[0] = MIGRATE_ERROR
  finish(task, migration)
  return FAULT.sigbus
}

function allocLocked(task: Task): Frame | typeof NO_PAGE {
  const frame = frameAllocLocked(task, SYSTEM_ZONE)
  if (frame !== NO_FRAME) frameClear(task, frame)
  return frame
}

function giveBack(task: Task, frame: Frame): void {
  frameUnlock(task, frame)
  framePut(task, frame)
}

function begin(device: number, vma: Vma, event: HmmEvent, select: number, faultFrame: Frame | -1): Migration {
  const zone = device + 1
  return newMigration({ vma, start: event.start, last: event.end - 1, select, owner: zone, zone, faultFrame })
}

function finish(task: Task, migration: Migration): void {
  migratePages(task, migration)
  for (const entry of migration.src) if ((entry & MIGRATE_MIGRATE) !== 0) countStat(task, STAT.migrations)
  migrateFinalize(task, migration)
}
