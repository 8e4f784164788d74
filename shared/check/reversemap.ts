/**
 * REF, the reverse map: whoever comes from a frame must find the entries that map it. When the machine stands still, each frame that an
 * area maps names an owner that this area has, or its file, and the page's place in it. A frame that names somebody else is found by no
 * reverse walk: it can be neither moved nor put out, and what should be cut off from it is not.
 */
import { FRAME_ANON, type Frame, frameFlags, frameIndex, frameMapping } from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import { type AnonVma, chainHas } from '../mm/anonvma.ts'
import { mmVmas } from '../mm/mm.ts'
import { pteFrame, pteMapsFrame } from '../mm/pte.ts'
import { NO_VMA, type Vma, vmaFile, vmaIndex, vmaOwnerChain } from '../mm/vma.ts'
import type { Mm } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'
import { intervalFirst } from '../sync/intervaltree.ts'
import { eachEntry } from './references.ts'

/** Entries of address spaces `mms` whose frame does not lead back to them. The machine stands still, so nothing is locked. */
export function auditReverseMap(task: Task, mms: readonly Mm[]): Violation[] {
  const found: Violation[] = []
  for (const mm of mms) {
    eachEntry(task, mm, (vpn, entry) => {
      const frame = pteFrame(entry)
      if (!pteMapsFrame(entry) || frame === ZERO_FRAME) return
      const vma = intervalFirst(task, mmVmas(mm), vpn, vpn) as Vma
      const problem = vma === NO_VMA ? 'lies in no area' : problemOf(task, vma, vpn, frame)
      if (problem === null) return
      found.push({ oracle: 'REF', message: `frame ${frame}, which ${pageName(vpn)} maps, ${problem}`, page: vpn })
    })
  }
  return found
}

function problemOf(task: Task, vma: Vma, vpn: number, frame: Frame): string | null {
  const owner = frameMapping(task, frame)
  const anonymous = (frameFlags(task, frame) & FRAME_ANON) !== 0
  const known = anonymous
    ? owner !== 0 && chainHas(task, vmaOwnerChain(task, vma), owner as AnonVma)
    : owner !== 0 && owner === vmaFile(task, vma)
  if (!known) return 'names an owner that this area does not have: no reverse walk finds the entry'
  const index = vmaIndex(task, vma, vpn)
  return frameIndex(task, frame) === index
    ? null
    : `has place ${frameIndex(task, frame)} in its owner, and the page has ${index}: no reverse walk finds the entry`
}
