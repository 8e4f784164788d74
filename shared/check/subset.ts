/**
 * SUB, the subset oracle. With no invalidation open, what a device may reach is a subset of what the CPU's page table says:
 * the same frame, and not more rights. Looked at when the machine stands still, over every mirror of every device.
 */

import { entryFrame } from '../device/entryframe.ts'
import { instanceMirror, MAX_INSTANCES } from '../device/record.ts'
import { framePins, NO_FRAME } from '../frame/frames.ts'
import { type Directory, directoryEntryAt, pdeDirectory } from '../hmm/directory.ts'
import { DIRECTORY_ENTRIES } from '../hmm/geometry.ts'
import { MIRROR_GEOMETRY, type Mirror, mirrorIsLive, mirrorMm, mirrorRoot, NO_MIRROR } from '../hmm/mirror.ts'
import { type MirrorPte, mirrorValid, mirrorWritable } from '../hmm/mirrorpte.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { isDevicePrivate, isExclusive, pteFrame, ptePresent, pteWritable } from '../mm/pte.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'

/** Every entry of every mirror of devices 0 to `devices` - 1 that is more than the CPU has. The machine stands still. */
export function checkSubset(task: Task, devices: number): Violation[] {
  const found: Violation[] = []
  for (let device = 0; device < devices; device++) {
    for (let instance = 0; instance < MAX_INSTANCES; instance++) {
      const mirror = instanceMirror(task, device, instance)
      if (mirror !== NO_MIRROR && mirrorIsLive(task, mirror)) checkMirror(task, device, mirror, found)
    }
  }
  return found
}

/** Valid entries of a mirror, page by page. The machine stands still, so words are read plainly. */
export function eachMirrorEntry(task: Task, mirror: Mirror, visit: (vpn: number, pte: MirrorPte) => void): void {
  eachEntryBelow(task, mirrorRoot(task, mirror), 0, 0, visit)
}

function eachEntryBelow(
  task: Task,
  directory: Directory,
  level: number,
  base: number,
  visit: (vpn: number, pte: MirrorPte) => void,
): void {
  const { leafLevel, rootEntries, span } = MIRROR_GEOMETRY
  const entries = level === 0 ? rootEntries : DIRECTORY_ENTRIES
  for (let i = 0; i < entries; i++) {
    const entry = task.words[directoryEntryAt(directory, i)] as number
    if (entry === 0) continue
    const vpn = base + i * (span[level] as number)
    if (level < leafLevel) eachEntryBelow(task, pdeDirectory(entry), level + 1, vpn, visit)
    else if (mirrorValid(entry as MirrorPte)) visit(vpn, entry as MirrorPte)
  }
}

function checkMirror(task: Task, device: number, mirror: Mirror, found: Violation[]): void {
  const mm = mirrorMm(task, mirror)
  eachMirrorEntry(task, mirror, (vpn, pte) => {
    const entry = cpuEntry(task, mm, vpn)
    // A page taken exclusively is the device's alone: the CPU's entry names it without mapping it.
    const mapped = ptePresent(entry) || isDevicePrivate(entry) || isExclusive(entry)
    const frame = entryFrame(task, device, pte, mirrorWritable(pte))
    if (frame !== NO_FRAME && framePins(task, frame) > 0) return // a pin is the right to go on, whatever becomes of the address
    const problem = !mapped
      ? 'which the CPU does not map'
      : pteFrame(entry) !== frame
        ? `${frame === NO_FRAME ? 'through an I/O page that is not mapped' : `at frame ${frame}`}, while the CPU has frame ${pteFrame(entry)}`
        : mirrorWritable(pte) && !pteWritable(entry)
          ? 'for writing, while the CPU may only read it'
          : null
    if (problem !== null) {
      found.push({ oracle: 'SUB', message: `device ${device} still maps ${pageName(vpn)}, ${problem}`, device, page: vpn })
    }
  })
}
