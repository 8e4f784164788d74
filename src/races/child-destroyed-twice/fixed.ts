/**
 * An svm with an index of one child: a record for a span of pages. An invalidation that leaves the child empty, and it always does here,
 * has the service end it.
 *
 *   mirror's word 1   CHILD    the child's record, or 0. Atomic.
 */
import { type DeviceContext, defineDriver, EINVAL, ENOMEM, type Mirror, type WordAt } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const CHILD = 1

/** Takes the child out of the index; whoever did, and nobody else, queues its end. */
function takeOut(dev: DeviceContext, mirror: Mirror): WordAt {
  const at = dev.mirrorWord(mirror, CHILD)
  const child = dev.load(at)
  return child !== 0 && dev.cas(at, child, 0) === child ? child : 0
}

function register(dev: DeviceContext, mirror: Mirror): number {
  const child = dev.records.alloc()
  if (child === 0) return -ENOMEM
  if (dev.cas(dev.mirrorWord(mirror, CHILD), 0, child) === 0) return 0
  dev.records.free(child)
  return -EINVAL
}

/** Ends a child; the index does not name it afterwards. */
function end(dev: DeviceContext, child: WordAt, at: WordAt): void {
  dev.cas(at, child, 0)
  dev.records.free(child)
}

/** The driver, with its way to find the child that is to end; 0: none. */
export function parent(name: string, ends: (dev: DeviceContext, at: WordAt, takeOut: () => WordAt) => WordAt) {
  const ending = (dev: DeviceContext, mirror: Mirror) => ends(dev, dev.mirrorWord(mirror, CHILD), () => takeOut(dev, mirror))
  return defineDriver({
    ...svm,
    name,
    detach(dev, mirror) {
      const child = takeOut(dev, mirror)
      if (child !== 0) dev.records.free(child)
      svm.detach?.(dev, mirror)
    },
    invalidate(dev, mirror, range, seq) {
      const done = svm.invalidate(dev, mirror, range, seq)
      const child = done ? ending(dev, mirror) : 0
      const at = dev.mirrorWord(mirror, CHILD)
      if (child !== 0 && !dev.queueWork(0, child, at)) end(dev, child, at)
      return done
    },
    work: (dev, { args: [child = 0, at = 0] }) => end(dev, child, at),
    ioctl(dev, mirror, { pages }) {
      const errno = register(dev, mirror)
      return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
    },
  })
}

export default parent('takes-the-child-out', (_dev, _at, take) => take())
