/**
 * A device fault (hmm_mirror_fault, 2016): HMM itself fills the mirror table from the CPU's, and then tells the driver to program the
 * device from it.
 *
 *     checks; mmap_sem for reading; the area; the end is cut to the area's
 *     again:  on the list of faults, when no invalidation overlaps           hmm/activefault.ts
 *             for each table: must it give way? read the CPU's entries, fill the mirror's; map them, behind an IOMMU
 *             must it give way? update()
 *             off the list
 *             an entry was missing: CPU faults, page by page; again
 *             it gave way: again
 *
 *   returns     when
 *   0           the pages up to `event.end` are in the table, and update() took them
 *   -ENODEV     mirror or address space are dead
 *   -EINVAL     no such page, empty span, not a type of fault
 *   -EFAULT     no area there, or one starts only later (`event.end` is cut to its start: the hole); it may not be read; a page
 *               cannot be had; device memory that has no pages (VM_IO, VM_PFNMAP, VM_MIXEDMAP)
 *   -EACCES     a write fault, and the area may not be written
 *   -EBUSY      a CPU fault waited, and gave mmap_sem up for that: call again, everything is looked at anew
 *   -ENOMEM     memory for a table, or a page, is out; the IOMMU maps no more
 *   what update(), or copyToDevice(), returned; the mirror is dead then
 *
 * Of a 2 MiB entry the pages asked for are filled, not all 512: only they are on the list.
 */
import { frameGenerationQuiet, frameZone } from '../frame/frames.ts'
import { EACCES, EAGAIN, EBUSY, EFAULT, EINVAL, ENODEV, ENOENT, ENOMEM } from '../memory/errno.ts'
import { mmPut } from '../mm/exit.ts'
import { handleFault } from '../mm/fault.ts'
import { FAULT } from '../mm/faultcode.ts'
import { hugePiece, hugeStart } from '../mm/huge.ts'
import { mmRoot } from '../mm/mm.ts'
import { ENTRIES, entryAt, hugeWord, LEAF_LEVEL, lockSpot, NO_TABLE, type Table, unlockSpot } from '../mm/pagetable.ts'
import { isDevicePrivate, pteFrame, ptePresent, pteWritable } from '../mm/pte.ts'
import { findVma, NO_VMA, VM_DEVICE_MEMORY, VM_READ, VM_WRITE, type Vma, vmaFlags, vmaLast, vmaStart } from '../mm/vma.ts'
import { type Mm, mmapSem, mmGetNotZero } from '../notifier/mmhead.ts'
import { actorAt, OP } from '../seam/actors.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import { countRetryCause, countStat, maxStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { EVENT, eventBegins, eventEnds } from '../seam/timeline.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import {
  type ActiveFault,
  backedOffFor,
  createFault,
  deviceFaultEnd,
  deviceFaultStart,
  freeFault,
  mustBackOff,
  NO_FAULT,
} from './activefault.ts'
import { hmmMoveToDevice } from './copydevice.ts'
import { HMM_COPY_TO_DEVICE, HMM_DEVICE_WRITE_FAULT, type HmmEvent, hmmEventInit, isDeviceFault, VM_END } from './event.ts'
import { type Hmm, NO_HMM } from './eventhmm.ts'
import type { MirrorIterator } from './iterator.ts'
import { type Mirror, mirrorDevice, mirrorEventHmm, mirrorIsLive, mirrorMm } from './mirror.ts'
import { mirrorDmaMap } from './mirrordma.ts'
import { MIRROR_WRITE, type MirrorPte, mirrorPteFromDevice, mirrorPteFromFrame } from './mirrorpte.ts'
import { mirrorIterator, mirrorMerge } from './mirrortable.ts'
import { callUpdate, hmmMirrorKill } from './update.ts'

/** A fault as a driver asks for it. */
export interface FaultEvent {
  /** HMM_DEVICE_READ_FAULT, HMM_DEVICE_WRITE_FAULT, or HMM_COPY_TO_DEVICE. */
  readonly etype: number
  /** First page. */
  readonly start: number
  /** First page behind it; on return, the end of what was looked at. */
  end: number
}

/** What was read of one CPU table under its lock, as mirror entries, and the frames' generations. One per thread: faults do not nest. */
const found = new Int32Array(ENTRIES)
const generations = new Int32Array(ENTRIES)

/** Serves a device fault; see above. No lock held; sleeps. May be the last user of the address space to go. */
export function hmmMirrorFault(task: Task, mirror: Mirror, event: FaultEvent): number {
  if (!isDeviceFault(event.etype) || !(event.start < VM_END) || typeof eventFor(event) === 'number') return -EINVAL
  const hmm = mirrorEventHmm(task, mirror) as Hmm
  const mm = mirrorMm(task, mirror)
  if (hmm === NO_HMM || !mirrorIsLive(task, mirror) || !mmGetNotZero(task, mm)) return -ENODEV
  const fault = createFault(task, mirror)
  const result = fault === NO_FAULT ? -ENOMEM : locked(task, hmm, mirror, mm, fault, event)
  if (fault !== NO_FAULT) freeFault(task, fault)
  mmPut(task, mm)
  return result
}

function eventFor(event: FaultEvent): HmmEvent | number {
  return hmmEventInit(event.start, event.end, event.etype)
}

/** What the steps of one fault have to tell each other beside their result. */
interface Outcome {
  /** The driver said no: its mirror ends when mmap_sem is free again. */
  updateFailed: boolean
  /** A CPU fault gave mmap_sem up. */
  dropped: boolean
}

/** With mmap_sem. A driver that failed loses its mirror when the lock is free again. */
function locked(task: Task, hmm: Hmm, mirror: Mirror, mm: Mm, fault: ActiveFault, event: FaultEvent): number {
  const outcome: Outcome = { updateFailed: false, dropped: false }
  downRead(task, mmapSem(mm), MMAP_SEM)
  const vma = findVma(task, mm, event.start)
  const refused = trim(task, vma, event) || move(task, mirror, vma, event, outcome)
  const result = refused !== 0 ? refused : untilServed(task, hmm, mirror, vma, fault, event, outcome)
  if (!outcome.dropped) upRead(task, mmapSem(mm))
  if (outcome.updateFailed) hmmMirrorKill(task, hmm, mirror)
  return result
}

/** What a fault of type HMM_COPY_TO_DEVICE does first: its pages go to the device's memory, as far as they can. */
function move(task: Task, mirror: Mirror, vma: Vma, event: FaultEvent, outcome: Outcome): number {
  if (event.etype !== HMM_COPY_TO_DEVICE) return 0
  const told = eventFor(event) as HmmEvent
  const swapped = faultPages(task, mirror, vma, told, outcome) // what is swapped out comes in first; pages in the device's memory stay there
  if (swapped !== -EAGAIN) return swapped
  const result = hmmMoveToDevice(task, mirror, vma, told)
  outcome.updateFailed = result !== 0 && result !== -EINVAL
  return result
}

/** Cuts the event to the area, or to the hole before it. 0 or why there is nothing to serve. */
function trim(task: Task, vma: Vma, event: FaultEvent): number {
  event.end = Math.min(event.end, VM_END)
  if (vma === NO_VMA) return -EFAULT
  if (vmaStart(task, vma) > event.start) {
    event.end = Math.min(event.end, vmaStart(task, vma))
    return -EFAULT
  }
  event.end = Math.min(event.end, vmaLast(task, vma) + 1)
  const flags = vmaFlags(task, vma)
  if ((flags & VM_DEVICE_MEMORY) !== 0) return -EFAULT
  if (event.etype === HMM_DEVICE_WRITE_FAULT && (flags & VM_WRITE) === 0) return -EACCES
  return (flags & VM_READ) === 0 ? -EFAULT : 0
}

function untilServed(
  task: Task,
  hmm: Hmm,
  mirror: Mirror,
  vma: Vma,
  fault: ActiveFault,
  event: FaultEvent,
  outcome: Outcome,
): number {
  const told = eventFor(event) as HmmEvent
  for (let chain = 1; ; ) {
    tick(task)
    deviceFaultStart(task, hmm, fault, told.start, told.end - 1)
    // Dead since: whoever killed it has waited for faults on the list, and no later one may fill the table behind its back.
    let result = mirrorIsLive(task, mirror) ? fill(task, mirror, fault, told) : -ENODEV
    if (result === 0) {
      result = callUpdate(task, mirror, told)
      outcome.updateFailed = result !== 0
    }
    const origin = backedOffFor(task, fault)
    deviceFaultEnd(task, hmm, fault)
    if (result === -ENOENT) result = faultPages(task, mirror, vma, told, outcome)
    else if (result === -EAGAIN) countBackoff(task, origin, chain++)
    if (result !== -EAGAIN) return result
  }
}

function countBackoff(task: Task, origin: number, chain: number): void {
  countStat(task, STAT.retries)
  if (origin !== task.id) countStat(task, STAT.retriesByOthers)
  if (origin >= 0) countRetryCause(task, task.words[actorAt(task.words, origin) + OP] as number)
  eventEnds(task, EVENT.retry, 0, eventBegins(task), origin, chain)
  countStat(task, STAT.savedByRetry)
  maxStat(task, STAT.longestRetryChain, chain)
}

/** Fills the mirror table. 0; -EAGAIN: give way; -ENOENT: a page must be faulted in first; -ENOMEM. On the list. */
function fill(task: Task, mirror: Mirror, fault: ActiveFault, event: HmmEvent): number {
  const iterator = mirrorIterator(task, mirror)
  const write = event.etype === HMM_DEVICE_WRITE_FAULT
  let result = 0
  for (let vpn = event.start; result === 0 && vpn < event.end; ) {
    const last = Math.min(event.end, hugeStart(vpn) + ENTRIES) - 1
    if (mustBackOff(task, fault)) result = -EAGAIN
    else if (!readEntries(task, mirror, vpn, last, write)) result = -ENOENT
    else result = fillTable(task, mirror, iterator, vpn, last) || mirrorDmaMap(task, mirror, iterator, vpn, last + 1)
    vpn = last + 1
  }
  iterator.finish()
  return result === 0 && mustBackOff(task, fault) ? -EAGAIN : result
}

/** Reads the CPU's entries of pages [first, last] of one table. False when one is missing, or not writable and that is asked. */
function readEntries(task: Task, mirror: Mirror, first: number, last: number, write: boolean): boolean {
  const spot = lockSpot(task, mmRoot(task, mirrorMm(task, mirror)), first)
  if (spot === NO_TABLE) return false
  const huge = hugeWord(spot)
  let complete = true
  for (let vpn = first; complete && vpn <= last; vpn++) {
    const entry = huge !== 0 ? atomicLoad(task, huge) : get(task, entryAt(spot as Table, LEAF_LEVEL, vpn))
    const own = isOwn(task, mirrorDevice(task, mirror), entry)
    complete = (own || ptePresent(entry)) && (!write || pteWritable(entry))
    if (!complete) break
    const frame = huge !== 0 ? hugePiece(entry, vpn) : pteFrame(entry)
    const bits = pteWritable(entry) ? MIRROR_WRITE : 0
    found[vpn - first] = own ? mirrorPteFromDevice(frame, bits) : mirrorPteFromFrame(frame, bits)
    generations[vpn - first] = frameGenerationQuiet(task, frame)
  }
  unlockSpot(task, spot, first)
  return complete
}

/** Is it the entry of a page in the device's own memory? */
function isOwn(task: Task, device: number, entry: number): boolean {
  return isDevicePrivate(entry) && frameZone(task, pteFrame(entry)) === device + 1
}

/** What was read stays true: whoever wants to change it waits until the fault is off the list. */
function fillTable(task: Task, mirror: Mirror, iterator: MirrorIterator, first: number, last: number): number {
  for (let vpn = first; vpn <= last; vpn++) {
    const pte = found[vpn - first] as MirrorPte
    if (!mirrorMerge(task, mirror, iterator, vpn, pte, generations[vpn - first] as number)) return -ENOMEM
  }
  return 0
}

/**
 * CPU faults, page by page. -EAGAIN: look again; -EBUSY: mmap_sem is gone. mmap_sem held, not on the list: a fault may change the very
 * pages.
 */
function faultPages(task: Task, mirror: Mirror, vma: Vma, event: HmmEvent, outcome: Outcome): number {
  const write = event.etype === HMM_DEVICE_WRITE_FAULT
  for (let vpn = event.start; vpn < event.end; vpn++) {
    if (readEntries(task, mirror, vpn, vpn, write)) continue // a fault would bring home what is in the device's memory
    const result = handleFault(task, vma, vpn, write, true)
    if (result === FAULT.oom) return -ENOMEM
    if (result === FAULT.retry) {
      outcome.dropped = true
      return -EBUSY
    }
    if (result !== FAULT.done) return -EFAULT
  }
  return -EAGAIN
}
