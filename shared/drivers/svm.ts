/**
 * svm: a GPU with replayable faults that shares the process's address space. The shape of nouveau's and amdgpu's SVM, kept
 * small: one update lock per address space, no memory of its own.
 *
 *   invalidate      lock, setSeq, unmap with TLB flush, unlock
 *   two passes      lock, setSeq, unmap, begin the flush, unlock; then wait for it: several devices flush at the same time
 *   serviceFault    the loop of a driver (hmm/protocol.ts) for the page that faulted; in era unlocked-timeout its first half is one
 *                   call, which gives mmap_sem up while it waits
 *   update          in era events instead of all these: a fault that HMM has served is shown to the hardware, a change is taken from it
 *
 * A fault that is still collided with after HMM_RANGE_DEFAULT_TIMEOUT is left to the replay: the hardware asks again.
 */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  type DeviceFault,
  defineDriver,
  EAGAIN,
  EBUSY,
  EFAULT,
  ENOMEM,
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  isDeviceFault,
  type Mirror,
  type PfnFormat,
  type Range,
} from '../device/index.ts'

/** The device's own entry format: valid and write on top, as its page tables have them, frames from bit 8. */
export const SVM_FORMAT: PfnFormat = { valid: 1n << 63n, write: 1n << 62n, error: 1n << 1n, none: 0n, pfnShift: 8 }

/** Word of a mirror that holds its service's range. Written by attach, before the hardware knows the mirror. */
const RANGE_WORD = 0

/** How long one fault may be retried before it is left to the hardware (kernel: HMM_RANGE_DEFAULT_TIMEOUT, 1000 ms). */
const RETRY_BUDGET_MS = 1000
const NS_PER_MS = 1_000_000

export default defineDriver({
  name: 'svm',

  attach(dev, mirror) {
    const range = dev.createRange(64, SVM_FORMAT)
    if (range === 0) return -ENOMEM
    dev.store(dev.mirrorWord(mirror, RANGE_WORD), range)
    return 0
  },

  detach(dev, mirror) {
    dev.freeRange(dev.load(dev.mirrorWord(mirror, RANGE_WORD)) as Range)
  },

  invalidate(dev, mirror, range, seq) {
    if (!locked(dev, mirror, dev.blockable(range))) return false
    dev.setSeq(mirror, seq)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },

  invalidateStart(dev, mirror, range, seq) {
    if (!locked(dev, mirror, dev.blockable(range))) return -EAGAIN
    dev.setSeq(mirror, seq)
    const ticket = dev.startUnmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return ticket
  },

  invalidateFinish(dev, ticket) {
    dev.finishFlush(ticket)
  },

  update(dev, mirror, event) {
    if (!locked(dev, mirror, event.blockable)) return -EAGAIN
    if (isDeviceFault(event.etype)) dev.publish(mirror, event)
    else dev.withdraw(mirror, event)
    dev.unlock(mirror)
    return 0
  },

  serviceFault(dev, mirror, fault) {
    if (dev.era === 'events') {
      const write = fault.access >= DEVICE_ACCESS.write
      const etype = write ? HMM_DEVICE_WRITE_FAULT : HMM_DEVICE_READ_FAULT
      const served = dev.mirrorFault(mirror, { etype, start: fault.vpn, end: fault.vpn + 1 })
      return served === -EBUSY ? 0 : served // the replay asks again
    }
    return serveWith(dev, mirror, fault, fill)
  },
})

/** Takes the update lock; false where that would have to wait and may not. */
function locked(dev: DeviceContext, mirror: Mirror, blockable: boolean): boolean {
  if (!blockable) return dev.tryLock(mirror)
  dev.lock(mirror)
  return true
}

/** Registers the mirror's range for the page that faulted, has `fillRange` do the loop, and unregisters it. */
export function serveWith(
  dev: DeviceContext,
  mirror: Mirror,
  fault: DeviceFault,
  fillRange: (dev: DeviceContext, mirror: Mirror, range: Range) => number,
): number {
  const write = fault.access >= DEVICE_ACCESS.write
  const range = dev.load(dev.mirrorWord(mirror, RANGE_WORD)) as Range
  dev.rangeRequest(range, write ? SVM_FORMAT.valid | SVM_FORMAT.write : SVM_FORMAT.valid)
  const registered = dev.rangeRegister(range, mirror, fault.vpn, 1)
  if (registered !== 0) return registered
  const result = fillRange(dev, mirror, range)
  dev.rangeUnregister(range)
  return result
}

/** The loop of a driver. 0: installed, or left to the replay. Not with the update lock held. */
function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  const giveUpNs = dev.nowNs() + RETRY_BUDGET_MS * NS_PER_MS
  for (let chain = 1; ; chain++) {
    const filled = dev.era === 'unlocked-timeout' ? dev.rangeFaultUnlocked(range, RETRY_BUDGET_MS) : read(dev, mirror, range)
    if (filled < 0 && filled !== -EBUSY) return filled
    if (filled >= 0) {
      dev.lock(mirror)
      if (dev.rangeValid(range)) {
        const installed = dev.install(range)
        dev.unlock(mirror)
        return installed < 0 ? -ENOMEM : 0
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
