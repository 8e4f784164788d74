/**
 * An svm with an index of one child: a record for a span of pages. An invalidation that leaves the child empty, and it always does here,
 * has the service end it.
 *
 *   mirror's word 1   CHILD    the child's record, or 0. Atomic.
 */
import { type DeviceContext, defineDriver, type WordAt } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'
import { putRecord, takeRecord } from '../onerecord.ts'

const CHILD = 1

/** Ends a child; the index does not name it afterwards. */
function end(dev: DeviceContext, child: WordAt, at: WordAt): void {
  dev.cas(at, child, 0)
  dev.records.free(child)
}

/** The driver, with its way to find, in the word at `at`, the child that is to end; 0: none. */
export function parent(name: string, childToEnd: (dev: DeviceContext, at: WordAt) => WordAt) {
  return defineDriver({
    ...svm,
    name,
    detach(dev, mirror) {
      const child = takeRecord(dev, dev.mirrorWord(mirror, CHILD))
      if (child !== 0) dev.records.free(child)
      svm.detach?.(dev, mirror)
    },
    invalidate(dev, mirror, range, seq) {
      const done = svm.invalidate(dev, mirror, range, seq)
      const at = dev.mirrorWord(mirror, CHILD)
      const child = done ? childToEnd(dev, at) : 0
      if (child !== 0 && !dev.queueWork(0, child, at)) end(dev, child, at)
      return done
    },
    work: (dev, { args: [child = 0, at = 0] }) => end(dev, child, at),
    ioctl(dev, mirror, { pages }) {
      const errno = putRecord(dev, dev.mirrorWord(mirror, CHILD))
      return { errno, cpages: errno === 0 ? pages : 0, faults: 0 }
    },
  })
}

/** Whoever takes the child out of the index, and nobody else, has it ended. */
export default parent('takes-the-child-out', takeRecord)
