// @ts-check
/**
 * my-driver: a device that shares a process's address space and raises a fault for what it does not have yet.
 *
 * Linux may take any page back at any moment: munmap, reclaim, compaction, fork. It says so first, by calling invalidate(). When that has
 * returned, the device must not use the page any more. Everything below serves that one promise.
 *
 *   attach          a process opens the device: what the driver needs for it is allocated
 *   detach          it is closed: everything is given back
 *   invalidate      Linux takes pages away
 *   serviceFault    the device asks for a page
 *
 * These run on different threads at the same time. So a driver keeps its state in words of the device (dev.word) or of the mirror
 * (dev.mirrorWord), which is one device's view of one address space, and never in variables of this module.
 */
import { DEVICE_ACCESS, defineDriver, EBUSY, EFAULT, ENOMEM } from 'hmm-runtime/driver'

/** @typedef {import('hmm-runtime/driver').DeviceContext} DeviceContext */
/** @typedef {import('hmm-runtime/driver').DeviceFault} DeviceFault */
/** @typedef {import('hmm-runtime/driver').Mirror} Mirror */
/** @typedef {import('hmm-runtime/driver').Range} Range */

/**
 * How an entry of this device's page table looks: valid and write on top, the frame from bit 8.
 * @type {import('hmm-runtime/driver').PfnFormat}
 */
const FORMAT = { valid: 1n << 63n, write: 1n << 62n, error: 1n << 1n, none: 0n, pfnShift: 8 }

/** Word of a mirror that holds the range its faults are served with. */
const RANGE_WORD = 0
/** Pages served at once. */
const PAGES = 1
/** A fault that is collided with for longer is left to the device, which asks again. */
const RETRY_BUDGET_NS = 1_000_000_000

export default defineDriver({
  name: 'my-driver',

  /** 0, or a negative errno to refuse. Who refuses has undone what it did: detach is not called then. */
  attach(dev, mirror) {
    const range = dev.createRange(PAGES, FORMAT)
    if (range === 0) return -ENOMEM
    dev.store(dev.mirrorWord(mirror, RANGE_WORD), range)
    return 0
  },

  /** The last call for a mirror: nothing is mapped, nobody faults. What attach made goes. */
  detach(dev, mirror) {
    dev.freeRange(rangeOf(dev, mirror))
  },

  /**
   * Linux takes pages away. In this order, whatever the reason: lock, setSeq, unmap with the TLB flush, unlock. May not allocate, fault,
   * or wait for a fault that is being served: that one may be waiting for us.
   *
   * Where the caller may not sleep (the OOM killer), the lock is only tried, and false says: not now, and nothing was done.
   */
  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.setSeq(mirror, seq)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },

  /** The device asks for a page. 0: try again, it is there. A negative errno ends what the device was doing. */
  serviceFault(dev, mirror, fault) {
    const range = rangeOf(dev, mirror)
    const write = fault.access >= DEVICE_ACCESS.write
    dev.rangeRequest(range, write ? FORMAT.valid | FORMAT.write : FORMAT.valid)
    const registered = dev.rangeRegister(range, mirror, fault.vpn, PAGES)
    if (registered !== 0) return registered
    const result = fill(dev, mirror, range)
    dev.rangeUnregister(range)
    return result
  },
})

/**
 * The loop that every driver of this kind has. What was read of the CPU's page table is stale as soon as the lock of that table is
 * dropped, so it is asked for once more under our own lock, which invalidate() takes, too:
 *
 *     fault service                            munmap
 *     rangeWait: no invalidation runs
 *     rangeFault: page 0 is frame 65
 *                                              invalidate: lock, setSeq, unmap, unlock
 *                                              frees frame 65
 *     lock
 *     rangeValid: false                        [Required: or frame 65 is installed, and is somebody else's]
 *     unlock, and once more
 *
 * Ask before you lock, and it goes wrong: `npx hmm explore my-driver.scn` shows how. Try it.
 *
 * @param {DeviceContext} dev
 * @param {Mirror} mirror
 * @param {Range} range
 * @returns {number} 0 or a negative errno
 */
function fill(dev, mirror, range) {
  const giveUpNs = dev.nowNs() + RETRY_BUDGET_NS
  for (let chain = 1; ; chain++) {
    const filled = read(dev, mirror, range)
    if (filled < 0 && filled !== -EBUSY) return filled // the page is not there to be had
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

/**
 * One look at the CPU's page table, with mmap_sem held for as long as it takes. Not with the update lock: an invalidation that waits for
 * it may be what the look has to wait for.
 *
 * @param {DeviceContext} dev
 * @param {Mirror} mirror
 * @param {Range} range
 * @returns {number} pages, or a negative errno; -EBUSY when an invalidation spoilt it
 */
function read(dev, mirror, range) {
  if (!dev.rangeWait(range)) return -EFAULT // the process has ended
  dev.mmapReadLock(mirror)
  const filled = dev.rangeFault(range)
  dev.mmapReadUnlock(mirror)
  return filled
}

/**
 * @param {DeviceContext} dev
 * @param {Mirror} mirror
 * @returns {Range}
 */
function rangeOf(dev, mirror) {
  return /** @type {Range} */ (dev.load(dev.mirrorWord(mirror, RANGE_WORD)))
}
