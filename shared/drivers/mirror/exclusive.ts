/**
 * exclusive and check_exclusive: pages taken from all CPUs for the device's atomic access. A batch is entered page by page as
 * far as it could be taken; if any page of it could not, the answer is EBUSY. If the pages of a batch could not all be had in
 * the first place, none of them is entered, though those before the missing one are gone from the CPUs.
 */
import { type DeviceContext, EBUSY, EPERM, type IoctlRequest, type IoctlResult, type Mirror } from '../../device/index.ts'
import { BATCH, EXCLUSIVE_BIT } from './format.ts'
import { copyOut } from './transfer.ts'

/** Takes the pages of a request for atomic access: all of them, or -EBUSY. Takes mmap_sem for reading. */
export function exclusive(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  dev.mmapReadLock(mirror)
  let taken = true
  for (let done = 0; taken && done < request.pages; done += BATCH) {
    taken = takeBatch(dev, mirror, request.start + done, Math.min(BATCH, request.pages - done))
  }
  dev.mmapReadUnlock(mirror)
  const values: number[] = []
  if (!taken || copyOut(dev, mirror, request, 0, values) < request.pages) return { errno: -EBUSY, cpages: 0, faults: 0 }
  return { errno: 0, cpages: request.pages, faults: 0, values }
}

function takeBatch(dev: DeviceContext, mirror: Mirror, start: number, pages: number): boolean {
  let seq = 0
  const taken = dev.memory.takeExclusive(dev.mmOf(mirror), start, pages, () => {
    seq = dev.readBegin(mirror)
  })
  let entered = 0
  if (taken.frames.length === pages) {
    const iterator = dev.iterate(mirror)
    dev.lock(mirror)
    // A page that somebody dropped since it was taken is not entered: whoever did has called back already.
    const valid = !dev.readRetry(mirror, seq)
    for (const [i, frame] of taken.frames.entries()) {
      if (valid && frame !== -1 && dev.memory.mapSystem(mirror, iterator, start + i, frame, EXCLUSIVE_BIT)) entered++
    }
    dev.unlock(mirror)
    iterator.finish()
  }
  dev.memory.releaseExclusive(taken)
  return entered === pages
}

/** EPERM while at least one page of the range carries the exclusive mark in this table. */
export function checkExclusive(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  let marked = false
  for (let page = 0; page < request.pages && !marked; page++)
    marked = (dev.entry(iterator, request.start + page) & EXCLUSIVE_BIT) !== 0
  dev.unlock(mirror)
  iterator.finish()
  return { errno: marked ? -EPERM : 0, cpages: 0, faults: 0 }
}
