/**
 * The part of `dev` that deals with ranges: making them, filling them from the CPU page table, and installing what was found in
 * the mirror. What keeps a fill apart from invalidations is the protocol of the machine's era (hmm/protocol.ts).
 */
import { NO_DMA_PAGE } from '../frame/iommu.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import { Encoding, get64, type PfnFormat, pfnFrame } from '../hmm/encoding.ts'
import { type Era, eraOf } from '../hmm/era.ts'
import { installRange } from '../hmm/installrange.ts'
import { type Mirror, mirrorSub } from '../hmm/mirror.ts'
import { MIRROR_WRITE, mirrorPteFromDma } from '../hmm/mirrorpte.ts'
import { mirrorFill, mirrorIterator } from '../hmm/mirrortable.ts'
import { rangePfns } from '../hmm/pfn.ts'
import { protocolOf, rangeRegister, rangeUnregister, rangeValid, rangeWait } from '../hmm/protocol.ts'
import {
  createRange,
  freeRange,
  type Range,
  rangeBind,
  rangeEncodingAt,
  rangeFirst,
  rangeGenerationAt,
  rangeMirror,
  rangePages,
  rangePfnAt,
  rangeRelease,
  rangeRequest,
  rangeSetOwner,
} from '../hmm/range.ts'
import { rangeFault, rangeSnapshot } from '../hmm/rangefault.ts'
import { rangeFaultUnlocked } from '../hmm/unlocked.ts'
import type { GupRange } from '../mm/guprange.ts'
import { subLastCause, subLastOrigin, subSeq } from '../notifier/subscriptions.ts'
import { phaseBegins, phaseEnds } from '../seam/phases.ts'
import { get } from '../seam/plain.ts'
import { countRetryCause, countStat, HISTOGRAM, maxStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { EVENT, eventBegins, eventEnds } from '../seam/timeline.ts'
import { DmaContext } from './dmacontext.ts'
import { HmmRanges } from './hmmranges.ts'
import { DeviceJobs } from './jobs.ts'
import { DeviceMemory } from './memory.ts'
import { PassTokens } from './passtokens.ts'

/** The calls about ranges; DeviceContext adds the others. */
export class RangeContext {
  /** The calling thread's handle, for functions of `hmm-runtime/sync`. */
  readonly task: Task
  /** Device number. */
  readonly device: number
  /** The device's own memory, and migration. */
  readonly memory: DeviceMemory
  /** Pages by I/O page numbers. */
  readonly dma: DmaContext
  /** Jobs of the engine, and their fences. */
  readonly jobs: DeviceJobs
  /** What lies between two passes. */
  readonly passes: PassTokens
  /** The ranges of 2019 under their own names: era range-valid only. */
  readonly hmm: HmmRanges
  private readonly encoding = new Encoding()

  constructor(task: Task, device: number) {
    this.task = task
    this.device = device
    this.memory = new DeviceMemory(task, device)
    this.dma = new DmaContext(task, device)
    this.jobs = new DeviceJobs(task, device)
    this.passes = new PassTokens(task, device)
    this.hmm = new HmmRanges(task)
  }

  /** Which protocol the machine's drivers run on. */
  get era(): Era {
    return eraOf(this.task)
  }

  /* ---- ranges ---- */

  /** A range for up to `pages` pages (at most 512) in the driver's own format; 0 when memory is out. Not in a callback. */
  createRange(pages: number, format: PfnFormat): Range {
    return createRange(this.task, pages, format)
  }

  /** Lets pages in this device's own memory count as there in `range`, or not (kernel: dev_private_owner). */
  rangeOwnMemory(range: Range, counts = true): void {
    rangeSetOwner(this.task, range, counts ? this.memory.cookie : 0)
  }

  /** Frees a range that is not registered. */
  freeRange(range: Range): void {
    freeRange(this.task, range)
  }

  /**
   * Says which pages a range is about without registering it: a list of what a device has mapped (dma.handOver), which is never
   * filled. At most as many as it was made for.
   */
  rangeAssign(range: Range, mirror: Mirror, start: number, pages: number): void {
    rangeBind(this.task, range, mirror, start, pages)
    rangeRelease(this.task, range)
  }

  /**
   * Registers a range for pages [start, start + pages). 0; -EINVAL for a span that is empty or too large; -EFAULT when the mirror or its
   * address space is dead. The loop that follows is in hmm/protocol.ts. No lock held that a callback takes.
   */
  rangeRegister(range: Range, mirror: Mirror, start: number, pages: number): number {
    return rangeRegister(this.task, range, mirror, start, pages)
  }

  /** What every page is asked for, and the mask for per-page requests in the array. */
  rangeRequest(range: Range, defaultFlags: bigint, mask = 0n): void {
    rangeRequest(this.task, range, defaultFlags, mask)
  }

  /**
   * Begins a fill (kernel: mmu_interval_read_begin, 5.5): remembers the sequence, and sleeps while an invalidation that has met the mirror is
   * running. False when the mirror is dead: give up. Not with the update lock held, nor any lock that a callback takes.
   */
  rangeWait(range: Range): boolean {
    const since = phaseBegins(this.task)
    const alive = rangeWait(this.task, range)
    phaseEnds(this.task, HISTOGRAM.readBegin, since)
    return alive
  }

  /**
   * Fills the entries, faulting what is asked for (kernel: hmm_range_fault). The number of pages; -EBUSY when the range was invalidated
   * meanwhile: begin again with rangeWait; -EFAULT, -EPERM and -ENOMEM for a page that cannot be had: then the array is undefined.
   * mmap_sem held for reading; not the update lock.
   */
  rangeFault(range: Range): number {
    const since = phaseBegins(this.task)
    const filled = rangeFault(this.task, range)
    phaseEnds(this.task, HISTOGRAM.walk, since)
    return filled
  }

  /**
   * rangeWait, mmap_sem, rangeFault, and again while it is spoilt, for at most `timeoutMs` (0: for ever). Neither mmap_sem nor the
   * update lock is held. -EBUSY: too late; -EINTR: killed; -EFAULT also for a dead mirror. Then rangeValid, as ever.
   */
  rangeFaultUnlocked(range: Range, timeoutMs: number): number {
    const mirror = rangeMirror(this.task, range)
    let chain = 0
    return rangeFaultUnlocked(this.task, range, timeoutMs, () => this.countRetry(mirror, ++chain))
  }

  /** As rangeFault, but nothing is faulted: what is not there has no entry. */
  rangeSnapshot(range: Range): number {
    return rangeSnapshot(this.task, range)
  }

  /**
   * May the entries be installed? (Kernel: mmu_interval_read_retry, 5.5, says the opposite.) Update lock held; install before dropping it.
   * Counts a retry when not.
   */
  rangeValid(range: Range): boolean {
    const since = phaseBegins(this.task)
    const valid = rangeValid(this.task, range)
    phaseEnds(this.task, HISTOGRAM.check, since)
    if (!valid) countStat(this.task, STAT.savedByRetry)
    return valid
  }

  /** Ends the registration. May end the address space: no lock held that a callback takes. */
  rangeUnregister(range: Range): void {
    rangeUnregister(this.task, range)
  }

  /** Sequence for code that works without ranges (kernel: mmu_interval_read_begin, 5.5). Sleeps; not with the update lock held. */
  readBegin(mirror: Mirror): number {
    const since = phaseBegins(this.task)
    const seq = protocolOf(this.task).readBegin(this.task, mirror)
    phaseEnds(this.task, HISTOGRAM.readBegin, since)
    return seq
  }

  /** True: what was read since readBegin must not be used. With the update lock held. */
  readRetry(mirror: Mirror, seq: number): boolean {
    return protocolOf(this.task).readRetry(this.task, mirror, seq)
  }

  /**
   * Says that a fill attempt was thrown away, for the statistics. `chain` is how many in a row for one fault. Who made the
   * last invalidation decides whether it counts as a race.
   */
  countRetry(mirror: Mirror, chain: number): void {
    const { task } = this
    countStat(task, STAT.retries)
    const origin = subLastOrigin(task, mirrorSub(mirror))
    if (origin !== task.id) countStat(task, STAT.retriesByOthers)
    countRetryCause(task, subLastCause(task, mirrorSub(mirror)))
    if (task.timelineAt !== 0) eventEnds(task, EVENT.retry, 0, eventBegins(task), origin, chain, subSeq(task, mirrorSub(mirror)))
    maxStat(task, STAT.longestRetryChain, chain)
  }

  /* ---- installing ---- */

  /**
   * Installs the valid entries among the first `pages` of a range into its mirror, writable where the CPU's were. Update
   * lock held, and rangeValid said yes under it. Returns the number installed, or -1 when memory for a directory is out
   * (some are installed then).
   */
  install(range: Range, pages = rangePages(this.task, range)): number {
    const since = phaseBegins(this.task)
    const installed = installRange(this.task, range, pages, false)
    phaseEnds(this.task, HISTOGRAM.install, since)
    return installed
  }

  /** As install, of the whole range, those pages only that are in the device's own memory. */
  installOwn(range: Range): number {
    return installRange(this.task, range, rangePages(this.task, range), true)
  }

  /** As install, for pages [first, first + pages) of a range that are mapped in `map`: the mirror's entries are pages of the bus. */
  installDma(range: Range, map: GupRange, first: number, pages: number): number {
    const { task } = this
    const mirror = rangeMirror(task, range)
    const iterator = mirrorIterator(task, mirror)
    const start = rangeFirst(task, range)
    let installed = 0
    for (let i = first; i < first + pages && installed >= 0; i++) {
      const page = this.dma.rangePage(range, map, i)
      if (page === NO_DMA_PAGE) continue
      const pte = mirrorPteFromDma(page, this.rangeHas(range, i, true) ? MIRROR_WRITE : 0)
      const filled = mirrorFill(task, mirror, iterator, start + i, pte, get(task, rangeGenerationAt(task, range, i)))
      installed = filled ? installed + 1 : -1
    }
    iterator.finish()
    return installed
  }

  /** Is page `i` of a filled range valid, and if `write`, writable? */
  rangeHas(range: Range, i: number, write: boolean): boolean {
    const { task, encoding } = this
    encoding.load(task, rangeEncodingAt(range))
    const at = rangePfnAt(task, range, i)
    const low = get(task, at)
    const high = get(task, at + 1)
    return encoding.hasPage(low, high) && (!write || encoding.hasWrite(low, high))
  }

  /** Is page `i` of a filled range in the device's own memory? */
  rangeIsOwn(range: Range, i: number): boolean {
    this.encoding.load(this.task, rangeEncodingAt(range))
    const at = rangePfnAt(this.task, range, i)
    return this.rangeHas(range, i, false) && this.encoding.isPrivate(get(this.task, at), get(this.task, at + 1))
  }

  /** The whole array as 64-bit numbers, in the driver's format: the very memory, for requests before a fault and results after it. */
  rangeEntries(range: Range): BigUint64Array {
    return rangePfns(this.task, range)
  }

  /** Entry `i` of a filled range, in the driver's format. For inspection; the hot path never makes a BigInt. */
  rangeEntry(range: Range, i: number): bigint {
    return get64(this.task, rangePfnAt(this.task, range, i))
  }

  /** Is valid entry `i` the page of zeros? */
  rangeIsZero(range: Range, i: number): boolean {
    if (!this.rangeHas(range, i, false)) return false
    const at = rangePfnAt(this.task, range, i)
    return pfnFrame(get(this.task, at), get(this.task, at + 1), this.encoding.shift) === ZERO_FRAME
  }
}
