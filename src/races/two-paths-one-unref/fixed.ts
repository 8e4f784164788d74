/**
 * An svm that keeps a buffer for a span of pages, which two things end: an invalidation of the pages, and the command unbind. Other
 * holders of the buffer are left out: the last reference is the span's.
 *
 *   mirror's word 1   BUFFER   the buffer's record, or 0: the span's reference. Atomic.
 *   record            REFS     references. Atomic.
 */
import { type DeviceContext, defineDriver, type Mirror, type WordAt } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'
import { putRecord, takeRecord } from '../onerecord.ts'

export const BUFFER = 1
const REFS = 0

/** Drops one reference; the last one ends the buffer. */
export function unref(dev: DeviceContext, buffer: WordAt): void {
  if (dev.add(buffer + REFS, -1) === 1) dev.records.free(buffer)
}

/** Who takes the pointer out has the reference, and nobody else. */
function dropBuffer(dev: DeviceContext, mirror: Mirror): void {
  const buffer = takeRecord(dev, dev.mirrorWord(mirror, BUFFER))
  if (buffer !== 0) unref(dev, buffer)
}

/** The driver, with its way to drop the span's reference. */
export function buffered(name: string, drop: (dev: DeviceContext, mirror: Mirror) => void) {
  return defineDriver({
    ...svm,
    name,
    detach(dev, mirror) {
      drop(dev, mirror)
      svm.detach?.(dev, mirror)
    },
    invalidate(dev, mirror, range, seq) {
      const done = svm.invalidate(dev, mirror, range, seq)
      if (done) drop(dev, mirror)
      return done
    },
    ioctl(dev, mirror, { cmd, pages }) {
      let errno = 0
      if (cmd === 'bind') errno = putRecord(dev, dev.mirrorWord(mirror, BUFFER), 1)
      else drop(dev, mirror)
      return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
    },
  })
}

export default buffered('takes-the-pointer-out', dropBuffer)
