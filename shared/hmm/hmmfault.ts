/**
 * hmm_range_snapshot and hmm_range_fault of 2019 (Linux 5.2, with the rules of section 4.9 for its defects): fills the entries of a
 * range from the CPU page table. The fault of 5.5 and later, which drivers of all eras use, is hmm/rangefault.ts.
 *
 *   CPU table                     entry                        in a fault, if the request asks for the page
 *   no area before the next       NONE                         -EFAULT
 *   nothing, swapped, exclusive,  NONE                         CPU fault, as write if a write is asked
 *   PROT_NONE, migration          NONE                         the same: the CPU fault waits until the migration is over
 *   present, page of zeros too    frame, VALID (WRITE)         CPU write fault, if a write is asked and the entry has none
 *   own device's memory           frame, VALID,                CPU fault, if DEVICE_PRIVATE is asked as well: it comes home
 *                                 DEVICE_PRIVATE (WRITE)
 *   another device's memory       NONE                         CPU fault: only the owner may use the frame
 *   present, no frame behind it   SPECIAL, the walk ends       -EFAULT
 *   poisoned, or of unknown kind  ERROR, the walk ends         -EFAULT
 *   page of a DAX file            as present, with a reference of the page map while the entries of one table are filled
 *   the same, its device gone     the walk ends                -EBUSY: the invalidation is on its way
 *   2 MiB entry                   as present, page by page; with a page shift of 2 MiB one entry, its first frame
 *   third-level entry that is     ERROR for all its pages,     the same: the walk goes on behind it
 *   neither table nor 2 MiB
 *
 * The requests are looked at once, before anything is written: an array that already holds results asks for nothing. Only pages that
 * need a fault get one, and the walk ends well only when every request is met; or answered with ERROR, where no fault can help.
 */
import {
  FRAME_ANON,
  type Frame,
  frameExists,
  frameFlags,
  frameGenerationQuiet,
  frameWaitUnlocked,
  frameZone,
} from '../frame/frames.ts'
import { EAGAIN, EBUSY, EFAULT, EINVAL, ENOMEM, EPERM } from '../memory/errno.ts'
import { PAGE_SHIFT } from '../memory/words.ts'
import { handleFault } from '../mm/fault.ts'
import { FAULT } from '../mm/faultcode.ts'
import { hugePiece, hugeStart, vmaIsHugetlb } from '../mm/huge.ts'
import { mmRoot } from '../mm/mm.ts'
import { NO_PAGEMAP, pagemapGet, pagemapPut } from '../mm/pagemap.ts'
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
import { isDevicePrivate, isMigrationEntry, PTE_HUGE, PTE_KIND, pteFrame, pteKind, ptePresent, pteWritable } from '../mm/pte.ts'
import {
  findVma,
  NO_VMA,
  VM_DEVICE_MEMORY,
  VM_READ,
  VM_WRITE,
  type Vma,
  vmaFlags,
  vmaLast,
  vmaPagemap,
  vmaStart,
} from '../mm/vma.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld } from '../sync/held.ts'
import { upRead } from '../sync/rwsem.ts'
import { Encoding, pfnHigh, pfnLow } from './encoding.ts'
import { hmmIsDead, NO_HMM } from './hmm.ts'
import { mirrorIsLive } from './mirror.ts'
import {
  type Range,
  rangeDefaultAt,
  rangeEncodingAt,
  rangeFirst,
  rangeGenerationAt,
  rangeLastPage,
  rangeMirror,
  rangeMm,
  rangeOwner,
  rangePageShift,
  rangePages,
  rangePfnAt,
} from './range.ts'
import { rangeFillBegins, rangeFillEnds, rangeFillSpoilt, rangeHmm } from './rangestate.ts'

/** What a request asks for: bits of a byte. A request without PAGE asks for nothing, whatever else it has. */
const PAGE = 1
const WRITE = 2
const HOME = 4

/** Shift of a page of hugetlb. */
export const HUGE_SHIFT = PAGE_SHIFT + 9

/** What a look at one page says: filled, or why not. */
const FILLED = 0
const NEEDS_READ = 1
const NEEDS_WRITE = 2
const MIGRATING = 3
const BAD = 4
const GONE = 5

/**
 * Fills every entry, faulting what the requests ask for. The number of 4 KiB pages, or
 *
 *   -EAGAIN   an invalidation has touched the range, or (not `block`) a migration is to be waited for. mmap_sem is DROPPED
 *   -EBUSY    an invalidation has touched the range while it was filled, or is about to, for the device of a DAX file is gone:
 *             wait, and again
 *   -EFAULT   the mirror is dead; no area, one of a device's memory, an entry that cannot be had
 *   -EINVAL   the page shift does not fit an area
 *   -EPERM    an area without VM_READ (the whole array is NONE), or a write asked of one without VM_WRITE
 *   -ENOMEM
 *
 * After an error, but -EAGAIN, the entries from the failing one on are NONE. Before the next try per-page requests are written
 * anew. Caller holds mmap_sem for reading, and still does but for -EAGAIN.
 */
export function hmmRangeFault(task: Task, range: Range, block: boolean): number {
  const result = walker.run(task, range, true, block)
  if (result === -EAGAIN) upRead(task, mmapSem(rangeMm(task, range)))
  walker.afterwards()
  return result
}

/**
 * The same without faults and without requests: -EAGAIN, -EFAULT, -EINVAL, -EPERM as above, mmap_sem held in every case. A bad entry
 * ends the walk and is no error: the number of pages before it is the result, and what is behind it stays as it was.
 */
export function hmmRangeSnapshot(task: Task, range: Range): number {
  return walker.run(task, range, false, true)
}

/** One walk. Reused by its thread; walks do not nest. */
class HmmWalker {
  private readonly encoding = new Encoding()
  private readonly requests = new Uint8Array(512)
  private task!: Task
  private range!: Range
  private mm!: Mm
  private faulting = false
  private block = true
  private owner = 0
  private first = 0
  private last = 0
  /** Pages of 4 KiB to an entry. */
  private unit = 1
  /** First page not filled yet. */
  private at = 0
  /** Of the DAX file that is looked at, and whether this walk has a reference of it. */
  private pagemap = NO_PAGEMAP
  private hasPagemap = false
  /** A frame whose lock is to be waited for, once mmap_sem is dropped. */
  private awaited: Frame | -1 = -1

  run(task: Task, range: Range, faulting: boolean, block: boolean): number {
    this.mm = rangeMm(task, range)
    assertHeld(task, mmapSem(this.mm), 'mmap_sem')
    this.task = task
    this.range = range
    this.faulting = faulting
    this.block = block
    this.owner = rangeOwner(task, range)
    this.first = rangeFirst(task, range)
    this.last = rangeLastPage(task, range)
    this.unit = 2 ** (rangePageShift(task, range) - PAGE_SHIFT)
    this.awaited = -1
    this.hasPagemap = false
    this.encoding.load(task, rangeEncodingAt(range))
    if (faulting) this.readRequests()
    const hmm = rangeHmm(task, range)
    assert(hmm !== NO_HMM, 'a range is filled while it is registered')
    if (hmmIsDead(task, hmm) || !mirrorIsLive(task, rangeMirror(task, range))) return -EFAULT
    this.at = this.first
    const result = rangeFillBegins(task, range) ? this.walk() : -EAGAIN
    if (faulting && result < 0 && result !== -EAGAIN) this.fillNone(this.last)
    return result
  }

  /** What is left to do when mmap_sem has been dropped. */
  afterwards(): void {
    if (this.awaited !== -1) frameWaitUnlocked(this.task, this.awaited)
    this.awaited = -1
  }

  private walk(): number {
    const { task, range } = this
    while (this.at <= this.last) {
      tick(task)
      if (rangeFillSpoilt(task, range)) return -EAGAIN
      const result = this.walkArea()
      if (result === BAD) break
      if (result < 0) return result
    }
    if (rangeFillEnds(task, range)) return Math.min(this.at, this.last + 1) - this.first
    return this.faulting ? -EBUSY : -EAGAIN
  }

  /** The area at or after `at`, and the gap before it. 0, an error, or BAD: the snapshot ends here. */
  private walkArea(): number {
    const { task } = this
    const vma = findVma(task, this.mm, this.at)
    if (vma === NO_VMA) return -EFAULT
    const flags = vmaFlags(task, vma)
    if ((flags & VM_DEVICE_MEMORY) !== 0) return -EFAULT
    if (this.unit > 1 && !(vmaIsHugetlb(task, vma) && this.unit === ENTRIES)) return -EINVAL
    if ((flags & VM_READ) === 0) {
      this.at = this.first
      this.fillNone(this.last)
      return -EPERM
    }
    if (this.at < vmaStart(task, vma)) {
      const gapEnd = Math.min(this.last, vmaStart(task, vma) - 1)
      if (this.anyRequest(gapEnd)) return -EFAULT
      this.fillNone(gapEnd)
      return 0
    }
    return this.walkPages(vma, Math.min(this.last, vmaLast(task, vma)))
  }

  /** Fills up to page `end` of an area. 0, an error, or BAD. */
  private walkPages(vma: Vma, end: number): number {
    const { task } = this
    const root = mmRoot(task, this.mm)
    this.pagemap = vmaPagemap(task, vma)
    while (this.at <= end) {
      const spot = lockSpot(task, root, this.at)
      const begin = this.at
      const huge = hugeWord(spot)
      const spanEnd = Math.min(end, spot === NO_TABLE ? skipMissing(task, root, begin) - 1 : hugeStart(begin) + ENTRIES - 1)
      let look = FILLED
      // No fault mends it: the driver sees the marks, and the pages behind it.
      if (huge !== 0 && (atomicLoad(task, huge) & PTE_HUGE) === 0)
        this.fillAll(spanEnd, this.encoding.errorLow, this.encoding.errorHigh)
      while (look === FILLED && this.at <= spanEnd) {
        const entry =
          spot === NO_TABLE
            ? 0
            : huge !== 0
              ? atomicLoad(task, huge)
              : (task.words[entryAt(spot as Table, LEAF_LEVEL, this.at)] as number)
        look = this.fill(entry, huge !== 0 ? hugePiece(entry, this.at) : pteFrame(entry))
      }
      if (spot !== NO_TABLE) unlockSpot(task, spot, begin)
      if (this.hasPagemap) this.dropPagemap()
      if (look === FILLED) continue
      if (look === GONE) return this.faulting ? -EBUSY : BAD
      if (look === BAD) return this.faulting ? -EFAULT : BAD
      if (look === MIGRATING) return -EAGAIN
      const result = this.fault(vma, look === NEEDS_WRITE)
      if (result !== 0) return result
    }
    return 0
  }

  /** Fills the entry at `at` from what the CPU has there, and goes on to the next; or says what has to be done first. */
  private fill(entry: number, frame: Frame): number {
    const { task, encoding } = this
    const request = this.faulting ? (this.requests[this.index()] as number) : 0
    const present = ptePresent(entry)
    const write = pteWritable(entry)
    const own = isDevicePrivate(entry) && this.owner !== 0 && frameZone(task, frame) === this.owner
    if (present && !frameExists(task, frame)) return this.bad(encoding.specialLow, encoding.specialHigh)
    if (!present && pteKind(entry) === PTE_KIND.poisoned) return this.bad(encoding.errorLow, encoding.errorHigh)
    const wants = (request & PAGE) !== 0 && (own ? (request & HOME) !== 0 : !present || ((request & WRITE) !== 0 && !write))
    if (wants && !this.block && isMigrationEntry(entry)) {
      this.awaited = frame
      return MIGRATING
    }
    if (wants) return (request & WRITE) !== 0 ? NEEDS_WRITE : NEEDS_READ
    if (present && !this.keepsPagemap(frame)) return GONE
    if (!present && !own) {
      this.put(encoding.noneLow, encoding.noneHigh)
      return FILLED
    }
    const low = encoding.validLow | (write ? encoding.writeLow : 0) | (own ? encoding.privateLow : 0)
    const high = encoding.validHigh | (write ? encoding.writeHigh : 0) | (own ? encoding.privateHigh : 0)
    if (task.checked) task.words[rangeGenerationAt(task, this.range, this.index())] = frameGenerationQuiet(task, frame)
    this.put(pfnLow(frame, encoding.shift) | low, pfnHigh(frame, encoding.shift) | high)
    return FILLED
  }

  /** Has this walk a reference of the page map that `frame` needs, if it needs one? Copies that a private mapping made do not. */
  private keepsPagemap(frame: Frame): boolean {
    const { task, pagemap } = this
    if (pagemap === NO_PAGEMAP || this.hasPagemap || (frameFlags(task, frame) & FRAME_ANON) !== 0) return true
    this.hasPagemap = pagemapGet(task, pagemap)
    return this.hasPagemap
  }

  private dropPagemap(): void {
    pagemapPut(this.task, this.pagemap)
    this.hasPagemap = false
  }

  /** Marks an entry that ends the walk. */
  private bad(low: number, high: number): number {
    const { at } = this
    this.put(low, high)
    this.at = at
    return BAD
  }

  /** One CPU fault for the page at `at`. 0: look again. */
  private fault(vma: Vma, write: boolean): number {
    const { task } = this
    // Checked before faulting: a fault that cannot give what was asked would be repeated for ever.
    if (write && (vmaFlags(task, vma) & VM_WRITE) === 0) return -EPERM
    const result = handleFault(task, vma, this.at, write)
    if (result !== FAULT.done) return result === FAULT.oom ? -ENOMEM : -EFAULT
    return rangeFillSpoilt(task, this.range) ? -EBUSY : 0
  }

  private put(low: number, high: number): void {
    const pfn = rangePfnAt(this.task, this.range, this.index())
    this.task.words[pfn] = low
    this.task.words[pfn + 1] = high
    this.at += this.unit
  }

  /** Entries up to page `end` are NONE. */
  private fillNone(end: number): void {
    this.fillAll(end, this.encoding.noneLow, this.encoding.noneHigh)
  }

  private fillAll(end: number, low: number, high: number): void {
    while (this.at <= end) this.put(low, high)
  }

  private index(): number {
    return (this.at - this.first) / this.unit
  }

  private anyRequest(end: number): boolean {
    if (!this.faulting) return false
    for (let i = this.index(); i <= (end - this.first) / this.unit; i++)
      if (((this.requests[i] as number) & PAGE) !== 0) return true
    return false
  }

  /** (pfns[i] & mask) | default, for all entries at once: they are results from the moment they are written. */
  private readRequests(): void {
    const { task, range, encoding } = this
    const { words } = task
    const at = rangeDefaultAt(range)
    for (let i = 0; i < rangePages(task, range); i++) {
      const pfn = rangePfnAt(task, range, i)
      const low = ((words[pfn] as number) & (words[at + 2] as number)) | (words[at] as number)
      const high = ((words[pfn + 1] as number) & (words[at + 3] as number)) | (words[at + 1] as number)
      const page = encoding.wantsPage(low, high) ? PAGE : 0
      this.requests[i] = page | (encoding.hasWrite(low, high) ? WRITE : 0) | (encoding.isPrivate(low, high) ? HOME : 0)
    }
  }
}

const walker = new HmmWalker()
