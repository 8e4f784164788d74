/**
 * Which spans of an address space are being invalidated at the moment, and waiting until none is: the bookkeeping of active
 * ranges that the 2016 series put into the notifier core (mmu_notifier_range_inactive, mmu_notifier_range_wait_active).
 *
 * A window is active from before its first callback until after its last: it is opened first and closed last. An answer may be
 * old when it is heard. Who must rely on "inactive" says so in a place where a later start looks, and asks again after that:
 *
 *     device fault                             invalidation
 *     waits until the range is inactive
 *                                              opens its window
 *     lock of the fault list
 *       still inactive? no: waits again        lock of the fault list
 *       yes: puts itself on the list             looks for faults to send back     [Required: one of the two sees the other]
 *     unlock                                   unlock
 *
 * Windows that are older than the first classic notifier of the address space wake nobody: registering one waits for them.
 */
import { WAIT } from '../seam/park.ts'
import type { Task } from '../seam/task.ts'
import { WINDOW } from '../sync/classes.ts'
import { assertMaySleep, checkOrder } from '../sync/held.ts'
import { waitUntil } from '../sync/waitqueue.ts'
import { classicActiveQueue, classicWindows } from './classic.ts'
import { type Mm, mmSubscriptions } from './mmhead.ts'
import { anyWindowOver } from './windows.ts'

/** Is no invalidation that overlaps [start, last] between its start and its end? */
export function rangeInactive(task: Task, mm: Mm, start: number, last: number): boolean {
  return classicWindows(task, mm) === 0 || !anyWindowOver(task, mm, start, last)
}

/** Sleeps until no invalidation overlaps [start, last]. No lock held that a section between start and end takes. */
export function rangeWaitActive(task: Task, mm: Mm, start: number, last: number): void {
  if (task.checked) {
    assertMaySleep(task, 'waiting for invalidations to end')
    checkOrder(task, WINDOW, mmSubscriptions(mm))
  }
  const inactive = () => rangeInactive(task, mm, start, last)
  waitUntil(task, classicActiveQueue(mm), WAIT.invalidationEnd, mmSubscriptions(mm), inactive)
}
