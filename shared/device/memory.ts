/**
 * A device's own memory, and moving pages between it and system memory: the part of `dev` that drivers with memory use
 * (`dev.memory`). The three calls of a migration are the kernel's; what lies between them is the driver's: allocating the
 * target, copying, and updating its own table (hmm/migratevma.ts draws the whole).
 *
 *     const m = dev.memory.migration(vma, start, last, SELECT_SYSTEM)
 *     if (dev.memory.setup(m) === 0) {
 *       for each page i with dev.memory.migrates(m, i): a target frame, copied into, dev.memory.setTarget(m, i, frame)
 *       dev.memory.pages(m)
 *       for each page i that still migrates: update the mirror, under its lock
 *       dev.memory.finalize(m)
 *     }
 *
 * mmap_sem is held for reading from migration() to finalize(); the mirror's update lock must not be, except where said.
 */
import { type Frame, frameClear, frameCopy, frameGenerationQuiet, frameRefs, frameUnlock, frameZone } from '../frame/frames.ts'
import { frameAllocLocked, framePut, freeFrames, SYSTEM_ZONE, zoneFrames } from '../frame/zones.ts'
import type { MirrorIterator } from '../hmm/iterator.ts'
import {
  MIGRATE_MIGRATE,
  MIGRATE_VALID,
  MIGRATE_WRITE,
  type Migration,
  migrateDeviceSetup,
  migrateEntry,
  migrateFinalize,
  migrateFrame,
  migratePages,
  migrateSetup,
  newMigration,
} from '../hmm/migratevma.ts'
import type { Mirror } from '../hmm/mirror.ts'
import { MIRROR_WRITE, mirrorPteFromDevice, mirrorPteFromFrame } from '../hmm/mirrorpte.ts'
import { mirrorFill } from '../hmm/mirrortable.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { isDevicePrivate, pteFrame, ptePresent, pteWritable } from '../mm/pte.ts'
import { type ExclusivePages, makeDeviceExclusive, releaseExclusive } from '../mm/takeexclusive.ts'
import {
  findVma,
  NO_VMA,
  VM_HUGETLB,
  VM_READ,
  VM_WRITE,
  type Vma,
  vmaFlags,
  vmaIsAnonymous,
  vmaLast,
  vmaMm,
  vmaStart,
} from '../mm/vma.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { type Copy, copyByDevice } from './copyqueue.ts'
import { COPIES, deviceZone } from './record.ts'
import { beginUseList, freshFrom, noteUse, usedAfter } from './uselist.ts'

/** An area as drivers see it. */
export interface Area {
  readonly vma: Vma
  readonly first: number
  /** Last page, inclusive. */
  readonly last: number
  readonly readable: boolean
  readonly writable: boolean
  /** Its pages can move to a device's memory: private memory, in pages that are not of hugetlb. */
  readonly movable: boolean
}

/** Where a page is: nowhere yet; in system memory; in this device's own memory; somewhere a CPU's touch would bring it home from. */
export const PLACE = { none: 0, system: 1, own: 2, away: 3 } as const

/** Where a page is, and in which frame if a frame of system memory or of this device is it. */
export interface Place {
  /** A PLACE value. */
  readonly place: number
  readonly frame: Frame | -1
  readonly writable: boolean
}

/** `dev.memory`. */
export class DeviceMemory {
  private readonly task: Task
  private readonly device: number

  constructor(task: Task, device: number) {
    this.task = task
    this.device = device
  }

  /** The cookie of this device's migrate and exclusive events: its number + 1. */
  get cookie(): number {
    return this.device + 1
  }

  /** The area that page `vpn` of `mm` lies in, or null. mmap_sem held for reading. */
  areaAt(mm: Mm, vpn: number): Area | null {
    const vma = findVma(this.task, mm, vpn)
    if (vma === NO_VMA || vmaStart(this.task, vma) > vpn) return null
    const flags = vmaFlags(this.task, vma)
    return {
      vma,
      first: vmaStart(this.task, vma),
      last: vmaLast(this.task, vma),
      readable: (flags & VM_READ) !== 0,
      writable: (flags & VM_WRITE) !== 0,
      movable: vmaIsAnonymous(this.task, vma) && (flags & VM_HUGETLB) === 0,
    }
  }

  /** Where page `vpn` of `mm` is: a hint, for nothing keeps it there. mmap_sem held for reading. */
  placeOf(mm: Mm, vpn: number): Place {
    const entry = cpuEntry(this.task, mm, vpn)
    const writable = pteWritable(entry)
    if (ptePresent(entry)) return { place: PLACE.system, frame: pteFrame(entry), writable }
    const own = isDevicePrivate(entry) && frameZone(this.task, pteFrame(entry)) === deviceZone(this.task, this.device)
    if (own) return { place: PLACE.own, frame: pteFrame(entry), writable }
    return { place: entry === 0 ? PLACE.none : PLACE.away, frame: -1, writable }
  }

  /** The address space that an area belongs to. */
  mmOf(vma: Vma): Mm {
    return vmaMm(this.task, vma)
  }

  /** Begins a migration of pages [start, last] of one area. `faultFrame`: from migrateToRam, the frame it is about. */
  migration(vma: Vma, start: number, last: number, select: number, faultFrame: Frame | -1 = -1): Migration {
    return newMigration({ vma, start, last, select, owner: this.cookie, zone: deviceZone(this.task, this.device), faultFrame })
  }

  /** Chooses and isolates pages. 0 or -EINVAL; after 0, pages and finalize must follow. */
  setup(migration: Migration): number {
    return migrateSetup(this.task, migration)
  }

  /** Frames of this device's memory: first and count. */
  frames(): { first: number; count: number } {
    return zoneFrames(this.task, deviceZone(this.task, this.device))
  }

  /** Free frames of this device's memory. Only the service takes them in most drivers: there they can only become more. */
  freePages(): number {
    return freeFrames(this.task, deviceZone(this.task, this.device))
  }

  /** The device used a frame of its own memory: of all, it is given up last now. On the device's service. */
  used(frame: Frame): void {
    if (beginUseList(this.task, this.device)) noteUse(this.task, this.device, frame - this.frames().first)
  }

  /**
   * Up to `count` frames in use, the one first that was not used for longest, none that was used since the last replay; none at all when
   * memory for their order is out. They count as used from now on: who could not give one up does not meet it again at once. On the
   * device's service.
   */
  leastUsed(count: number): Frame[] {
    const { task, device } = this
    const { first, count: all } = this.frames()
    const found: Frame[] = []
    if (!beginUseList(task, device)) return found
    const fresh = freshFrom(task, device)
    for (let i = usedAfter(task, device, all); i !== fresh && found.length < count; i = usedAfter(task, device, i))
      if (frameRefs(task, (first + i) as Frame) > 0) found.push((first + i) as Frame)
    for (const frame of found) noteUse(task, device, frame - first)
    return found
  }

  /** Counts in the run's statistics what only the driver knows of. */
  count(what: 'evictions' | 'prefetched' | 'throttled' | 'pinned' | 'exclusives', amount = 1): void {
    countStat(this.task, STAT[what], amount)
  }

  /** As setup, for frames of this device, whoever maps them: eviction. Takes no mmap_sem; neither it nor the update lock need be held. */
  evictSetup(frames: readonly Frame[]): Migration {
    const migration = newMigration({
      vma: NO_VMA,
      start: 0,
      last: frames.length - 1,
      select: 0,
      owner: this.cookie,
      zone: deviceZone(this.task, this.device),
      faultFrame: -1,
    })
    migrateDeviceSetup(this.task, migration, frames)
    return migration
  }

  /** Does page `i` (still) move? */
  migrates(migration: Migration, i: number): boolean {
    return ((migration.src[i] as number) & MIGRATE_MIGRATE) !== 0
  }

  /** The frame page `i` comes from; -1 for an empty entry, whose target is a cleared frame. */
  source(migration: Migration, i: number): Frame | -1 {
    const entry = migration.src[i] as number
    return (entry & MIGRATE_VALID) !== 0 ? migrateFrame(entry) : -1
  }

  /** Was the entry of page `i` writable? */
  sourceWritable(migration: Migration, i: number): boolean {
    return ((migration.src[i] as number) & MIGRATE_WRITE) !== 0
  }

  /** The frame page `i` goes to, or -1. */
  target(migration: Migration, i: number): Frame | -1 {
    const entry = migration.dst[i] as number
    return (entry & MIGRATE_VALID) !== 0 ? migrateFrame(entry) : -1
  }

  /** Gives page `i` a target frame from allocPage or allocSystemPage; the migration takes it over, lock and reference. */
  setTarget(migration: Migration, i: number, frame: Frame): void {
    migration.dst[i] = migrateEntry(frame, MIGRATE_VALID)
  }

  /** Moves identities. What then still `migrates` really moves. */
  pages(migration: Migration): void {
    migratePages(this.task, migration)
  }

  /** Ends the migration, whatever came of it. */
  finalize(migration: Migration): void {
    for (let i = 0; i < migration.src.length; i++) if (this.migrates(migration, i)) countStat(this.task, STAT.migrations)
    migrateFinalize(this.task, migration)
  }

  /** A frame of this device's memory, locked, with one reference, contents undefined. -1 when there is none. */
  allocPage(): Frame | -1 {
    return this.alloc(deviceZone(this.task, this.device))
  }

  /** A frame of system memory, as allocPage. */
  allocSystemPage(): Frame | -1 {
    return this.alloc(SYSTEM_ZONE)
  }

  /** Gives back a frame that no migration took over. */
  freePage(frame: Frame): void {
    frameUnlock(this.task, frame)
    framePut(this.task, frame)
  }

  /** Copies a frame, on the calling processor. */
  copyPage(to: Frame, from: Frame): void {
    frameCopy(this.task, to, from)
  }

  /**
   * Has the device's copy engine copy pages, and waits for it. Says of each whether that went well: a copy may fail, and what is in its
   * target then is rubbish. On the device's service only; no lock that a callback takes is held.
   */
  copyByDevice(copies: readonly Copy[]): boolean[] {
    const done: boolean[] = []
    for (let i = 0; i < copies.length; i += COPIES)
      done.push(...copyByDevice(this.task, this.device, copies.slice(i, i + COPIES)))
    return done
  }

  /** Fills a frame with zeros. */
  clearPage(frame: Frame): void {
    frameClear(this.task, frame)
  }

  /** Maps a frame of the own memory at page `vpn` of a mirror. Update lock held; the frame is locked, or its entry is. */
  map(mirror: Mirror, iterator: MirrorIterator, vpn: number, frame: Frame, writable: boolean): boolean {
    const pte = mirrorPteFromDevice(frame, writable ? MIRROR_WRITE : 0)
    return mirrorFill(this.task, mirror, iterator, vpn, pte, frameGenerationQuiet(this.task, frame))
  }

  /**
   * Takes pages [start, start + pages) from all CPUs for this device's atomic access; as makeDeviceExclusive. The frames are
   * locked until releaseExclusive. `begin` is called when all pages are there and before the first is taken: the place for
   * readBegin. The events are this device's own. mmap_sem held for reading, the update lock not.
   */
  takeExclusive(mm: Mm, start: number, pages: number, begin?: () => void): ExclusivePages {
    return makeDeviceExclusive(this.task, mm, start, pages, this.cookie, begin)
  }

  /**
   * Maps a frame of system memory, with WRITE and driver's bits. Update lock held; the frame is locked, or a range that is valid
   * under this lock names it.
   */
  mapSystem(mirror: Mirror, iterator: MirrorIterator, vpn: number, frame: Frame, bits: number): boolean {
    const pte = mirrorPteFromFrame(frame, bits)
    return mirrorFill(this.task, mirror, iterator, vpn, pte, frameGenerationQuiet(this.task, frame))
  }

  /** Unlocks and drops the frames of takeExclusive: from now on a CPU can have them back. */
  releaseExclusive(pages: ExclusivePages): void {
    releaseExclusive(this.task, pages)
  }

  private alloc(zone: number): Frame | -1 {
    return frameAllocLocked(this.task, zone)
  }
}
