/**
 * An svm that tells its hardware about pages by a key: reg_mr makes the key, dereg_mr gives it back, and an invalidation of the key's
 * pages is noted in its record.
 *
 *   mirror's word 1   KEY      the key's record, or 0. Taken out under the update lock.
 *   record            CHANGES  invalidations that the hardware was told of. Under the update lock.
 */
import { type DeviceContext, defineDriver, get, type Mirror, put } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'
import { putRecord, takeRecord } from '../onerecord.ts'

export const KEY = 1
const CHANGES = 0

/** Callbacks find no key before it is given back. */
function revoke(dev: DeviceContext, mirror: Mirror): void {
  dev.lock(mirror)
  const key = takeRecord(dev, dev.mirrorWord(mirror, KEY))
  dev.unlock(mirror)
  if (key !== 0) dev.records.free(key)
}

/** The driver, with its way to give a key back. */
export function keyed(name: string, giveBack: (dev: DeviceContext, mirror: Mirror) => void) {
  return defineDriver({
    ...svm,
    name,
    detach(dev, mirror) {
      revoke(dev, mirror)
      svm.detach?.(dev, mirror)
    },
    invalidate(dev, mirror, range, seq) {
      if (dev.blockable(range)) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return false
      dev.setSeq(mirror, seq)
      const key = dev.load(dev.mirrorWord(mirror, KEY))
      if (key !== 0) put(dev.task, key + CHANGES, get(dev.task, key + CHANGES) + 1)
      dev.unmap(mirror, dev.start(range), dev.last(range))
      dev.unlock(mirror)
      return true
    },
    ioctl(dev, mirror, { cmd, pages }) {
      let errno = 0
      if (cmd === 'reg_mr') errno = putRecord(dev, dev.mirrorWord(mirror, KEY))
      else giveBack(dev, mirror)
      return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
    },
  })
}

export default keyed('revokes-under-the-lock', revoke)
