/**
 * migrate_vma (Linux 5.4 to 6.12): moving a span of one area between system memory and a device's own memory.
 *
 *     setup      choose pages, take a reference and the frame lock of each, replace every entry of it, in all processes, by a
 *                migration entry. What is pinned, locked, swapped or of the wrong kind is left alone
 *     (driver)   allocates locked frames, copies, writes them into dst
 *     pages      moves the identity of each page to its new frame; puts new frames into empty entries
 *     (driver)   looks at what still says MIGRATE, and updates its own table
 *     finalize   migration entries become entries of the new frame, or of the old one; locks and references go
 *
 *   per page     src                                         dst
 *   MIGRATE      chosen (setup), still moving (pages)        -
 *   VALID        there is a source frame                     there is a target frame
 *   ERROR                                                    the page is lost for ever: its entries are poisoned (until 5.4)
 *   WRITE        the source entry was writable               the driver's note
 *   frame        bits from MIGRATE_SHIFT on
 *
 * An entry that is MIGRATE without VALID was empty, or the page of zeros: the driver supplies a cleared frame.
 * mmap_sem is held by the caller for reading throughout, and no lock that a callback takes.
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameClearFlags,
  frameFlags,
  frameGet,
  frameGetUnlessZero,
  frameIndex,
  frameIsBlock,
  frameMapInc,
  frameMapping,
  frameMaps,
  framePins,
  frameRefs,
  frameSetFlags,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  frameZone,
} from '../frame/frames.ts'
import { framePut, ZERO_FRAME } from '../frame/zones.ts'
import { EINVAL } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { type AnonVma, NO_OWNER, pinOwner, unpinOwner } from '../mm/anonvma.ts'
import { splitHuge } from '../mm/huge.ts'
import { makeMigrationEntry, mappingOf, removeMigrationEntries, unmapForMigration } from '../mm/migration.ts'
import { mmRoot } from '../mm/mm.ts'
import { NO_PAGEMAP } from '../mm/pagemap.ts'
import {
  allocLeaf,
  ENTRIES,
  entryAt,
  hugeWord,
  LEAF_LEVEL,
  lockLeaf,
  lockSpot,
  NO_TABLE,
  type Spot,
  storeEntry,
  type Table,
  unlockLeaf,
  unlockSpot,
} from '../mm/pagetable.ts'
import {
  PTE_DIRTY,
  PTE_KIND,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteFrame,
  pteKind,
  ptePresent,
  pteWritable,
} from '../mm/pte.ts'
import { flushTlb } from '../mm/shootdown.ts'
import { splitFolio } from '../mm/splitfolio.ts'
import {
  VM_HUGETLB,
  VM_WRITE,
  type Vma,
  vmaFlags,
  vmaIndex,
  vmaIsAnonymous,
  vmaLast,
  vmaMm,
  vmaOwner,
  vmaPagemap,
  vmaStart,
} from '../mm/vma.ts'
import { prepareOwner } from '../mm/vmalink.ts'
import { clearEntry } from '../mm/zap.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { mmapSem } from '../notifier/mmhead.ts'
import { type NotifierRange, rangeInit } from '../notifier/windows.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld } from '../sync/held.ts'

export const MIGRATE_VALID = 1 << 0
export const MIGRATE_MIGRATE = 1 << 1
export const MIGRATE_WRITE = 1 << 3
export const MIGRATE_ERROR = 1 << 5
const MIGRATE_SHIFT = 6

/** Which pages a migration chooses: those in system memory (MIGRATE_VMA_SELECT_SYSTEM). */
export const SELECT_SYSTEM = 1
/** Those in the memory of the device that asks (MIGRATE_VMA_SELECT_DEVICE_PRIVATE). */
export const SELECT_DEVICE_PRIVATE = 2

/** Most pages one call takes. */
export const MIGRATE_PAGES = 512

export function migrateEntry(frame: Frame, bits: number): number {
  return (frame << MIGRATE_SHIFT) | bits
}

export function migrateFrame(entry: number): Frame {
  return (entry >>> MIGRATE_SHIFT) as Frame
}

/** One migration in progress: the arguments of the three calls. */
export interface Migration {
  /** NO_VMA when frames of a device are evicted, whoever maps them. */
  readonly vma: Vma
  readonly start: number
  /** Last page, inclusive. */
  readonly last: number
  /** SELECT_* bits. */
  readonly select: number
  /** Whose device memory: device number + 1. Also the owner of the events. */
  readonly owner: number
  /** Zone of that device's memory. */
  readonly zone: number
  /** Frame of a CPU fault: locked and referenced by the fault path already. -1 if there is none. */
  readonly faultFrame: number
  readonly src: Int32Array
  readonly dst: Int32Array
  /** Pinned owner of each source frame. Kept by setup until finalize. */
  readonly owners: Int32Array
  /** Pages that move, after setup. */
  cpages: number
}

/** Begins a migration of [start, last] of `vma`; nothing is chosen yet. */
export function newMigration(options: Omit<Migration, 'src' | 'dst' | 'owners' | 'cpages'>): Migration {
  const pages = Math.max(0, options.last - options.start + 1)
  return { ...options, src: new Int32Array(pages), dst: new Int32Array(pages), owners: new Int32Array(pages), cpages: 0 }
}

/**
 * Chooses and isolates pages. 0, even if nothing was chosen; -EINVAL for an area of hugetlb or a DAX file, an empty span or one that
 * is not within the area. After 0, pages and finalize must follow.
 */
export function migrateSetup(task: Task, migration: Migration): number {
  const { vma, start, last } = migration
  assertHeld(task, mmapSem(vmaMm(task, vma)), 'mmap_sem')
  if (start > last || start < vmaStart(task, vma) || last > vmaLast(task, vma)) return -EINVAL
  if ((vmaFlags(task, vma) & VM_HUGETLB) !== 0 || vmaPagemap(task, vma) !== NO_PAGEMAP) return -EINVAL
  const range = rangeInit(task, vmaMm(task, vma), start, last, NOTIFY.migrate, migration.owner)
  invalidateRangeStart(task, range)
  for (let vpn = start; vpn <= last; ) vpn = collectLeaf(task, migration, vpn)
  invalidateRangeEnd(task, range)
  migration.cpages = 0
  for (let i = 0; i < migration.src.length; i++) {
    isolate(task, migration, i)
    if (((migration.src[i] as number) & MIGRATE_MIGRATE) !== 0) migration.cpages++
  }
  return 0
}

/**
 * As migrateSetup for frames of a device's memory, one for each page of the migration, wherever they are mapped
 * (migrate_device_range, migrate_device_pfns): eviction. `migration.vma` is NO_VMA. Frames that are free, locked or held by somebody
 * are left alone.
 */
export function migrateDeviceSetup(task: Task, migration: Migration, frames: readonly Frame[]): void {
  const { src } = migration
  migration.cpages = 0
  for (const [i, frame] of frames.entries()) {
    src[i] = 0
    if (!frameGetUnlessZero(task, frame)) continue
    if (frameTryLock(task, frame)) {
      src[i] = migrateEntry(frame, MIGRATE_VALID | MIGRATE_MIGRATE)
      keepOwner(task, migration, i, frame)
      isolate(task, migration, i)
      if (((src[i] as number) & MIGRATE_MIGRATE) !== 0) migration.cpages++
    } else {
      framePut(task, frame)
    }
  }
}

/** Moves identities; fills empty entries. Afterwards MIGRATE in src says what really moves. */
export function migratePages(task: Task, migration: Migration): void {
  const { src, dst } = migration
  let range: NotifierRange | null = null
  for (let i = 0; i < src.length; i++) {
    const from = src[i] as number
    const to = dst[i] as number
    if ((from & MIGRATE_MIGRATE) === 0) continue
    if ((to & MIGRATE_VALID) === 0) {
      src[i] = from & ~MIGRATE_MIGRATE
    } else if ((from & MIGRATE_VALID) === 0) {
      if (range === null) {
        range = rangeInit(task, vmaMm(task, migration.vma), migration.start + i, migration.last, NOTIFY.migrate, migration.owner)
        invalidateRangeStart(task, range)
      }
      if (!fillEmpty(task, migration, migration.start + i, migrateFrame(to))) src[i] = from & ~MIGRATE_MIGRATE
    } else if (!moveIdentity(task, migration, migrateFrame(from), migrateFrame(to))) {
      src[i] = from & ~MIGRATE_MIGRATE
    }
  }
  if (range !== null) invalidateRangeEnd(task, range)
}

/** Ends the migration: entries name the new frames, or the old ones again; all locks and references of it are dropped. */
export function migrateFinalize(task: Task, migration: Migration): void {
  const { src, dst } = migration
  for (let i = 0; i < src.length; i++) {
    const from = src[i] as number
    const to = dst[i] as number
    const moved = (from & MIGRATE_MIGRATE) !== 0 && (to & MIGRATE_VALID) !== 0
    if ((from & MIGRATE_VALID) !== 0) {
      const frame = migrateFrame(from)
      restore(task, migration, i, frame, moved ? migrateFrame(to) : frame, (to & MIGRATE_ERROR) !== 0)
      releaseSource(task, migration, i, frame)
    }
    if ((to & MIGRATE_VALID) !== 0) {
      frameUnlock(task, migrateFrame(to))
      framePut(task, migrateFrame(to))
    }
  }
}

/** Looks at the entries of one leaf. Returns the next page to look at. */
function collectLeaf(task: Task, migration: Migration, vpn: number): number {
  const { vma, start, last, src } = migration
  const mm = vmaMm(task, vma)
  const end = Math.min(last, vpn - (vpn % ENTRIES) + ENTRIES - 1)
  const spot = lockSpot(task, mmRoot(task, mm), vpn)
  if (hugeWord(spot) !== 0) return splitForMigration(task, vma, vpn, spot) ? vpn : end + 1
  const leaf = spot as Table
  if (leaf === NO_TABLE) {
    if (vmaIsAnonymous(task, vma)) src.fill(MIGRATE_MIGRATE, vpn - start, end - start + 1)
    return end + 1
  }
  let flush = false
  for (let page = vpn; page <= end; page++) {
    const at = entryAt(leaf, LEAF_LEVEL, page)
    src[page - start] = choose(task, migration, get(task, at))
    if (((src[page - start] as number) & MIGRATE_VALID) === 0) continue
    const frame = migrateFrame(src[page - start] as number)
    keepOwner(task, migration, page - start, frame)
    // While the lock still proves that nobody has come between: whoever sees the entry gone sees the TLBs flushed, too.
    if (makeMigrationEntry(task, at, frame)) flush = true
  }
  if (flush) flushTlb(task, mm)
  unlockLeaf(task, leaf)
  return end + 1
}

/**
 * Migration moves small pages: a 2 MiB entry in the span is split, with its block. Comes with the pmd lock held, returns without.
 * False when the block cannot be taken apart, and then its pages stay.
 */
function splitForMigration(task: Task, vma: Vma, vpn: number, spot: Spot): boolean {
  const head = pteFrame(atomicLoad(task, hugeWord(spot)))
  if (head === ZERO_FRAME) {
    unlockSpot(task, spot, vpn)
    splitHuge(task, vma, vpn)
    return true
  }
  frameGet(task, head)
  const locked = frameTryLock(task, head)
  unlockSpot(task, spot, vpn)
  const split = locked && splitFolio(task, head, true)
  if (locked) frameUnlock(task, head)
  framePut(task, head)
  return split
}

/** What becomes of one entry: 0, MIGRATE, or a frame with a reference and its lock taken. Leaf lock held. */
function choose(task: Task, migration: Migration, entry: number): number {
  if (entry === 0) return vmaIsAnonymous(task, migration.vma) ? MIGRATE_MIGRATE : 0
  const frame = pteFrame(entry)
  const system = (migration.select & SELECT_SYSTEM) !== 0
  if (ptePresent(entry)) {
    if (!system) return 0
    if (frame === ZERO_FRAME) return MIGRATE_MIGRATE
    if (frameIsBlock(task, frame)) return 0 // a block that is mapped in pieces does not move (6.12)
  } else {
    const own = pteKind(entry) === PTE_KIND.devicePrivate && frameZone(task, frame) === migration.zone
    if (!own || (migration.select & SELECT_DEVICE_PRIVATE) === 0) return 0
  }
  frameGet(task, frame)
  if (frame !== migration.faultFrame && !frameTryLock(task, frame)) {
    framePut(task, frame)
    return 0
  }
  return migrateEntry(frame, MIGRATE_VALID | MIGRATE_MIGRATE | (pteWritable(entry) ? MIGRATE_WRITE : 0))
}

/** Takes a chosen page away from all other mappings too, and lets it go again if somebody else holds it. */
function isolate(task: Task, migration: Migration, i: number): void {
  const entry = migration.src[i] as number
  if ((entry & MIGRATE_VALID) === 0) return
  const frame = migrateFrame(entry)
  if (frameMaps(task, frame) > 0) unmapForMigration(task, frame)
  if (
    frameMaps(task, frame) === 0 &&
    frameRefs(task, frame) === expectedRefs(task, migration, frame) &&
    framePins(task, frame) === 0
  )
    return
  restore(task, migration, i, frame, frame)
  releaseSource(task, migration, i, frame)
  migration.src[i] = 0
}

/** References an unmapped page has when nobody but this migration, the fault path and the page cache holds it. */
function expectedRefs(task: Task, migration: Migration, frame: Frame): number {
  const cached = (frameFlags(task, frame) & FRAME_ANON) === 0 ? 1 : 0
  return 1 + cached + (frame === migration.faultFrame ? 1 : 0)
}

function restore(task: Task, migration: Migration, i: number, from: Frame, to: Frame, lost = false): void {
  removeMigrationEntries(task, { from, to, pages: 1, owner: migration.owners[i] as AnonVma, zeros: false, lost })
}

/** Pins the owner of a chosen frame, which is locked: when all its entries are gone, the areas may go, too. */
function keepOwner(task: Task, migration: Migration, i: number, frame: Frame): void {
  migration.owners[i] = (frameFlags(task, frame) & FRAME_ANON) !== 0 ? pinOwner(task, frame) : NO_OWNER
}

function releaseSource(task: Task, migration: Migration, i: number, frame: Frame): void {
  const owner = migration.owners[i] as AnonVma
  if (owner !== NO_OWNER) unpinOwner(task, owner)
  migration.owners[i] = NO_OWNER
  if (frame !== migration.faultFrame) frameUnlock(task, frame)
  framePut(task, frame)
}

/**
 * Gives a page's identity to its new frame. False when it must stay: file pages do not go to device memory, and a page that
 * somebody took a reference of meanwhile does not move. Both frame locks held.
 */
function moveIdentity(task: Task, migration: Migration, from: Frame, to: Frame): boolean {
  const flags = frameFlags(task, from)
  if ((flags & FRAME_ANON) === 0 || frameRefs(task, from) !== expectedRefs(task, migration, from)) return false
  frameSetMapping(task, to, frameMapping(task, from), frameIndex(task, from))
  frameSetFlags(task, to, flags & (FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY))
  // The old frame must not be found through its owner any more, and the next user of it must not inherit an identity.
  frameSetMapping(task, from, 0, 0)
  frameClearFlags(task, from, FRAME_ANON | FRAME_EXCLUSIVE)
  return true
}

/** Puts a new frame where nothing, or the page of zeros, is mapped. False if something came between. Inside a window. */
function fillEmpty(task: Task, migration: Migration, vpn: number, frame: Frame): boolean {
  const { vma } = migration
  const mm = vmaMm(task, vma)
  if (!vmaIsAnonymous(task, vma) || allocLeaf(task, mm, mmRoot(task, mm), vpn) === NO_TABLE) return false
  if (!prepareOwner(task, vma)) return false
  const leaf = lockLeaf(task, mmRoot(task, mm), vpn)
  if (leaf === NO_TABLE) return false
  const filled = fillLocked(task, migration, entryAt(leaf, LEAF_LEVEL, vpn), vpn, frame)
  unlockLeaf(task, leaf)
  return filled
}

/** Leaf lock held. */
function fillLocked(task: Task, migration: Migration, at: WordAt, vpn: number, frame: Frame): boolean {
  const { vma } = migration
  const entry = get(task, at)
  if (entry !== 0 && !(ptePresent(entry) && pteFrame(entry) === ZERO_FRAME)) return false
  if (entry !== 0) {
    clearEntry(task, at)
    flushTlb(task, vmaMm(task, vma))
  }
  frameSetMapping(task, frame, vmaOwner(task, vma), vmaIndex(task, vma, vpn))
  frameSetFlags(task, frame, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  frameGet(task, frame)
  frameMapInc(task, frame)
  const rights = (vmaFlags(task, vma) & VM_WRITE) !== 0 ? PTE_WRITE : 0
  storeEntry(task, at, mappingOf(task, vma, frame, rights | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG))
  return true
}
