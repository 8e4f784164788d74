/**
 * PERM, the shadow-permission oracle. A device may write a page only while the CPU's entry of it is writable, or while an
 * invalidation of it is between start and end and the device's entry is about to go.
 *
 * Looked at whenever a device writes. The device is INSIDE, so an invalidation that takes the right away cannot get past
 * its callback meanwhile: a read-only CPU entry outside any window is a write that no protocol step allows.
 */
import { FRAME_DEVICE, type Frame, frameFlags, framePins } from '../frame/frames.ts'
import { type Mirror, mirrorMm } from '../hmm/mirror.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { isExclusive, isMigrationEntry, PTE_KIND, pteFrame, pteKind, ptePresent, pteWritable } from '../mm/pte.ts'
import { isWindowOpen } from '../notifier/windows.ts'
import { listen } from '../seam/probe.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { describeActor, lastChangeOf, pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'

/** Switches the oracle on in this worker. */
export function checkPermission(task: Task): void {
  listen(task, 'deviceTouch', (t, device, mirrorAt, vpn, frame, _generation, write) => {
    if (write !== 1) return
    const mm = mirrorMm(t, mirrorAt as Mirror)
    const page = vpn >>> 0
    if (mayWrite(t, cpuEntry(t, mm, page), frame as Frame)) return
    if (isWindowOpen(t, mm, page, t.words[ACTOR_COUNT_AT] as number)) return
    // The window may have closed, and the entry come back, between the two looks: only what is still so is a finding.
    if (mayWrite(t, cpuEntry(t, mm, page), frame as Frame)) return
    const access = describeActor(t.words, t.id)
    const change = lastChangeOf(t.words, page)
    const how = change === null ? access : `${access}; changed last by ${change}`
    const message = `device ${device} writes ${pageName(page)}, which the CPU may not write, with no invalidation open (${how})`
    violation(t, 'PERM', message, { device, page, operations: change === null ? [access] : [access, change] })
  })
}

/**
 * May a device write `frame` while the CPU has `entry`? Also a page of its own memory on its way home: the driver, which ignores its
 * own invalidation, takes the entry away before it copies.
 */
function mayWrite(task: Task, entry: number, frame: Frame): boolean {
  if (framePins(task, frame) > 0) return true // pinned for writing once: no change of the address space takes that back
  if (!pteWritable(entry)) return false
  if (ptePresent(entry) || pteKind(entry) === PTE_KIND.devicePrivate) return true
  if (isExclusive(entry)) return pteFrame(entry) === frame // taken from all CPUs for just this
  const own = (frameFlags(task, frame) & FRAME_DEVICE) !== 0
  return own && isMigrationEntry(entry) && pteFrame(entry) === frame
}
