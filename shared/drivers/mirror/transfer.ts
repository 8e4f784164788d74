/**
 * read and write: copy page by page through the device table; at the first page without an entry (write: without a writable
 * one) fault the whole rest of the range at once, count a fault, and go on.
 *
 * One fault goes through the range in batches; a batch enters the table only as a whole, with one exception: where a write
 * meets a read-only page of the own memory, the entries before it are made, and the write fails there.
 */
import {
  type DeviceContext,
  EBUSY,
  EFAULT,
  ENOMEM,
  type IoctlRequest,
  type IoctlResult,
  type Mirror,
  type Range,
} from '../../device/index.ts'
import { BATCH, FORMAT, RETRY_BUDGET_NS } from './format.ts'

/** dread and dwrite: `cpages` copied and `faults` served, also when it fails half way. No lock held. */
export function transfer(dev: DeviceContext, mirror: Mirror, request: IoctlRequest, write: boolean): IoctlResult {
  const values: number[] = []
  let cpages = 0
  let faults = 0
  for (;;) {
    cpages = write ? copyIn(dev, mirror, request, cpages) : copyOut(dev, mirror, request, cpages, values)
    if (cpages === request.pages) return write ? { errno: 0, cpages, faults } : { errno: 0, cpages, faults, values }
    const errno = faultIn(dev, mirror, request.start + cpages, request.pages - cpages, write)
    if (errno !== 0) return { errno, cpages, faults }
    faults++
  }
}

/** Reads pages from number `from` on, as far as entries reach. Returns the number of the first page not read. */
export function copyOut(dev: DeviceContext, mirror: Mirror, request: IoctlRequest, from: number, values: number[]): number {
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  let page = from
  for (; page < request.pages; page++) {
    const value = dev.loadPage(mirror, iterator, request.start + page)
    if (value === null) break
    values.push(value[0], value[1])
  }
  dev.unlock(mirror)
  iterator.finish()
  return page
}

/** Writes value + page number into each page, as far as writable entries reach. */
function copyIn(dev: DeviceContext, mirror: Mirror, request: IoctlRequest, from: number): number {
  const base = (BigInt((request.high ?? 0) >>> 0) << 32n) | BigInt((request.low ?? 0) >>> 0)
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  let page = from
  for (; page < request.pages; page++) {
    const value = base + BigInt(page)
    const low = Number(BigInt.asIntN(32, value))
    const high = Number(BigInt.asIntN(32, value >> 32n))
    if (!dev.storePage(mirror, iterator, request.start + page, low, high)) break
  }
  dev.unlock(mirror)
  iterator.finish()
  return page
}

/** Faults [start, start + pages) in, batch by batch. 0, or the errno of the first batch that failed. */
function faultIn(dev: DeviceContext, mirror: Mirror, start: number, pages: number, write: boolean): number {
  const range = dev.createRange(BATCH, FORMAT)
  if (range === 0) return -ENOMEM
  dev.rangeOwnMemory(range)
  dev.rangeRequest(range, write ? FORMAT.valid | FORMAT.write : FORMAT.valid)
  let errno = 0
  for (let done = 0; errno === 0 && done < pages; done += BATCH) {
    const count = Math.min(BATCH, pages - done)
    errno = dev.rangeRegister(range, mirror, start + done, count)
    if (errno !== 0) break
    errno = fillBatch(dev, mirror, range, count, write)
    dev.rangeUnregister(range)
  }
  dev.freeRange(range)
  return errno
}

function fillBatch(dev: DeviceContext, mirror: Mirror, range: Range, pages: number, write: boolean): number {
  const giveUpNs = dev.nowNs() + RETRY_BUDGET_NS
  for (let chain = 1; ; chain++) {
    if (dev.nowNs() > giveUpNs) return -EBUSY
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    if (filled >= 0) {
      dev.lock(mirror)
      if (dev.rangeValid(range)) {
        const result = installBatch(dev, range, pages, write)
        dev.unlock(mirror)
        return result
      }
      dev.unlock(mirror)
    } else if (filled !== -EBUSY) {
      return filled
    }
    dev.countRetry(mirror, chain)
  }
}

/** Installs a batch up to the first page that has not what was asked (a read-only page of own memory): -EFAULT there. */
function installBatch(dev: DeviceContext, range: Range, pages: number, write: boolean): number {
  let usable = 0
  while (usable < pages && dev.rangeHas(range, usable, write)) usable++
  if (dev.install(range, usable) < 0) return -ENOMEM
  return usable === pages ? 0 : -EFAULT
}
