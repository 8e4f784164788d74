/**
 * DIRTY, the dirty accounting. A page may be dropped without being kept anywhere while nothing says that it is dirty. So a frame
 * that was written since it was last declared clean must be dirty somewhere: in its own flags (a block's are its head's), in an
 * entry of the CPU that maps it, or in an entry of a device.
 *
 * WRITTEN is the oracle's own note in the frame's flags. It is taken when somebody writes the page with no invalidation of it open,
 * is copied where the bytes are copied, and goes when the frame is declared clean (madvise free) or freed. Inside an invalidation a
 * cached translation may still write a page that is being declared clean: such a write may be lost, by contract.
 *
 * Looked at when the machine stands still. Swap slots are the copies that pages are compared with; they are never dirty.
 */
import { entryFrame } from '../device/entryframe.ts'
import { instanceMirror, MAX_INSTANCES } from '../device/record.ts'
import {
  BLOCK_FRAMES,
  FRAME_DEVICE,
  FRAME_DIRTY,
  FRAME_WRITTEN,
  type Frame,
  frameClearFlags,
  frameFlags,
  frameHead,
  frameIsBlock,
  frameSetFlags,
} from '../frame/frames.ts'
import { SYSTEM_ZONE, ZERO_FRAME, zoneFrames } from '../frame/zones.ts'
import { type Mirror, mirrorDevice, mirrorIsLive, mirrorMm, NO_MIRROR } from '../hmm/mirror.ts'
import { MIRROR_DIRTY } from '../hmm/mirrorpte.ts'
import { PTE_DIRTY, pteFrame, pteMapsFrame } from '../mm/pte.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { isWindowOpen } from '../notifier/windows.ts'
import { listen } from '../seam/probe.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'
import { eachEntry } from './references.ts'
import { eachMirrorEntry } from './subset.ts'

/** Notes what is written. Once in each worker, when it boots. */
export function noteWrites(task: Task): void {
  listen(task, 'cpuTouch', (t, mm, vpn, entry, _generation, write) => {
    if (write === 1) note(t, mm as Mm, vpn, pteFrame(entry))
  })
  listen(task, 'deviceTouch', (t, _device, mirror, vpn, frame, _generation, write) => {
    if (write === 1) note(t, mirrorMm(t, mirror as Mirror), vpn, frame as Frame)
  })
  listen(task, 'frameCopied', (t, target, source) => {
    if ((frameFlags(t, source as Frame) & FRAME_WRITTEN) !== 0) frameSetFlags(t, target as Frame, FRAME_WRITTEN)
  })
  listen(task, 'frameCleaned', (t, frame) => {
    const pieces = frameIsBlock(t, frame as Frame) && frameHead(t, frame as Frame) === frame ? BLOCK_FRAMES : 1
    for (let i = 0; i < pieces; i++) frameClearFlags(t, (frame + i) as Frame, FRAME_WRITTEN)
  })
}

function note(task: Task, mm: Mm, vpn: number, frame: Frame): void {
  if ((frameFlags(task, frame) & FRAME_WRITTEN) !== 0) return
  if (!isWindowOpen(task, mm, vpn >>> 0, task.words[ACTOR_COUNT_AT] as number)) frameSetFlags(task, frame, FRAME_WRITTEN)
}

/**
 * Every frame of system memory that was written and is dirty nowhere. The machine stands still; `mms` are all the address spaces
 * there are, and devices 0 to `devices` - 1 all the devices.
 */
export function auditDirty(task: Task, mms: readonly Mm[], devices: number): Violation[] {
  const suspects = new Map<Frame, string>()
  const { first, count } = zoneFrames(task, SYSTEM_ZONE)
  for (let frame = first; frame < first + count; frame++) {
    const written = (frameFlags(task, frame as Frame) & (FRAME_WRITTEN | FRAME_DEVICE)) === FRAME_WRITTEN
    if (!written || frame === ZERO_FRAME) continue
    if ((frameFlags(task, frameHead(task, frame as Frame)) & FRAME_DIRTY) === 0) suspects.set(frame as Frame, 'no page')
  }
  if (suspects.size === 0) return []
  for (const mm of mms)
    eachEntry(task, mm, (vpn, entry) => {
      if (pteMapsFrame(entry)) acquit(task, suspects, vpn, pteFrame(entry), (entry & PTE_DIRTY) !== 0)
    })
  for (const mirror of liveMirrors(task, devices))
    eachMirrorEntry(task, mirror, (vpn, pte) =>
      acquit(task, suspects, vpn, entryFrame(task, mirrorDevice(task, mirror), pte, false), (pte & MIRROR_DIRTY) !== 0),
    )
  return [...suspects].map(([frame, where]) => ({
    oracle: 'DIRTY',
    message: `frame ${frame} (${where}) was written since it was declared clean, and is dirty nowhere`,
  }))
}

/** An entry of the CPU that maps a block maps every frame of it. */
function acquit(task: Task, suspects: Map<Frame, string>, vpn: number, frame: Frame, dirty: boolean): void {
  for (const suspect of suspects.keys()) {
    if (suspect !== frame && frameHead(task, suspect) !== frameHead(task, frame)) continue
    if (dirty) suspects.delete(suspect)
    else suspects.set(suspect, pageName(vpn))
  }
}

function liveMirrors(task: Task, devices: number): Mirror[] {
  const found: Mirror[] = []
  for (let device = 0; device < devices; device++) {
    for (let instance = 0; instance < MAX_INSTANCES; instance++) {
      const mirror = instanceMirror(task, device, instance)
      if (mirror !== NO_MIRROR && mirrorIsLive(task, mirror)) found.push(mirror)
    }
  }
  return found
}
