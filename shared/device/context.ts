/**
 * What a driver works with: one object per device and worker, handed to every driver call as `dev`. It keeps no state of
 * its own; everything it does is in the buffer.
 *
 * Locks, outermost first: mmap_sem (mmapReadLock), then the mirror's update lock (lock). readBegin and rangeWait may be
 * called with neither the update lock nor any other lock that a callback takes.
 */
import { frameData } from '../frame/frames.ts'
import { ZERO_FRAME } from '../frame/zones.ts'
import { Encoding, get64, type PfnFormat, pfnFrame } from '../hmm/encoding.ts'
import type { MirrorIterator } from '../hmm/iterator.ts'
import {
  assertMirrorLocked,
  freeMirror,
  type Mirror,
  mirrorAccepted,
  mirrorLock,
  mirrorMm,
  mirrorPutTest,
  mirrorSub,
  mirrorTryLock,
  mirrorUnlock,
  mirrorWord,
  NO_MIRROR,
} from '../hmm/mirror.ts'
import {
  MIRROR_WRITE,
  type MirrorPte,
  mirrorPteFrame,
  mirrorPteFromFrame,
  mirrorValid,
  mirrorWritable,
} from '../hmm/mirrorpte.ts'
import {
  mirrorFill,
  mirrorIterator,
  mirrorMarkDirty,
  mirrorPeek,
  mirrorPeekGeneration,
  mirrorRestrict,
} from '../hmm/mirrortable.ts'
import {
  createRange,
  freeRange,
  type Range,
  rangeEncodingAt,
  rangeFirst,
  rangeGenerationAt,
  rangeMirror,
  rangePages,
  rangePfnAt,
  rangeRegister,
  rangeRequest,
  rangeSetOwner,
  rangeUnregister,
  rangeValid,
  rangeWait,
} from '../hmm/range.ts'
import { rangeFault, rangeSnapshot } from '../hmm/rangefault.ts'
import { PAGE_WORDS, type WordAt } from '../memory/words.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { readBegin, readRetry, setSeq, subLastOrigin } from '../notifier/subscriptions.ts'
import { type NotifierRange, rangeBlockable, rangeEvent, rangeLast, rangeOwner, rangeStart } from '../notifier/windows.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { logLine } from '../seam/log.ts'
import { get, put } from '../seam/plain.ts'
import { PROBE, probe } from '../seam/probe.ts'
import { countStat, maxStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { ringPublish, ringReserve } from '../sync/ring.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import type { Driver } from './contract.ts'
import { flushDeviceTlb } from './devicetlb.ts'
import { DeviceMemory } from './memory.ts'
import { deviceWord, getMirrorOf, workRing } from './record.ts'

/** `dev`: what every call of a driver is handed. */
export class DeviceContext {
  /** The calling thread's handle, for functions of `hmm-runtime/sync`. */
  readonly task: Task
  /** Device number. */
  readonly device: number
  /** The device's own memory, and migration. */
  readonly memory: DeviceMemory
  private readonly driver: Driver
  private readonly encoding = new Encoding()

  constructor(task: Task, device: number, driver: Driver) {
    this.task = task
    this.device = device
    this.driver = driver
    this.memory = new DeviceMemory(task, device)
  }

  /* ---- words of the driver's own ---- */

  /** Word index of the driver's word `index` of this device. */
  word(index: number): WordAt {
    return deviceWord(this.task, this.device, index)
  }

  /** Word index of the driver's word `index` in a mirror. */
  mirrorWord(mirror: Mirror, index: number): WordAt {
    return mirrorWord(mirror, index)
  }

  load(at: WordAt): number {
    return atomicLoad(this.task, at)
  }

  store(at: WordAt, value: number): void {
    atomicStore(this.task, at, value)
  }

  /** Returns the value before. */
  add(at: WordAt, amount: number): number {
    return atomicAdd(this.task, at, amount)
  }

  /** Returns the value found; equal to `expected` means that `value` was stored. */
  cas(at: WordAt, expected: number, value: number): number {
    return atomicCas(this.task, at, expected, value)
  }

  /* ---- invalidation ---- */

  /** First page of an invalidated range. */
  start(range: NotifierRange): number {
    return rangeStart(this.task, range)
  }

  /** Last page of an invalidated range, inclusive. */
  last(range: NotifierRange): number {
    return rangeLast(this.task, range)
  }

  /** A NOTIFY value. */
  event(range: NotifierRange): number {
    return rangeEvent(this.task, range)
  }

  /** Cookie of the driver that causes a migrate or exclusive event: its device number + 1; 0 otherwise. */
  owner(range: NotifierRange): number {
    return rangeOwner(this.task, range)
  }

  /** False: the callback must not sleep; use tryLock, and return false if it fails. */
  blockable(range: NotifierRange): boolean {
    return rangeBlockable(this.task, range)
  }

  /** Stores the invalidation's sequence: readers that began before will retry. Update lock held. */
  setSeq(mirror: Mirror, seq: number): void {
    assertMirrorLocked(this.task, mirror)
    setSeq(this.task, mirrorSub(mirror), seq)
  }

  /**
   * Takes pages [start, last] away: clears the mirror's entries, hands dirty bits to the frames, flushes the device's TLB
   * if any entry had rights. On return the device cannot reach the pages. Update lock held.
   */
  unmap(mirror: Mirror, start: number, last: number): void {
    if (mirrorRestrict(this.task, mirror, start, last, 0) > 0) flushDeviceTlb(this.task, this.device)
  }

  /** Takes the write right away from pages [start, last]; otherwise as unmap. Update lock held. */
  writeProtect(mirror: Mirror, start: number, last: number): void {
    if (mirrorRestrict(this.task, mirror, start, last, ~MIRROR_WRITE) > 0) flushDeviceTlb(this.task, this.device)
  }

  /** Flushes the device's TLB and waits for the engine's acknowledgement. Any lock may be held. */
  flushTlb(): void {
    flushDeviceTlb(this.task, this.device)
  }

  /** Hands an item to the device's service, which calls the driver's `work`. False when the queue is full. */
  queueWork(kind: number, ...args: number[]): boolean {
    const ring = workRing(this.task, this.device)
    const slot = ringReserve(this.task, ring)
    if (slot === 0) return false
    put(this.task, slot, kind)
    for (let i = 0; i < 6; i++) put(this.task, slot + 1 + i, args[i] ?? 0)
    ringPublish(this.task, ring)
    return true
  }

  /* ---- locks ---- */

  /** Takes the mirror's update lock. May sleep. */
  lock(mirror: Mirror): void {
    mirrorLock(this.task, mirror)
  }

  tryLock(mirror: Mirror): boolean {
    return mirrorTryLock(this.task, mirror)
  }

  unlock(mirror: Mirror): void {
    mirrorUnlock(this.task, mirror)
  }

  /** This device's mirror of `mm` with a reference for the caller (putMirror), or null. */
  getMirror(mm: Mm): Mirror | null {
    const mirror = getMirrorOf(this.task, this.device, mm)
    return mirror === NO_MIRROR ? null : mirror
  }

  /** Drops a reference of getMirror. May end the mirror: no lock that a callback takes is held. */
  putMirror(mirror: Mirror): void {
    if (!mirrorPutTest(this.task, mirror)) return
    if (mirrorAccepted(this.task, mirror)) this.driver.detach?.(this, mirror)
    freeMirror(this.task, mirror)
  }

  /** The address space that a mirror mirrors. */
  mmOf(mirror: Mirror): Mm {
    return mirrorMm(this.task, mirror)
  }

  /** Takes mmap_sem of the mirror's address space for reading. Not with the update lock held. */
  mmapReadLock(mirror: Mirror): void {
    downRead(this.task, mmapSem(mirrorMm(this.task, mirror)), MMAP_SEM)
  }

  mmapReadUnlock(mirror: Mirror): void {
    upRead(this.task, mmapSem(mirrorMm(this.task, mirror)))
  }

  /* ---- ranges ---- */

  /** A range for up to `pages` pages (at most 512) in the driver's own format; 0 when memory is out. Not in a callback. */
  createRange(pages: number, format: PfnFormat): Range {
    return createRange(this.task, pages, format)
  }

  /** Lets pages in this device's own memory count as there in `range` (kernel: dev_private_owner). */
  rangeOwnMemory(range: Range): void {
    rangeSetOwner(this.task, range, this.memory.cookie)
  }

  freeRange(range: Range): void {
    freeRange(this.task, range)
  }

  /** Registers a range; see hmm/range.ts for the loop and the errors. */
  rangeRegister(range: Range, mirror: Mirror, start: number, pages: number): number {
    return rangeRegister(this.task, range, mirror, start, pages)
  }

  /** What every page is asked for, and the mask for per-page requests in the array. */
  rangeRequest(range: Range, defaultFlags: bigint, mask = 0n): void {
    rangeRequest(this.task, range, defaultFlags, mask)
  }

  /** Begins a fill; false when the mirror is dead: give up. Not with the update lock held. */
  rangeWait(range: Range): boolean {
    return rangeWait(this.task, range)
  }

  rangeFault(range: Range): number {
    return rangeFault(this.task, range)
  }

  rangeSnapshot(range: Range): number {
    return rangeSnapshot(this.task, range)
  }

  /** May the entries be installed? Update lock held; install before dropping it. Counts a retry when not. */
  rangeValid(range: Range): boolean {
    const valid = rangeValid(this.task, range)
    if (!valid) countStat(this.task, STAT.savedByRetry)
    return valid
  }

  rangeUnregister(range: Range): void {
    rangeUnregister(this.task, range)
  }

  /** Sequence for code that works without ranges; not with the update lock held. */
  readBegin(mirror: Mirror): number {
    return readBegin(this.task, mirrorSub(mirror))
  }

  /** True: what was read since readBegin must not be used. With the update lock held. */
  readRetry(mirror: Mirror, seq: number): boolean {
    return readRetry(this.task, mirrorSub(mirror), seq)
  }

  /**
   * Says that a fill attempt was thrown away, for the statistics. `chain` is how many in a row for one fault. Who made the
   * last invalidation decides whether it counts as a race.
   */
  countRetry(mirror: Mirror, chain: number): void {
    const { task } = this
    countStat(task, STAT.retries)
    if (subLastOrigin(task, mirrorSub(mirror)) !== task.id) countStat(task, STAT.retriesByOthers)
    maxStat(task, STAT.longestRetryChain, chain)
  }

  /* ---- installing ---- */

  /**
   * Installs the valid entries among the first `pages` of a range into its mirror, writable where the CPU's were. Update
   * lock held, and rangeValid said yes under it. Returns the number installed, or -1 when memory for a directory is out
   * (some are installed then).
   */
  install(range: Range, pages = rangePages(this.task, range)): number {
    const { task, encoding } = this
    const mirror = rangeMirror(task, range)
    encoding.load(task, rangeEncodingAt(range))
    const iterator = mirrorIterator(task, mirror)
    const first = rangeFirst(task, range)
    let installed = 0
    for (let i = 0; i < pages && installed >= 0; i++) {
      const at = rangePfnAt(task, range, i)
      const low = get(task, at)
      const high = get(task, at + 1)
      if (!encoding.wantsPage(low, high)) continue
      const pte = mirrorPteFromFrame(pfnFrame(low, high, encoding.shift), encoding.hasWrite(low, high) ? MIRROR_WRITE : 0)
      const filled = mirrorFill(task, mirror, iterator, first + i, pte, get(task, rangeGenerationAt(task, range, i)))
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
    return encoding.wantsPage(low, high) && (!write || encoding.hasWrite(low, high))
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

  /* ---- the driver as its own copy engine (ioctl) ---- */

  /** An iterator over a mirror's table, for loadPage and storePage; finish() it. */
  iterate(mirror: Mirror): MirrorIterator {
    return mirrorIterator(this.task, mirror)
  }

  /** The mirror's entry of page `vpn`, 0 if there is none. */
  entry(iterator: MirrorIterator, vpn: number): MirrorPte {
    return mirrorPeek(this.task, iterator, vpn)
  }

  /** Reads the 64-bit word of a page through its entry: low and high word; null without an entry. Update lock held. */
  loadPage(mirror: Mirror, iterator: MirrorIterator, vpn: number): readonly [number, number] | null {
    const pte = this.entry(iterator, vpn)
    if (!mirrorValid(pte)) return null
    const page = this.touch(mirror, iterator, vpn, pte, false)
    return [atomicLoad(this.task, page), atomicLoad(this.task, page + 1)]
  }

  /** Replaces a page through its entry: the 64-bit word, then zeros. False without a writable entry. Update lock held. */
  storePage(mirror: Mirror, iterator: MirrorIterator, vpn: number, low: number, high: number): boolean {
    const pte = this.entry(iterator, vpn)
    if (!mirrorValid(pte) || !mirrorWritable(pte)) return false
    const page = this.touch(mirror, iterator, vpn, pte, true)
    mirrorMarkDirty(this.task, iterator, vpn)
    this.task.words.fill(0, page + 2, page + PAGE_WORDS)
    atomicStore(this.task, page + 1, high)
    atomicStore(this.task, page, low)
    return true
  }

  /** The machine's clock, in nanoseconds: the only one. Virtual in controlled mode. */
  nowNs(): number {
    return this.task.nowNs()
  }

  /** Sends a line to the log of the run; it comes out on stderr with the actor's name. */
  log(text: string): void {
    logLine(this.task, text)
  }

  /** The frame behind an entry that stays: its callback needs the update lock that the caller holds. */
  private touch(mirror: Mirror, iterator: MirrorIterator, vpn: number, pte: MirrorPte, write: boolean): WordAt {
    assertMirrorLocked(this.task, mirror)
    const generation = mirrorPeekGeneration(this.task, iterator, vpn)
    probe(this.task, PROBE.deviceTouch, this.device, mirror, vpn, pte, generation, write ? 1 : 0)
    return frameData(this.task, mirrorPteFrame(pte))
  }
}
