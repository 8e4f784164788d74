/**
 * What a driver works with: one object per device and worker, handed to every driver call as `dev`. It keeps no state of
 * its own; everything it does is in the buffer.
 *
 * Locks, outermost first: mmap_sem (mmapReadLock), then the mirror's update lock (lock). readBegin and rangeWait may be
 * called with neither the update lock nor any other lock that a callback takes.
 */
import { frameData } from '../frame/frames.ts'
import type { HmmEvent } from '../hmm/event.ts'
import type { MirrorIterator } from '../hmm/iterator.ts'
import {
  assertMirrorLocked,
  freeMirror,
  type Mirror,
  mirrorAccepted,
  mirrorLock,
  mirrorMm,
  mirrorPutTest,
  mirrorTryLock,
  mirrorUnlock,
  mirrorWord,
  NO_MIRROR,
} from '../hmm/mirror.ts'
import { type FaultEvent, hmmMirrorFault } from '../hmm/mirrorfault.ts'
import { MIRROR_WRITE, type MirrorPte, mirrorValid, mirrorWritable } from '../hmm/mirrorpte.ts'
import {
  mirrorDiscard,
  mirrorIterator,
  mirrorMarkDirty,
  mirrorPeek,
  mirrorPeekGeneration,
  mirrorRestrict,
} from '../hmm/mirrortable.ts'
import { hmmMirrorRangeDiscard, mirrorPublish, mirrorWithdraw } from '../hmm/mirrorupdate.ts'
import { blockNotesOf, forgetNotes, notesOf } from '../hmm/pagenotes.ts'
import { protocolOf } from '../hmm/protocol.ts'
import type { Range } from '../hmm/range.ts'
import { PAGE_WORDS, type WordAt } from '../memory/words.ts'
import { LAST_VPN } from '../mm/vma.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { type NotifierRange, rangeBlockable, rangeEvent, rangeLast, rangeOwner, rangeStart } from '../notifier/windows.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { logLine } from '../seam/log.ts'
import { WAIT } from '../seam/park.ts'
import { phaseBegins, phaseEnds } from '../seam/phases.ts'
import { put } from '../seam/plain.ts'
import { PROBE, probe } from '../seam/probe.ts'
import { HISTOGRAM } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { ringPublish, ringReserve } from '../sync/ring.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { waitUntil, wakeAll } from '../sync/waitqueue.ts'
import type { Driver } from './contract.ts'
import { finishDeviceFlush, flushDeviceTlb, isFlushing, startDeviceFlush } from './devicetlb.ts'
import { DriverRecords } from './driverrecords.ts'
import { touchedFrame } from './entryframe.ts'
import { mirrorRange } from './mirrorrange.ts'
import { RangeContext } from './rangecontext.ts'
import { deviceWord, getMirrorOf, workRing } from './record.ts'
import { deviceLeave } from './registration.ts'

/** `dev`: what every call of a driver is handed. */
export class DeviceContext extends RangeContext {
  /** Records of the driver's own. */
  readonly records: DriverRecords
  /** What the machine was booted with for the driver to go by: a name, or what a module exports. Undefined: the driver's own choice. */
  readonly policy: unknown
  private readonly driver: Driver

  constructor(task: Task, device: number, driver: Driver, policy?: unknown) {
    super(task, device)
    this.records = new DriverRecords(task)
    this.driver = driver
    this.policy = policy
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

  /**
   * Word index of two words of the driver's own about page `vpn`, zero at first. 0 when memory is out, or nothing was noted nearby
   * and `make` is false: then nothing is allocated, as in a callback. Update lock held, for as long as the words are used.
   */
  pageNotes(mirror: Mirror, vpn: number, make: boolean): WordAt {
    return notesOf(this.task, mirror, vpn, make)
  }

  /** As pageNotes, two words about the 2 MiB of page `vpn`, which has notes. */
  blockNotes(mirror: Mirror, vpn: number): WordAt {
    return blockNotesOf(this.task, mirror, vpn)
  }

  /** Forgets what was noted about pages in [start, last], as far as that is whole 2 MiB. A driver that notes does so in detach. Update lock held. */
  forgetNotes(mirror: Mirror, start = 0, last = LAST_VPN): void {
    forgetNotes(this.task, mirror, start, last)
  }

  /** Loads a word atomically: a schedule point. */
  load(at: WordAt): number {
    return atomicLoad(this.task, at)
  }

  /** Stores a word atomically: a schedule point. */
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

  /** False: the callback must not sleep (kernel: mmu_notifier_range_blockable); use tryLock, and return false if it fails. */
  blockable(range: NotifierRange): boolean {
    return rangeBlockable(this.task, range)
  }

  /** Stores the invalidation's sequence (kernel: mmu_interval_set_seq, 5.5): readers that began before will retry. Update lock held. */
  setSeq(mirror: Mirror, seq: number): void {
    assertMirrorLocked(this.task, mirror)
    protocolOf(this.task).invalidated(this.task, mirror, seq)
  }

  /**
   * Takes pages [start, last] away: clears the mirror's entries, hands dirty bits to the frames, flushes the device's TLB
   * if any entry had rights. On return the device cannot reach the pages. Update lock held.
   */
  unmap(mirror: Mirror, start: number, last: number): void {
    this.flushIf(mirrorRestrict(this.task, mirror, start, last, 0) > 0)
  }

  /**
   * As unmap, for the first pass of an invalidation: begins the flush and does not wait for it. 0: the device cannot reach the
   * pages any more; otherwise a ticket for finishFlush, positive, until which it may. Update lock held.
   */
  startUnmap(mirror: Mirror, start: number, last: number): number {
    return startDeviceFlush(this.task, this.device, mirrorRestrict(this.task, mirror, start, last, 0) > 0)
  }

  /** Waits until the device cannot reach the pages of the startUnmap that gave this ticket. Once each; any lock may be held. */
  finishFlush(ticket: number): void {
    finishDeviceFlush(this.task, this.device, ticket)
  }

  /** Takes the write right away from pages [start, last]; otherwise as unmap. Update lock held. */
  writeProtect(mirror: Mirror, start: number, last: number): void {
    this.flushIf(mirrorRestrict(this.task, mirror, start, last, ~MIRROR_WRITE) > 0)
  }

  /** Entries that somebody else cleared may still be in use: only in era two-pass does a flush outlast the lock. */
  private flushIf(cleared: boolean): void {
    if (cleared || (this.era === 'two-pass' && isFlushing(this.task, this.device))) flushDeviceTlb(this.task, this.device)
  }

  /**
   * Says that the device is done with pages [start, last], whose hardware is stopped: what an munmap would do to the mirror's
   * table, without a callback. Directories that are empty then die at once, whatever the machine does otherwise. A later access
   * faults. Update lock held.
   */
  discard(mirror: Mirror, start: number, last: number): void {
    const { task } = this
    if (this.era === 'events') {
      if (mirrorWithdraw(task, mirror, start, last + 1, 0) > 0) this.flushTlb()
      hmmMirrorRangeDiscard(task, mirror, start, last)
    } else if (mirrorDiscard(task, mirror, start, last) > 0) this.flushTlb()
  }

  /* ---- events (era events) ---- */

  /**
   * Serves a fault of the device: HMM brings the pages in, fills the mirror and calls `update`. Returns as hmm/mirrorfault.ts says,
   * -EBUSY to be called again;
   * `event.end` is cut to the area that the first page lies in. No lock held.
   */
  mirrorFault(mirror: Mirror, event: FaultEvent): number {
    return hmmMirrorFault(this.task, mirror, event)
  }

  /**
   * Shows the hardware what the mirror has of the event's pages; `write` false: for reading only. Update lock held, in `update`, for
   * a fault. Returns the number of pages.
   */
  publish(mirror: Mirror, event: HmmEvent, write = true): number {
    return mirrorPublish(this.task, mirror, event.start, event.end, write)
  }

  /**
   * Takes from the hardware what the event takes, and flushes the device's TLB if it had any of it: on return the device does not
   * reach, or not write, the pages. HMM sees to the mirror's entries afterwards. Update lock held, in `update`, for a change.
   */
  withdraw(mirror: Mirror, event: HmmEvent): void {
    if (mirrorWithdraw(this.task, mirror, event.start, event.end, event.pteMask) > 0) this.flushTlb()
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
    const since = phaseBegins(this.task)
    mirrorLock(this.task, mirror)
    phaseEnds(this.task, HISTOGRAM.driverLock, since)
  }

  /** Takes the update lock of the mirror if nobody has it. Never sleeps. */
  tryLock(mirror: Mirror): boolean {
    return mirrorTryLock(this.task, mirror)
  }

  /** Drops the update lock. */
  unlock(mirror: Mirror): void {
    mirrorUnlock(this.task, mirror)
  }

  /**
   * Sleeps until `condition()`, about words that others change before they call wakeAll for the same queue: three words of a mirror
   * or of the device. No lock held; `condition` takes none.
   */
  waitUntil(queue: WordAt, condition: () => boolean): void {
    waitUntil(this.task, queue, WAIT.gracePeriod, queue, condition)
  }

  /** Wakes who waits in a queue, after the words of its condition were written. Any lock may be held. */
  wakeAll(queue: WordAt): void {
    wakeAll(this.task, queue)
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
    protocolOf(this.task).ended?.(this.task, mirror)
    freeMirror(this.task, mirror)
    deviceLeave(this.task, this.device)
  }

  /** The address space that a mirror mirrors. */
  mmOf(mirror: Mirror): Mm {
    return mirrorMm(this.task, mirror)
  }

  /** Takes mmap_sem of the mirror's address space for reading. Not with the update lock held. */
  mmapReadLock(mirror: Mirror): void {
    const since = phaseBegins(this.task)
    downRead(this.task, mmapSem(mirrorMm(this.task, mirror)), MMAP_SEM)
    phaseEnds(this.task, HISTOGRAM.mmapSem, since)
  }

  /** Drops mmap_sem. */
  mmapReadUnlock(mirror: Mirror): void {
    upRead(this.task, mmapSem(mirrorMm(this.task, mirror)))
  }

  /* ---- the loop of a driver, whole ---- */

  /**
   * Registers an idle range for pages [start, start + pages), fills and installs it, again while invalidations come in between, for at most
   * `timeoutMs` (0: for ever), and unregisters it. Every retry is counted. Returns the number of pages installed; -EBUSY: too late; or a
   * negative errno as rangeRegister and rangeFault, -ENOMEM also when memory for a directory is out. Not in era events. No lock held that
   * a callback takes. In a machine that nobody checks the usual case is one call of WebAssembly.
   */
  mirrorRange(range: Range, mirror: Mirror, start: number, pages: number, timeoutMs: number): number {
    return mirrorRange(this, range, mirror, start, pages, timeoutMs)
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
    const frame = touchedFrame(this.task, this.device, vpn, pte, write)
    probe(this.task, PROBE.deviceTouch, this.device, mirror, vpn, frame, generation, write ? 1 : 0)
    return frameData(this.task, frame)
  }
}
