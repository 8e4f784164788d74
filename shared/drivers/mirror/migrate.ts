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
  type Migration,
  type Mirror,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Vma,
} from '../../device/index.ts'
import { BATCH } from './format.ts'
import { copyOut } from './transfer.ts'

const failed = (errno: number): IoctlResult => ({ errno, cpages: 0, faults: 0 })

/** migrate_dev: 0 and the values, -ENOENT when a page has no entry afterwards, -EINVAL for what cannot move at all. */
export function migrateToDevice(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  dev.mmapReadLock(mirror)
  const errno = eachPiece(dev, mirror, request, SELECT_SYSTEM, (migration, writable) => {
    supplyDevicePages(dev, migration)
    dev.memory.pages(migration)
    enterMoved(dev, mirror, migration, writable)
    dev.memory.finalize(migration)
  })
  dev.mmapReadUnlock(mirror)
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
    const migration = dev.memory.evictSetup((first + done) as Frame, Math.min(BATCH, count - done))
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
  move: (migration: Migration, writable: boolean) => void,
): number {
  const last = request.start + request.pages - 1
  for (let vpn = request.start; vpn <= last; ) {
    const area = dev.memory.areaAt(dev.mmOf(mirror), vpn)
    if (area === null || !area.readable) return -EINVAL
    const end = Math.min(last, vpn + BATCH - 1, area.last)
    const migration = dev.memory.migration(area.vma, vpn, end, select)
    const errno = dev.memory.setup(migration)
    if (errno !== 0) return errno
    move(migration, area.writable)
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

/** Enters what really moved into the device table. The pages are locked and their entries are migration entries. */
function enterMoved(dev: DeviceContext, mirror: Mirror, migration: Migration, areaWritable: boolean): void {
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  for (let i = 0; i < migration.src.length; i++) {
    const target = dev.memory.target(migration, i)
    if (target === -1 || !dev.memory.migrates(migration, i)) continue
    const writable = dev.memory.source(migration, i) === -1 ? areaWritable : dev.memory.sourceWritable(migration, i)
    dev.memory.map(mirror, iterator, migration.start + i, target, writable)
  }
  dev.unlock(mirror)
  iterator.finish()
}

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
