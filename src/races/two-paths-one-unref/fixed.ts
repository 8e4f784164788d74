/**
 * An svm that keeps a buffer for a span of pages, which two things end: an invalidation of the pages, and the command unbind. Other
 * holders of the buffer are left out: the last reference is the span's.
 *
 *   mirror's word 1   BUFFER   the buffer's record, or 0: the span's reference. Atomic.
 *   record            REFS     references. Atomic.
 */
import { type DeviceContext, defineDriver, EINVAL, ENOMEM, type Mirror, type WordAt } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

export const BUFFER = 1
const REFS = 0

/** Drops one reference; the last one ends the buffer. */
export function unref(dev: DeviceContext, buffer: WordAt): void {
  if (dev.add(buffer + REFS, -1) === 1) dev.records.free(buffer)
}

/** Who takes the pointer out has the reference, and nobody else. */
function dropBuffer(dev: DeviceContext, mirror: Mirror): void {
  const at = dev.mirrorWord(mirror, BUFFER)
  const buffer = dev.load(at)
  if (buffer !== 0 && dev.cas(at, buffer, 0) === buffer) unref(dev, buffer)
}

function bind(dev: DeviceContext, mirror: Mirror): number {
  const buffer = dev.records.alloc()
  if (buffer === 0) return -ENOMEM
  dev.store(buffer + REFS, 1)
  if (dev.cas(dev.mirrorWord(mirror, BUFFER), 0, buffer) === 0) return 0
  dev.records.free(buffer)
  return -EINVAL
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
      if (cmd === 'bind') errno = bind(dev, mirror)
      else drop(dev, mirror)
      return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
    },
  })
}

export default buffered('takes-the-pointer-out', dropBuffer)
