// @ts-check
/**
 * An NPU that reads and writes whole tensors: one fault brings in the pages around it, too, so that the next ones are there. What of them
 * is not there to be had (the end of an area, say) is left out; only the page that faulted has to be served.
 */
import { DEVICE_ACCESS, defineDriver, EBUSY, EFAULT, ENOMEM } from 'hmm-runtime/driver'

/** @type {import('hmm-runtime/driver').PfnFormat} */
const FORMAT = { valid: 1n << 63n, write: 1n << 62n, error: 1n << 1n, none: 0n, pfnShift: 8 }
/** Pages of a tensor tile: a fault brings in all of its tile that can be had. */
const TILE_PAGES = 4
/** Words of a mirror: the range for a tile, and the one for a page alone. */
const TILE_RANGE = 0
const PAGE_RANGE = 1

export default defineDriver({
  name: 'npu',

  attach(dev, mirror) {
    const tile = dev.createRange(TILE_PAGES, FORMAT)
    if (tile === 0) return -ENOMEM
    const page = dev.createRange(1, FORMAT)
    if (page === 0) {
      dev.freeRange(tile)
      return -ENOMEM
    }
    dev.store(dev.mirrorWord(mirror, TILE_RANGE), tile)
    dev.store(dev.mirrorWord(mirror, PAGE_RANGE), page)
    return 0
  },

  detach(dev, mirror) {
    for (const word of [TILE_RANGE, PAGE_RANGE]) dev.freeRange(rangeOf(dev, mirror, word))
  },

  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.setSeq(mirror, seq)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },

  serviceFault(dev, mirror, fault) {
    const first = fault.vpn - (fault.vpn % TILE_PAGES)
    if (serve(dev, mirror, fault, TILE_RANGE, first, TILE_PAGES) === 0) return 0
    return serve(dev, mirror, fault, PAGE_RANGE, fault.vpn, 1)
  },
})

/**
 * Reads the pages and installs them if nothing happened meanwhile. 0 or a negative errno.
 *
 * @param {import('hmm-runtime/driver').DeviceContext} dev
 * @param {import('hmm-runtime/driver').Mirror} mirror
 * @param {import('hmm-runtime/driver').DeviceFault} fault
 * @param {number} word
 * @param {number} first
 * @param {number} pages
 */
function serve(dev, mirror, fault, word, first, pages) {
  const range = rangeOf(dev, mirror, word)
  dev.rangeRequest(range, fault.access >= DEVICE_ACCESS.write ? FORMAT.valid | FORMAT.write : FORMAT.valid)
  const registered = dev.rangeRegister(range, mirror, first, pages)
  if (registered !== 0) return registered
  const result = fill(dev, mirror, range)
  dev.rangeUnregister(range)
  return result
}

/**
 * @param {import('hmm-runtime/driver').DeviceContext} dev
 * @param {import('hmm-runtime/driver').Mirror} mirror
 * @param {import('hmm-runtime/driver').Range} range
 */
function fill(dev, mirror, range) {
  for (let chain = 1; ; chain++) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    if (filled < 0 && filled !== -EBUSY) return filled
    if (filled >= 0) {
      dev.lock(mirror)
      const installed = dev.rangeValid(range) ? dev.install(range) : null
      dev.unlock(mirror)
      if (installed !== null) return installed < 0 ? -ENOMEM : 0
    }
    dev.countRetry(mirror, chain)
  }
}

/**
 * @param {import('hmm-runtime/driver').DeviceContext} dev
 * @param {import('hmm-runtime/driver').Mirror} mirror
 * @param {number} word
 */
function rangeOf(dev, mirror, word) {
  return /** @type {import('hmm-runtime/driver').Range} */ (dev.load(dev.mirrorWord(mirror, word)))
}
