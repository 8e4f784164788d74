/**
 * A CPU touches a page that is in a device's private memory: the device's driver brings it home.
 *
 *     CPU 1                                    CPU 2
 *     reads the entry, tries the frame lock
 *     under the page-table lock: got it
 *     takes a reference
 *     migrateToRam: expects one reference
 *                                              reads the entry, tries the frame lock: taken
 *                                              sleeps until it is free, without a reference
 *     the page is home
 *                                              looks again: present             [Required: CPU 2 did not disturb]
 *
 * The lock comes before the reference, because the migration gives up a page with references it does not expect; and who
 * finds it taken sleeps, because spinning could keep the holder from the core it needs. (Linux: 16ce101db85d, then
 * 1afaeb8293c9, then the fix of February 2026; each cured the one before.)
 */
import { type Frame, frameGet, frameTryLock, frameUnlock, frameWaitUnlocked, frameZone } from '../frame/frames.ts'
import { framePut } from '../frame/zones.ts'
import { lookupOp, opKey } from '../seam/optable.ts'
import type { Task } from '../seam/task.ts'
import { FAULT } from './faultcode.ts'
import { type Table, unlockLeaf } from './pagetable.ts'
import { pteFrame } from './pte.ts'
import type { Vma } from './vma.ts'

/**
 * Brings the page of `frame`, which the caller has locked and referenced, back to system memory. A FAULT value; `done` also
 * when the page could not be moved this time.
 */
export type MigrateToRam = (task: Task, vma: Vma, vpn: number, frame: Frame) => number

/** Registered by each worker for every device with memory, under the zone of that memory. */
export const MIGRATE_TO_RAM = opKey<MigrateToRam>('migrate to ram')

/** Comes with the leaf locked, returns with it unlocked. mmap_sem held for reading. */
export function devicePrivateFault(task: Task, vma: Vma, vpn: number, leaf: Table, entry: number): number {
  const frame = pteFrame(entry)
  if (!frameTryLock(task, frame)) {
    unlockLeaf(task, leaf)
    frameWaitUnlocked(task, frame)
    return FAULT.done
  }
  frameGet(task, frame)
  unlockLeaf(task, leaf)
  const result = lookupOp(task, MIGRATE_TO_RAM, frameZone(task, frame))(task, vma, vpn, frame)
  frameUnlock(task, frame)
  framePut(task, frame)
  return result
}
