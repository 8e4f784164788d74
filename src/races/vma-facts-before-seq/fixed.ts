/**
 * An svm in two steps: it makes a page writable where its area allows that, and then looks the frame up and installs it with the rights of
 * the area. Both steps are between the beginning of the read and the comparison under the lock.
 */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  defineDriver,
  EBUSY,
  EFAULT,
  ENOMEM,
  EPERM,
  type Mirror,
  type Range,
} from 'hmm-runtime/driver'
import svm, { SVM_FORMAT, serveWith } from 'hmm-runtime/drivers/svm'

const { valid: READ, write: WRITE } = SVM_FORMAT

/** Fills the range for what `asks` says; mmap_sem is held meanwhile. -EBUSY when it was spoilt. */
function read(dev: DeviceContext, mirror: Mirror, range: Range, asks: () => bigint): number {
  dev.mmapReadLock(mirror)
  dev.rangeRequest(range, asks())
  const filled = dev.rangeFault(range)
  dev.mmapReadUnlock(mirror)
  return filled
}

/** One go at a page. The rights it was installed with; -EBUSY to begin again, or another negative errno. */
function attempt(dev: DeviceContext, mirror: Mirror, range: Range, page: number, between: typeof goOn): bigint | number {
  if (!dev.rangeWait(range)) return -EFAULT
  let rights = READ
  const made = read(dev, mirror, range, () => {
    rights = dev.memory.areaAt(dev.mmOf(mirror), page)?.writable ? READ | WRITE : READ
    return rights
  })
  if (made < 0) return made
  if (!between(dev, range)) return -EFAULT
  const found = read(dev, mirror, range, () => READ)
  if (found < 0) return found
  dev.lock(mirror)
  const valid = dev.rangeValid(range)
  const entries = dev.rangeEntries(range)
  if (valid) entries[0] = (entries[0] as bigint) | rights
  const installed = valid ? dev.install(range) : 0
  dev.unlock(mirror)
  return !valid ? -EBUSY : installed < 0 ? -ENOMEM : rights
}

function goOn(_dev: DeviceContext, _range: Range): boolean {
  return true
}

/** The driver, with what it does between its two steps; false: the mirror is dead. */
export function inTwoSteps(name: string, between: typeof goOn) {
  return defineDriver({
    ...svm,
    name,
    serviceFault: (device, mirrorOf, fault) =>
      serveWith(device, mirrorOf, fault, (dev, mirror, range) => {
        let got = attempt(dev, mirror, range, fault.vpn, between)
        while (got === -EBUSY) got = attempt(dev, mirror, range, fault.vpn, between)
        if (typeof got === 'number') return got
        return fault.access >= DEVICE_ACCESS.write && (got & WRITE) === 0n ? -EPERM : 0
      }),
  })
}

export default inTwoSteps('reads-once', goOn)
