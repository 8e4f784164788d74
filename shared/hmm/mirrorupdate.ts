/**
 * HMM's half of an event (hmm_mirror_update_pt, 2016): when the driver is done with the device, the mirror table follows, and what
 * the device wrote is told to the pages, while the CPU's entries still hold them.
 *
 *   entry                  what becomes of it
 *   any                    DIRTY is taken; it was set: the page is dirty
 *   page frame             entry AND mask; no longer valid: one reference of the directory less
 *   DMA page               the same; no longer valid: it is unmapped, too (hmm/mirrordma.ts)
 *   own memory             as a page frame, for HMM_FORK as well: fork shares such pages here, where it copied them in 2016
 *
 * Also the device's half, for drivers whose hardware walks HMM's table: which entries the hardware looks at is up to the driver,
 * in two of its own bits (hmm/mirrorpte.ts). Publishing sets them, withdrawing clears them; both belong into update().
 */
import { type Frame, frameMarkDirty } from '../frame/frames.ts'
import { EIO } from '../memory/errno.ts'
import { atomicAnd, atomicCas, atomicLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'
import { etypeName, HMM_MUNMAP, type HmmEvent, hmmEventInit } from './event.ts'
import { assertMirrorLocked, type Mirror, mirrorDevice, mirrorTable } from './mirror.ts'
import { mirrorDmaUnmap, mirrorFrameOf, mirrorIommu } from './mirrordma.ts'
import {
  MIRROR_DIRTY,
  MIRROR_HW_READ,
  MIRROR_HW_WRITE,
  MIRROR_VALID,
  MIRROR_VALID_DMA,
  MIRROR_VALID_PFN,
  MIRROR_WRITE,
  type MirrorPte,
  mirrorValid,
  mirrorWritable,
} from './mirrorpte.ts'
import { eachRun } from './mirrortable.ts'
import { pruneRange } from './table.ts'

/** Bits that belong to a mask: what the hardware may look at goes with the right that it stands for. */
function withHardware(pteMask: number): number {
  const read = (pteMask & MIRROR_VALID) === 0 ? MIRROR_HW_READ | MIRROR_HW_WRITE : 0
  const write = (pteMask & MIRROR_WRITE) === 0 ? MIRROR_HW_WRITE : 0
  return pteMask & ~(read | write)
}

/**
 * Brings the mirror table in line with `event`, also when the driver's update failed. `updated`: what that returned; after a 0 an
 * entry that the hardware still looks at is a driver's mistake.
 */
export function hmmMirrorUpdatePt(task: Task, mirror: Mirror, event: HmmEvent, updated: number): void {
  const keep = withHardware(event.pteMask) & ~MIRROR_DIRTY
  const forbidden = ~withHardware(event.pteMask) & (MIRROR_HW_READ | MIRROR_HW_WRITE)
  eachRun(task, mirror, event.start, event.end - 1, (from, end, first) => {
    let removed = 0
    for (let at = from; at < end; at++) {
      const vpn = first + at - from
      if (get(task, at) === 0) continue // written under this lock only, but for bits of valid entries
      const before = atomicAnd(task, at, keep) as MirrorPte
      const gone = mirrorValid(before) && (before & keep & MIRROR_VALID) === 0
      if (updated === 0 && (before & forbidden) !== 0) blame(task, mirror, vpn, event)
      if ((before & MIRROR_DIRTY) === 0 && !gone) continue
      const frame = mirrorFrameOf(task, mirror, vpn, before)
      if ((before & MIRROR_DIRTY) !== 0) takeDirty(task, mirror, vpn, before, frame)
      if (gone && (before & MIRROR_VALID_DMA) !== 0) mirrorDmaUnmap(task, mirror, before, frame)
      if (gone) removed++
    }
    return -removed
  })
}

/**
 * The driver is done with pages [start, last] (hmm_mirror_range_discard, part 11 of 2016): what an HMM_MUNMAP does to the mirror's
 * table, and to it alone, without an update(). Empty directories die at once. The hardware has been stopped, and flushed.
 */
export function hmmMirrorRangeDiscard(task: Task, mirror: Mirror, start: number, last: number): void {
  const event = hmmEventInit(start, last + 1, HMM_MUNMAP)
  assert(typeof event !== 'number', 'a range that is discarded has a page')
  hmmMirrorUpdatePt(task, mirror, event as HmmEvent, 0)
  pruneRange(task, mirrorTable(task, mirror), start, last)
}

function takeDirty(task: Task, mirror: Mirror, vpn: number, entry: MirrorPte, frame: Frame): void {
  if (!mirrorWritable(entry))
    violation(task, 'CON', `device ${mirrorDevice(task, mirror)} reports that it wrote ${pageName(vpn)}, which it may only read`)
  frameMarkDirty(task, frame)
}

function blame(task: Task, mirror: Mirror, vpn: number, event: HmmEvent): never {
  const device = mirrorDevice(task, mirror)
  violation(
    task,
    'CON',
    `device ${device}: update() returned from ${etypeName(event.etype)} and left ${pageName(vpn)} to the hardware`,
    { device, page: vpn },
  )
}

/** An update() that failed, as HMM takes it: -ENOMEM and -EIO are told from each other, anything else becomes -EIO. */
export function updateError(result: number, known: readonly number[]): number {
  return result === 0 || known.includes(-result) ? result : -EIO
}

/**
 * Lets the hardware look at the valid entries of pages [start, end), for writing where they have WRITE and `write` says so. Returns
 * how many there are.
 * Update lock held; called from update() for a fault, so that no change of these pages is running.
 */
export function mirrorPublish(task: Task, mirror: Mirror, start: number, end: number, write = true): number {
  assertMirrorLocked(task, mirror)
  const passing = mirrorIommu(task, mirror) === null ? 0 : MIRROR_VALID_PFN
  let published = 0
  eachRun(task, mirror, start, end - 1, (from, to) => {
    for (let at = from; at < to; at++) {
      for (;;) {
        const before = atomicLoad(task, at) as MirrorPte
        if (!mirrorValid(before) || (before & passing) !== 0) break
        const shown = before | MIRROR_HW_READ | (write && mirrorWritable(before) ? MIRROR_HW_WRITE : 0)
        if (atomicCas(task, at, before, shown) !== before) continue // the engine set DIRTY
        published++
        break
      }
    }
    return 0
  })
  return published
}

/**
 * Takes from the hardware what `pteMask` takes from the entries of pages [start, end); DIRTY stays for HMM. Returns how many entries
 * it could reach: if any, the device's TLB must be flushed before update() returns. Update lock held.
 */
export function mirrorWithdraw(task: Task, mirror: Mirror, start: number, end: number, pteMask: number): number {
  assertMirrorLocked(task, mirror)
  const taken = ~withHardware(pteMask) & (MIRROR_HW_READ | MIRROR_HW_WRITE)
  let lost = 0
  eachRun(task, mirror, start, end - 1, (from, to) => {
    for (let at = from; at < to; at++) {
      if (get(task, at) !== 0 && (atomicAnd(task, at, ~taken) & taken) !== 0) lost++
    }
    return 0
  })
  return lost
}
