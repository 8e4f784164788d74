/**
 * migrate_dev, migrate_sys and release: pages to the device's own memory and home; and a CPU's touch of such a page.
 *
 * migrate_dev answers ok iff afterwards every page of the range has an entry in the device table, moved or not; the pages
 * that could move have moved all the same. Areas are taken one after the other, in batches: what came before an error stays.
 */
import {
  type DeviceContext,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  type Frame,
  type IoctlRequest,
  type IoctlResult,
  MIRROR_WRITE,
  type Migration,
  type Mirror,
  mirrorValid,
  mirrorWritable,
  type Range,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Vma,
} from '../../device/index.ts'
import { BATCH, FORMAT } from './format.ts'
import { copyOut } from './transfer.ts'

const failed = (errno: number): IoctlResult => ({ errno, cpages: 0, faults: 0 })

/** migrate_dev: 0 and the values, -ENOENT when a page has no entry afterwards, -EINVAL for what cannot move at all. */
export function migrateToDevice(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  const range = dev.createRange(BATCH, FORMAT)
  if (range === 0) return failed(-ENOMEM)
  dev.rangeOwnMemory(range)
  dev.rangeRequest(range, 0n)
  dev.mmapReadLock(mirror)
  const errno = eachPiece(dev, mirror, request, SELECT_SYSTEM, (migration) => {
    const before = takeEntries(dev, mirror, migration)
    supplyDevicePages(dev, migration)
    dev.memory.pages(migration)
    const moved = before.map((_, i) => dev.memory.target(migration, i) !== -1 && dev.memory.migrates(migration, i))
    dev.memory.finalize(migration)
    enter(
      dev,
      mirror,
      range,
      migration.start,
      before.map((was, i) => (moved[i] === true ? ENTRY.moved : was)),
    )
  })
  dev.mmapReadUnlock(mirror)
  dev.freeRange(range)
  if (errno !== 0) return failed(errno)
  const values: number[] = []
  const cpages = copyOut(dev, mirror, request, 0, values)
  return cpages === request.pages ? { errno: 0, cpages, faults: 0, values } : failed(-ENOENT)
}

/** migrate_sys: `cpages` counts the pages that came back from this device. Takes mmap_sem for reading. */
export function migrateToSystem(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  let cpages = 0
  dev.mmapReadLock(mirror)
  const errno = eachPiece(dev, mirror, request, SELECT_DEVICE_PRIVATE, (migration) => {
    supplySystemPages(dev, migration, mirror)
    dev.memory.pages(migration)
    for (let i = 0; i < migration.src.length; i++)
      if (dev.memory.source(migration, i) !== -1 && dev.memory.migrates(migration, i)) cpages++
    dev.memory.finalize(migration)
  })
  dev.mmapReadUnlock(mirror)
  return errno !== 0 ? failed(errno) : { errno, cpages, faults: 0 }
}

/** The device gives up all its memory: every page of it, in all processes. */
export function evictAll(dev: DeviceContext): void {
  const { first, count } = dev.memory.frames()
  for (let done = 0; done < count; done += BATCH) {
    const pages = Math.min(BATCH, count - done)
    const migration = dev.memory.evictSetup(Array.from({ length: pages }, (_, i) => (first + done + i) as Frame))
    supplySystemPages(dev, migration, null)
    dev.memory.pages(migration)
    dev.memory.finalize(migration)
  }
}

/** A CPU touched a page of ours. */
export function bringHome(dev: DeviceContext, vma: Vma, vpn: number, frame: Frame): number {
  const migration = dev.memory.migration(vma, vpn, vpn, SELECT_DEVICE_PRIVATE, frame)
  if (dev.memory.setup(migration) !== 0) return -EFAULT
  const mirror = dev.getMirror(dev.memory.mmOf(vma))
  const supplied = supplySystemPages(dev, migration, mirror)
  dev.memory.pages(migration)
  dev.memory.finalize(migration)
  if (mirror !== null) dev.putMirror(mirror)
  return supplied ? 0 : -ENOMEM
}

/** Runs a migration for each piece of the range that lies in one area. 0, or the errno of the first piece that cannot be. */
function eachPiece(
  dev: DeviceContext,
  mirror: Mirror,
  request: IoctlRequest,
  select: number,
  move: (migration: Migration) => void,
): number {
  const last = request.start + request.pages - 1
  for (let vpn = request.start; vpn <= last; ) {
    const area = dev.memory.areaAt(dev.mmOf(mirror), vpn)
    if (area === null || !area.readable) return -EINVAL
    const end = Math.min(last, vpn + BATCH - 1, area.last)
    const migration = dev.memory.migration(area.vma, vpn, end, select)
    const errno = dev.memory.setup(migration)
    if (errno !== 0) return errno
    move(migration)
    vpn = end + 1
  }
  return 0
}

/** A device page for each page that moves, with its content. A page for which there is none stays where it is. */
function supplyDevicePages(dev: DeviceContext, migration: Migration): void {
  for (let i = 0; i < migration.src.length; i++) {
    if (!dev.memory.migrates(migration, i)) continue
    const target = dev.memory.allocPage()
    if (target === -1) continue
    const source = dev.memory.source(migration, i)
    if (source === -1) dev.memory.clearPage(target)
    else dev.memory.copyPage(target, source)
    dev.memory.setTarget(migration, i, target)
  }
}

/** What a page's entry is to be after a migration. */
const ENTRY = {
  /** None was taken, or there was none. */
  none: 0,
  /** What was taken away, if the page stayed: for reading, or for writing as well. */
  read: 1,
  write: 2,
  /** The page is in device memory now. */
  moved: 3,
} as const

/** Takes the device's entries of the chosen pages away, before they are copied, and says what they were. */
function takeEntries(dev: DeviceContext, mirror: Mirror, migration: Migration): number[] {
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  const taken = Array.from(migration.src, (_, i) => {
    const vpn = migration.start + i
    const entry = dev.entry(iterator, vpn)
    if (!dev.memory.migrates(migration, i) || !mirrorValid(entry)) return ENTRY.none
    dev.unmap(mirror, vpn, vpn)
    return mirrorWritable(entry) ? ENTRY.write : ENTRY.read
  })
  dev.unlock(mirror)
  iterator.finish()
  return taken
}

/**
 * Enters pages into the device table, as far as they still are where they were left. mmap_sem held for reading: other threads may
 * drop pages meanwhile.
 *
 *     migrate_dev                              madvise dontneed, same page
 *                                              start: the callback finds nothing to take away
 *     migration entry -> device page
 *     enters the device page                                                    [Forbidden: nobody takes it away]
 *                                              clears the entry, the device page is freed
 *
 * so the table is filled from the CPU page table, under a sequence, as by any fault.
 */
function enter(dev: DeviceContext, mirror: Mirror, range: Range, start: number, entries: readonly number[]): void {
  if (entries.every((entry) => entry === ENTRY.none)) return
  if (dev.rangeRegister(range, mirror, start, entries.length) !== 0) return
  for (let entered = false; !entered && dev.rangeWait(range); ) {
    const filled = dev.rangeSnapshot(range)
    dev.lock(mirror)
    entered = filled >= 0 && dev.rangeValid(range)
    if (entered) mapFound(dev, mirror, range, start, entries)
    dev.unlock(mirror)
  }
  dev.rangeUnregister(range)
}

/** Maps what a filled range has: moved pages in the device's own memory, others with the right they had. Update lock held. */
function mapFound(dev: DeviceContext, mirror: Mirror, range: Range, start: number, entries: readonly number[]): void {
  const iterator = dev.iterate(mirror)
  for (const [i, wanted] of entries.entries()) {
    const entry = dev.rangeEntry(range, i)
    if (wanted === ENTRY.none || !dev.rangeHas(range, i, false)) continue
    const frame = Number(entry >> BigInt(FORMAT.pfnShift)) as Frame
    const write = (entry & FORMAT.write) !== 0n
    const own = (entry & OWN) !== 0n
    if (own) dev.memory.map(mirror, iterator, start + i, frame, write)
    else if (wanted !== ENTRY.moved)
      dev.memory.mapSystem(mirror, iterator, start + i, frame, write && wanted === ENTRY.write ? MIRROR_WRITE : 0)
  }
  iterator.finish()
}

const OWN = FORMAT.devicePrivate ?? 0n

/**
 * A system page for each page that moves, with its content; the device's entry goes first, so that nothing is written while
 * it is copied. False when memory is out: those pages stay.
 */
function supplySystemPages(dev: DeviceContext, migration: Migration, mirror: Mirror | null): boolean {
  let supplied = true
  for (let i = 0; i < migration.src.length; i++) {
    const source = dev.memory.source(migration, i)
    if (source === -1 || !dev.memory.migrates(migration, i)) continue
    const target = dev.memory.allocSystemPage()
    if (target === -1) {
      supplied = false
      continue
    }
    if (mirror !== null) {
      dev.lock(mirror)
      dev.unmap(mirror, migration.start + i, migration.start + i)
      dev.unlock(mirror)
    }
    dev.memory.copyPage(target, source)
    dev.memory.setTarget(migration, i, target)
  }
  return supplied
}
