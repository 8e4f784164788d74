/**
 * Moving pages of the svm family: to the device, home because a CPU touched them, home to make room. Only the device's service moves
 * pages to the device and evicts, so what it has made room for stays free, and it never evicts what it is just moving.
 *
 *     service                                  a CPU
 *     makes room: the frames used least go home, a batch at a time
 *     mmap_sem; setup, targets, copies, pages, finalize
 *                                              touches a moved page: migrateToRam, home again
 *     reads what the CPU has now, under a
 *     sequence, and maps what is still its own          [Required: not the page that went home]
 *
 * Every step of a migration invalidates as any other change does, also for this device: its callback takes the pages away, and no page
 * is copied while the device can reach it.
 */
import {
  type DeviceContext,
  EFAULT,
  ENOMEM,
  type Frame,
  type Mirror,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Vma,
} from '../../device/index.ts'
import type { Span } from './density.ts'
import { BATCH, rangeOf } from './format.ts'
import { byCpu, byDevice, byEither, supply } from './supply.ts'
import { noteMoves } from './thrashing.ts'

/** Frames that are given up at once, beyond those that are needed: at most so many, and at most that part of the device's memory. */
const EVICT_BATCH = 16
const EVICT_PART = 8

/**
 * Makes `pages` frames of the device's memory free, if it can: no more is tried when each frame was looked at once. Returns how many are
 * free. No lock held; on the service.
 */
export function makeRoom(dev: DeviceContext, pages: number): number {
  const { count } = dev.memory.frames()
  for (let seen = 0; seen < count && dev.memory.freePages() < pages; ) {
    const missing = pages - dev.memory.freePages()
    const oldest = dev.memory.leastUsed(Math.max(missing, Math.min(EVICT_BATCH, Math.floor(count / EVICT_PART))))
    if (oldest.length === 0 || evict(dev, oldest) === 0) break
    seen += oldest.length
  }
  return dev.memory.freePages()
}

/** Sends frames home, as far as there is system memory for them: the device does not lose its entries for nothing. Returns how many were tried. */
function evict(dev: DeviceContext, frames: readonly Frame[]): number {
  const targets: Frame[] = []
  for (let target = dev.memory.allocSystemPage(); target !== -1; target = dev.memory.allocSystemPage()) {
    targets.push(target)
    if (targets.length === frames.length) break
  }
  const tried = targets.length
  if (tried === 0) return 0
  const migration = dev.memory.evictSetup(frames.slice(0, tried))
  supply(dev, migration, () => targets.pop() ?? -1, byEither)
  for (const target of targets) dev.memory.freePage(target)
  dev.memory.pages(migration)
  dev.memory.count('evictions', migration.src.filter((_, i) => dev.memory.migrates(migration, i)).length)
  dev.memory.finalize(migration)
  return tried
}

/**
 * Moves pages [first, last] of one area to the device, as far as they can, and maps what is there afterwards. Returns how many moved. No
 * lock held; on the service.
 */
export function moveToDevice(dev: DeviceContext, mirror: Mirror, { first, last }: Span): number {
  let moved = 0
  for (let start = first; start <= last; start += BATCH) {
    const batch = { first: start, last: Math.min(last, start + BATCH - 1) }
    const frames = makeRoom(dev, batch.last - batch.first + 1) === 0 ? [] : moveBatch(dev, mirror, batch)
    if (frames.length === 0) continue
    moved += frames.length
    for (const frame of frames) dev.memory.used(frame)
    mapMoved(dev, mirror, batch)
  }
  return moved
}

/** Returns the frames that pages went to. */
function moveBatch(dev: DeviceContext, mirror: Mirror, { first, last }: Span): Frame[] {
  const moved: Frame[] = []
  const pages: number[] = []
  dev.mmapReadLock(mirror)
  const area = dev.memory.areaAt(dev.mmOf(mirror), first)
  if (area?.readable === true && area.movable) {
    const migration = dev.memory.migration(area.vma, first, Math.min(last, area.last), SELECT_SYSTEM)
    if (dev.memory.setup(migration) === 0) {
      supply(dev, migration, () => dev.memory.allocPage(), byDevice)
      dev.memory.pages(migration)
      for (let i = 0; i < migration.src.length; i++) {
        const target = dev.memory.target(migration, i)
        if (target === -1 || !dev.memory.migrates(migration, i)) continue
        moved.push(target)
        pages.push(first + i)
      }
      dev.memory.finalize(migration)
    }
  }
  dev.mmapReadUnlock(mirror)
  noteMoves(dev, mirror, pages)
  return moved
}

/**
 * Maps those of the pages that are in the device's memory now. Tried once: what somebody changes meanwhile faults when it is used.
 */
function mapMoved(dev: DeviceContext, mirror: Mirror, { first, last }: Span): void {
  const range = rangeOf(dev, mirror)
  dev.rangeOwnMemory(range)
  dev.rangeRequest(range, 0n)
  if (dev.rangeRegister(range, mirror, first, last - first + 1) === 0) {
    if (dev.rangeWait(range)) {
      dev.mmapReadLock(mirror)
      const filled = dev.rangeSnapshot(range)
      dev.mmapReadUnlock(mirror)
      dev.lock(mirror)
      if (filled >= 0 && dev.rangeValid(range)) dev.installOwn(range)
      dev.unlock(mirror)
    }
    dev.rangeUnregister(range)
  }
  dev.rangeOwnMemory(range, false)
}

/** A CPU touched a page of the device's memory (the driver's migrateToRam). */
export function bringHome(dev: DeviceContext, vma: Vma, vpn: number, frame: Frame): number {
  const migration = dev.memory.migration(vma, vpn, vpn, SELECT_DEVICE_PRIVATE, frame)
  if (dev.memory.setup(migration) !== 0) return -EFAULT
  const supplied = supply(dev, migration, () => dev.memory.allocSystemPage(), byCpu)
  dev.memory.pages(migration)
  dev.memory.finalize(migration)
  const mirror = dev.getMirror(dev.memory.mmOf(vma))
  if (mirror !== null) {
    noteMoves(dev, mirror, [vpn])
    dev.putMirror(mirror)
  }
  return supplied ? 0 : -ENOMEM
}
