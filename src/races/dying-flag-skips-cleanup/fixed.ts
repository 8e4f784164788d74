/**
 * An svm with a region, made by reg_mr and ended by dereg_mr or with the mirror. When memory is unmapped it is dying: faults on it are refused.
 * That somebody else frees it is another matter, and never so here.
 *
 *   mirror's word 1   REGION   the region's record, or 0. Atomic.
 *   mirror's word 2   DYING    1 once memory was unmapped. Atomic.
 */
import { type DeviceContext, defineDriver, EFAULT, type Mirror, NOTIFY } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'
import { putRecord, takeRecord } from '../onerecord.ts'

const REGION = 1
const DYING = 2

/** Are faults refused? */
export function isDying(dev: DeviceContext, mirror: Mirror): boolean {
  return dev.load(dev.mirrorWord(mirror, DYING)) !== 0
}

/** The driver, with its way to tell that somebody else frees the region. */
export function withRegion(name: string, isLeft: (dev: DeviceContext, mirror: Mirror) => boolean) {
  const end = (dev: DeviceContext, mirror: Mirror) => {
    const region = isLeft(dev, mirror) ? 0 : takeRecord(dev, dev.mirrorWord(mirror, REGION))
    if (region !== 0) dev.records.free(region)
  }
  return defineDriver({
    ...svm,
    name,
    detach(dev, mirror) {
      end(dev, mirror)
      svm.detach?.(dev, mirror)
    },
    invalidate(dev, mirror, range, seq) {
      if (dev.event(range) === NOTIFY.unmap) dev.store(dev.mirrorWord(mirror, DYING), 1)
      return svm.invalidate(dev, mirror, range, seq)
    },
    serviceFault: (dev, mirror, fault) => (isDying(dev, mirror) ? -EFAULT : (svm.serviceFault?.(dev, mirror, fault) ?? 0)),
    ioctl(dev, mirror, { cmd, pages }) {
      let errno = 0
      if (cmd === 'reg_mr') errno = putRecord(dev, dev.mirrorWord(mirror, REGION))
      else end(dev, mirror)
      return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
    },
  })
}

export default withRegion('frees-what-is-dying', () => false)
