/**
 * PERM, the shadow-permission oracle. A device may write a page only while the CPU's entry of it is writable, or while an
 * invalidation of it is between start and end and the device's entry is about to go.
 *
 * Looked at whenever a device writes. The device is INSIDE, so an invalidation that takes the right away cannot get past
 * its callback meanwhile: a read-only CPU entry outside any window is a write that no protocol step allows.
 */
import { type Mirror, mirrorMm } from '../hmm/mirror.ts'
import { PTE_KIND, pteKind, ptePresent, pteWritable } from '../mm/pte.ts'
import { isWindowOpen } from '../notifier/windows.ts'
import { listen } from '../seam/probe.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { describeActor, lastChangeOf, pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'
import { cpuEntry } from './cpuentry.ts'

/** Switches the oracle on in this worker. */
export function checkPermission(task: Task): void {
  listen(task, 'deviceTouch', (t, device, mirrorAt, vpn, _entry, _generation, write) => {
    if (write !== 1) return
    const mm = mirrorMm(t, mirrorAt as Mirror)
    const page = vpn >>> 0
    if (mayWrite(cpuEntry(t, mm, page))) return
    if (isWindowOpen(t, mm, page, t.words[ACTOR_COUNT_AT] as number)) return
    // The window may have closed, and the entry come back, between the two looks: only what is still so is a finding.
    if (mayWrite(cpuEntry(t, mm, page))) return
    const access = describeActor(t.words, t.id)
    const change = lastChangeOf(t.words, page)
    const how = change === null ? access : `${access}; changed last by ${change}`
    const message = `device ${device} writes ${pageName(page)}, which the CPU may not write, with no invalidation open (${how})`
    violation(t, 'PERM', message, { device, page, operations: change === null ? [access] : [access, change] })
  })
}

function mayWrite(entry: number): boolean {
  return pteWritable(entry) && (ptePresent(entry) || pteKind(entry) === PTE_KIND.devicePrivate)
}
