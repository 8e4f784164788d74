/**
 * The loop of a driver (hmm/protocol.ts) for the page that faulted: what the CPU has of it is read, and installed if it still holds. A
 * fault that is still collided with after HMM_RANGE_DEFAULT_TIMEOUT is left to the replay: the hardware asks again.
 *
 * Pages in the device's own memory count as there, if the caller says so. They have the rights that they have: a CPU fault could not
 * give more without bringing them home. That is what a write fault on such a page then does (after a fork, or under an mprotect).
 */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  type DeviceFault,
  EBUSY,
  EFAULT,
  ENOMEM,
  type Mirror,
  mirrorValid,
  mirrorWritable,
  type Range,
} from '../../device/index.ts'
import { RETRY_BUDGET_MS, rangeOf, SVM_FORMAT } from './format.ts'

const NS_PER_MS = 1_000_000
/** Installed would be less than what was asked for: a page of the own memory that may not be written. */
const TOO_LITTLE = 1

/** Serves a fault from wherever the page is; `own`: also from the device's own memory. 0 or a negative errno. No lock held. */
export function fillPage(dev: DeviceContext, mirror: Mirror, fault: DeviceFault, own: boolean): number {
  const write = fault.access >= DEVICE_ACCESS.write
  if (!own) {
    const range = askingRange(dev, mirror, write)
    const installed = dev.mirrorRange(range, mirror, fault.vpn, 1, RETRY_BUDGET_MS)
    return installed === -EBUSY ? 0 : Math.min(installed, 0)
  }
  rangeOwn(dev, mirror, true)
  const result = serveWith(dev, mirror, fault, (d, m, range) => fill(d, m, range, write))
  rangeOwn(dev, mirror, false)
  return result === TOO_LITTLE ? fillPage(dev, mirror, fault, false) : result
}

/** Is the page mapped as the fault needs it? Takes the update lock. */
export function isMapped(dev: DeviceContext, mirror: Mirror, { vpn, access }: DeviceFault): boolean {
  const iterator = dev.iterate(mirror)
  dev.lock(mirror)
  const entry = dev.entry(iterator, vpn)
  dev.unlock(mirror)
  iterator.finish()
  return mirrorValid(entry) && (access < DEVICE_ACCESS.write || mirrorWritable(entry))
}

/** Registers the mirror's range for the page that faulted, has `fillRange` do the loop, and unregisters it. */
export function serveWith(
  dev: DeviceContext,
  mirror: Mirror,
  fault: DeviceFault,
  fillRange: (dev: DeviceContext, mirror: Mirror, range: Range) => number,
): number {
  const range = askingRange(dev, mirror, fault.access >= DEVICE_ACCESS.write)
  const registered = dev.rangeRegister(range, mirror, fault.vpn, 1)
  if (registered !== 0) return registered
  const result = fillRange(dev, mirror, range)
  dev.rangeUnregister(range)
  return result
}

/** The mirror's range, asking for the right that a fault needs. */
function askingRange(dev: DeviceContext, mirror: Mirror, write: boolean): Range {
  const range = rangeOf(dev, mirror)
  dev.rangeRequest(range, write ? SVM_FORMAT.valid | SVM_FORMAT.write : SVM_FORMAT.valid)
  return range
}

/** 0: installed, or left to the replay. `write`: nothing that may not be written is installed. Not with the update lock held. */
function fill(dev: DeviceContext, mirror: Mirror, range: Range, write: boolean): number {
  const giveUpNs = dev.nowNs() + RETRY_BUDGET_MS * NS_PER_MS
  for (let chain = 1; ; chain++) {
    const filled = dev.era === 'unlocked-timeout' ? dev.rangeFaultUnlocked(range, RETRY_BUDGET_MS) : read(dev, mirror, range)
    if (filled < 0 && filled !== -EBUSY) return filled
    if (filled >= 0) {
      dev.lock(mirror)
      if (dev.rangeValid(range)) {
        const enough = !write || dev.rangeHas(range, 0, true)
        const installed = enough ? dev.install(range) : TOO_LITTLE
        dev.unlock(mirror)
        return installed < 0 ? -ENOMEM : enough ? 0 : TOO_LITTLE
      }
      dev.unlock(mirror)
    }
    dev.countRetry(mirror, chain)
    if (dev.nowNs() > giveUpNs) return 0
  }
}

/** One look at the CPU page table, with mmap_sem held for as long as it takes. -EBUSY when it was spoilt. */
function read(dev: DeviceContext, mirror: Mirror, range: Range): number {
  if (!dev.rangeWait(range)) return -EFAULT
  dev.mmapReadLock(mirror)
  const filled = dev.rangeFault(range)
  dev.mmapReadUnlock(mirror)
  return filled
}

function rangeOwn(dev: DeviceContext, mirror: Mirror, counts: boolean): void {
  dev.rangeOwnMemory(rangeOf(dev, mirror), counts)
}
