/**
 * Snapshot and fault (hmm_range_fault, Linux 5.5 to 6.12): fills a range's entries from the CPU page table, faulting what
 * the request asks for. mmap_sem is held throughout; the walk looks at each leaf under its lock.
 *
 *   CPU table                     no fault asked              asked
 *   no area                       ERROR                       -EFAULT
 *   area without VM_READ, or of   ERROR                       -EFAULT
 *   a device's memory
 *   nothing, swapped, ...         NONE                        CPU fault, look again
 *   present                       frame, VALID (WRITE)        write asked, not writable: CPU write fault, look again
 *   PROT_NONE entry               NONE                        CPU fault
 *   own device's memory           frame, VALID, DEVICE_PRIVATE (WRITE); never faulted, even if a write was asked and it is not
 *   another device's memory       NONE                        CPU fault: that device's driver brings it home
 *   swapped, exclusive            NONE                        CPU fault: brought in, given back
 *   2 MiB entry                   as present, HUGE; needed by one page, faulted for all of them that are asked
 *   migration entry               NONE                        CPU fault: waits until the migration is over
 *
 * A page that needs a fault takes every later page of the same area, in the same leaf and the same range, through a fault of
 * the same kind, needed or not. After each such run the sequence is looked at first: breaking copy-on-write, or bringing a
 * page home, invalidates this very range, and then the answer is -EBUSY: the usual way to end, not an exception.
 */
import { frameGenerationQuiet, frameZone } from '../frame/frames.ts'
import { EBUSY, EFAULT, EINVAL, ENOMEM, EPERM } from '../memory/errno.ts'
import { PAGE_SHIFT, type WordAt } from '../memory/words.ts'
import { handleFault } from '../mm/fault.ts'
import { FAULT } from '../mm/faultcode.ts'
import { hugePiece, hugeStart } from '../mm/huge.ts'
import { mmRoot } from '../mm/mm.ts'
import {
  ENTRIES,
  entryAt,
  hugeWord,
  LEAF_LEVEL,
  lockSpot,
  NO_TABLE,
  skipMissing,
  type Table,
  unlockSpot,
} from '../mm/pagetable.ts'
import { isDevicePrivate, PTE_PRESENT, PTE_WRITE, pteFrame, ptePresent, pteWritable } from '../mm/pte.ts'
import { findVma, NO_VMA, VM_DEVICE_MEMORY, VM_READ, VM_WRITE, type Vma, vmaFlags, vmaLast, vmaStart } from '../mm/vma.ts'
import { mmapSem } from '../notifier/mmhead.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import { violation } from '../seam/violation.ts'
import { assertHeld } from '../sync/held.ts'
import { Encoding, pfnHigh, pfnLow } from './encoding.ts'
import { hasLeafLoops, snapshotAlike } from './leafloops.ts'
import { protocolOf } from './protocol.ts'
import {
  type Range,
  rangeDefaultAt,
  rangeEncodingAt,
  rangeFirst,
  rangeGenerationAt,
  rangeMm,
  rangeOwner,
  rangePageShift,
  rangePages,
  rangePfnAt,
} from './range.ts'

/** What a page needs. */
const NEEDS_NOTHING = 0
const NEEDS_READ = 1
const NEEDS_WRITE = 2
/** Inside the walk: it is over, and mmap_sem is gone. No errno, and not 0, which means to walk on. */
const DROPPED = 1

/**
 * Fills every entry, faulting pages as requested. Returns the number of pages; -EBUSY when the range was invalidated
 * meanwhile (begin again with rangeWait); -EFAULT when a requested page cannot be had; -EPERM for a write request on an area
 * without VM_WRITE; -ENOMEM. After an error the array is undefined, and per-page requests must be written anew.
 * Caller holds mmap_sem (read is enough), not the update lock.
 */
export function rangeFault(task: Task, range: Range): number {
  return walker.run(task, range, true)
}

/** Answer of rangeFaultDroppable: mmap_sem was given up while somebody had a page, and is not held any more. */
export const MMAP_SEM_DROPPED = 0

/** As rangeFault, but may give mmap_sem up to wait, and answers MMAP_SEM_DROPPED then. mmap_sem held for reading. */
export function rangeFaultDroppable(task: Task, range: Range): number {
  return walker.run(task, range, true, true)
}

/** As rangeFault, without faulting anything: a picture of the CPU page table. */
export function rangeSnapshot(task: Task, range: Range): number {
  return walker.run(task, range, false)
}

/** One walk. Reused by its thread, so that a walk allocates nothing; walks do not nest. */
class Walker {
  private readonly encoding = new Encoding()
  private defaultLow = 0
  private defaultHigh = 0
  private maskLow = 0
  private maskHigh = 0
  private task!: Task
  private range!: Range
  private faulting = false
  private mayDrop = false
  /** Zone of the device whose own memory counts as there; 0 for none. */
  private owner = 0
  /** First page not filled yet. Entries before it are output, from it on still requests. */
  private at = 0

  run(task: Task, range: Range, faulting: boolean, mayDrop = false): number {
    assertHeld(task, mmapSem(rangeMm(task, range)), 'mmap_sem')
    this.task = task
    this.range = range
    this.faulting = faulting
    this.mayDrop = mayDrop
    this.owner = rangeOwner(task, range)
    this.encoding.load(task, rangeEncodingAt(range))
    const request = rangeDefaultAt(range)
    this.defaultLow = task.words[request] as number
    this.defaultHigh = task.words[request + 1] as number
    this.maskLow = task.words[request + 2] as number
    this.maskHigh = task.words[request + 3] as number
    const first = rangeFirst(task, range)
    const last = first + rangePages(task, range) - 1
    this.at = first
    if (rangePageShift(task, range) !== PAGE_SHIFT) return -EINVAL // larger pages: hmm/hmmfault.ts
    const protocol = protocolOf(task)
    if (!protocol.fillBegins(task, range)) return -EBUSY
    while (this.at <= last) {
      tick(task)
      if (protocol.disturbed(task, range)) return -EBUSY
      const result = this.walkArea(last)
      if (result === DROPPED) return MMAP_SEM_DROPPED
      if (result !== 0) return result
    }
    if (!protocol.fillEnds(task, range)) return -EBUSY
    if (task.checked && faulting) this.assertMet(first, last)
    return last - first + 1
  }

  /** A fault that succeeds has brought every page that all are asked for, with the rights that are asked for. */
  private assertMet(first: number, last: number): void {
    const { task, encoding } = this
    if (!encoding.wantsPage(this.defaultLow, this.defaultHigh)) return
    // A page in the asking device's own memory is there with the rights it has: no CPU fault could give it more.
    const write = this.owner === 0 && encoding.hasWrite(this.defaultLow, this.defaultHigh)
    for (let vpn = first; vpn <= last; vpn++) {
      const pfn = rangePfnAt(task, this.range, vpn - first)
      const low = get(task, pfn)
      const high = get(task, pfn + 1)
      if (encoding.hasPage(low, high) && (!write || encoding.hasWrite(low, high))) continue
      violation(task, 'CON', `a fault of a range succeeded, and ${pageName(vpn)} is not there${write ? ' for writing' : ''}`, {
        page: vpn,
      })
    }
  }

  /** Fills up to the end of the area at `this.at`, or up to the first page that needed a fault. 0 or an error. */
  private walkArea(last: number): number {
    const { task } = this
    const vma = findVma(task, rangeMm(task, this.range), this.at)
    if (vma === NO_VMA || vmaStart(task, vma) > this.at) {
      return this.fillUnreadable(vma === NO_VMA ? last : Math.min(last, vmaStart(task, vma) - 1))
    }
    const end = Math.min(last, vmaLast(task, vma))
    const flags = vmaFlags(task, vma)
    if ((flags & VM_READ) === 0 || (flags & VM_DEVICE_MEMORY) !== 0) return this.fillUnreadable(end)
    while (this.at <= end) {
      const root = mmRoot(task, rangeMm(task, this.range))
      const spot = lockSpot(task, root, this.at)
      if (spot === NO_TABLE) {
        const holeEnd = Math.min(end, skipMissing(task, root, this.at) - 1)
        const needs = this.anyNeeds(holeEnd)
        if (needs !== NEEDS_NOTHING) return this.faultRun(vma, holeEnd, needs)
        this.fillConstant(holeEnd, this.encoding.noneLow, this.encoding.noneHigh)
        continue
      }
      const leafEnd = Math.min(end, hugeStart(this.at) + ENTRIES - 1)
      const huge = hugeWord(spot)
      const begin = this.at
      const needs = huge !== 0 ? this.walkHuge(huge, leafEnd) : this.walkLeaf(spot as Table, leafEnd)
      unlockSpot(task, spot, begin)
      if (needs !== NEEDS_NOTHING) return this.faultRun(vma, leafEnd, needs)
    }
    return 0
  }

  /**
   * Fills entries from a locked leaf up to `end`, or stops at the page that needs a fault and says which. The inner loop of mirroring:
   * what does not change from page to page is in locals, and pages that are as nearly all are left to hmm/leafloops.ts.
   */
  private walkLeaf(leaf: Table, end: number): number {
    const { task, encoding, owner, maskLow, maskHigh, defaultLow, defaultHigh } = this
    const { words, checked } = task
    const { shift, validLow, validHigh } = encoding
    const writableLow = validLow | encoding.writeLow
    const writableHigh = validHigh | encoding.writeHigh
    const asksEach = (maskLow | maskHigh) !== 0
    const index = this.at - rangeFirst(task, this.range)
    const generations = rangeGenerationAt(task, this.range, index)
    const first: WordAt = entryAt(leaf, LEAF_LEVEL, this.at)
    const last = first + end - this.at
    let wants = this.wants(defaultLow, defaultHigh)
    let pfn = rangePfnAt(task, this.range, index)
    const need = wants === NEEDS_WRITE ? PTE_PRESENT | PTE_WRITE : PTE_PRESENT
    const done =
      !asksEach && hasLeafLoops(task) ? snapshotAlike(task, first, pfn, last - first + 1, need, rangeEncodingAt(this.range)) : 0
    pfn += 2 * done
    for (let pte = first + done; pte <= last; pte++) {
      const entry = words[pte] as number
      const present = ptePresent(entry)
      const write = pteWritable(entry)
      if (asksEach)
        wants = this.wants(((words[pfn] as number) & maskLow) | defaultLow, ((words[pfn + 1] as number) & maskHigh) | defaultHigh)
      const own = !present && owner !== 0 && isDevicePrivate(entry) && frameZone(task, pteFrame(entry)) === owner
      // A page in the asking device's own memory is there, whatever is asked: no CPU fault could give it more rights.
      const needs = own ? NEEDS_NOTHING : missing(wants, present, write)
      if (needs !== NEEDS_NOTHING) {
        this.at += pte - first
        return needs
      }
      if (present) {
        const frame = pteFrame(entry)
        words[pfn] = pfnLow(frame, shift) | (write ? writableLow : validLow)
        words[pfn + 1] = pfnHigh(frame, shift) | (write ? writableHigh : validHigh)
        if (checked) words[generations + pte - first] = frameGenerationQuiet(task, frame)
      } else if (own) {
        const frame = pteFrame(entry)
        words[pfn] = pfnLow(frame, shift) | (write ? writableLow : validLow) | encoding.privateLow
        words[pfn + 1] = pfnHigh(frame, shift) | (write ? writableHigh : validHigh) | encoding.privateHigh
        if (checked) words[generations + pte - first] = frameGenerationQuiet(task, frame)
      } else {
        words[pfn] = encoding.noneLow
        words[pfn + 1] = encoding.noneHigh
      }
      pfn += 2
    }
    this.at = end + 1
    return NEEDS_NOTHING
  }

  /**
   * Fills entries from a locked 2 MiB entry up to `end`, or says what is needed when any page needs something: a fault changes
   * the entry for all of them.
   */
  private walkHuge(pmd: WordAt, end: number): number {
    const { task, encoding } = this
    const first = rangeFirst(task, this.range)
    const entry = atomicLoad(task, pmd)
    const present = ptePresent(entry)
    const write = pteWritable(entry)
    let most = NEEDS_NOTHING
    for (let page = this.at; page <= end; page++)
      most = Math.max(most, this.needs(rangePfnAt(task, this.range, page - first), present, write))
    if (most !== NEEDS_NOTHING) return most
    if (!present) {
      this.fillConstant(end, encoding.noneLow, encoding.noneHigh)
      return NEEDS_NOTHING
    }
    const flagsLow = encoding.validLow | encoding.hugeLow | (write ? encoding.writeLow : 0)
    const flagsHigh = encoding.validHigh | encoding.hugeHigh | (write ? encoding.writeHigh : 0)
    for (; this.at <= end; this.at++) {
      const frame = hugePiece(entry, this.at)
      const pfn = rangePfnAt(task, this.range, this.at - first)
      task.words[pfn] = pfnLow(frame, encoding.shift) | flagsLow
      task.words[pfn + 1] = pfnHigh(frame, encoding.shift) | flagsHigh
      if (task.checked) task.words[rangeGenerationAt(task, this.range, this.at - first)] = frameGenerationQuiet(task, frame)
    }
    return NEEDS_NOTHING
  }

  /** What the request at entry word `pfn` needs, given what the CPU has. */
  private needs(pfn: WordAt, present: boolean, writable: boolean): number {
    const low = ((this.task.words[pfn] as number) & this.maskLow) | this.defaultLow
    const high = ((this.task.words[pfn + 1] as number) & this.maskHigh) | this.defaultHigh
    return missing(this.wants(low, high), present, writable)
  }

  /** What a request asks for: what it needs where nothing is there. */
  private wants(low: number, high: number): number {
    const { encoding } = this
    if (!this.faulting || !encoding.wantsPage(low, high)) return NEEDS_NOTHING
    return encoding.hasWrite(low, high) ? NEEDS_WRITE : NEEDS_READ
  }

  /** The most that any page up to `end` needs, with nothing there. */
  private anyNeeds(end: number): number {
    let most = NEEDS_NOTHING
    const first = rangeFirst(this.task, this.range)
    for (let page = this.at; page <= end && most !== NEEDS_WRITE; page++) {
      most = Math.max(most, this.needs(rangePfnAt(this.task, this.range, page - first), false, false))
    }
    return most
  }

  /** No area, or one the device may not read: an error if anything is asked for, ERROR entries otherwise. */
  private fillUnreadable(end: number): number {
    if (this.anyNeeds(end) !== NEEDS_NOTHING) return -EFAULT
    this.fillConstant(end, this.encoding.errorLow, this.encoding.errorHigh)
    return 0
  }

  private fillConstant(end: number, low: number, high: number): void {
    const first = rangeFirst(this.task, this.range)
    for (; this.at <= end; this.at++) {
      const pfn = rangePfnAt(this.task, this.range, this.at - first)
      this.task.words[pfn] = low
      this.task.words[pfn + 1] = high
    }
  }

  /** Puts pages [this.at, end] of `vma` through CPU faults. 0: walk on from `this.at`. */
  private faultRun(vma: Vma, end: number, needs: number): number {
    const { task } = this
    const write = needs === NEEDS_WRITE
    // Checked before faulting: a fault that cannot give what was asked would be repeated for ever.
    if (write && (vmaFlags(task, vma) & VM_WRITE) === 0) return -EPERM
    for (let page = this.at; page <= end; page++) {
      const result = handleFault(task, vma, page, write, this.mayDrop)
      if (result === FAULT.retry) return DROPPED
      if (result === FAULT.oom) return -ENOMEM
      if (result !== FAULT.done) return -EFAULT
    }
    return 0
  }
}

/** What of `wants` is not met by what the CPU has. */
function missing(wants: number, present: boolean, writable: boolean): number {
  return present && (writable || wants !== NEEDS_WRITE) ? NEEDS_NOTHING : wants
}

const walker = new Walker()
