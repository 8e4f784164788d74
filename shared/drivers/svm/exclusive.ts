/**
 * An atomic access to a page of system memory that no CPU may use meanwhile: the page is taken from all of them and mapped for the
 * device, until the next touch of a CPU takes it back (mm/exclusive.ts). The page is locked until it is mapped, so that touch finds it.
 */
import { type DeviceContext, MIRROR_WRITE, type Mirror } from '../../device/index.ts'
import { noteMove } from './thrashing.ts'

/** How often a page is taken again that was lost before it was mapped, until the fault is left to the replay. */
const TRIES = 16

/**
 * Takes page `vpn` and maps it for writing. True: mapped, or left to the replay; false: it cannot be taken (a page of a file, one that
 * somebody holds, no right to write), and is to be served as any other. No lock held.
 */
export function takeExclusively(dev: DeviceContext, mirror: Mirror, vpn: number): boolean {
  for (let tries = 0; tries < TRIES; tries++) {
    let seq = 0
    dev.mmapReadLock(mirror)
    const area = dev.memory.areaAt(dev.mmOf(mirror), vpn)
    if (area?.writable !== true || !area.movable) {
      dev.mmapReadUnlock(mirror)
      return false
    }
    const taken = dev.memory.takeExclusive(dev.mmOf(mirror), vpn, 1, () => {
      seq = dev.readBegin(mirror)
    })
    const [frame = -1] = taken.frames
    const mapped = frame !== -1 && mapTaken(dev, mirror, vpn, frame, seq)
    dev.memory.releaseExclusive(taken)
    dev.mmapReadUnlock(mirror)
    if (mapped || frame === -1) return mapped
    dev.countRetry(mirror, tries + 1)
  }
  return true
}

/** False when somebody dropped the page since it was taken: whoever did has called back already. */
function mapTaken(
  dev: DeviceContext,
  mirror: Mirror,
  vpn: number,
  frame: Parameters<typeof dev.memory.mapSystem>[3],
  seq: number,
): boolean {
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  const mapped = !dev.readRetry(mirror, seq) && dev.memory.mapSystem(mirror, iterator, vpn, frame, MIRROR_WRITE)
  if (mapped) {
    noteMove(dev, mirror, vpn)
    dev.memory.count('exclusives')
  }
  dev.unlock(mirror)
  iterator.finish()
  return mapped
}
