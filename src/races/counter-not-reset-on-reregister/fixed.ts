/**
 * An svm that watches a span: while an invalidation of the span is between its two passes, it is counted, and no fault is served. The span can
 * be moved by bind.
 *
 *   mirror's words 1, 2   the span: first page + 1, last page. 0: none. Under the update lock.
 *   mirror's word 3       RUNNING   invalidations of the span between their passes. Written under the update lock, read without.
 *
 * What an invalidation counted it takes back by its token (NOTE), whatever the span is by then.
 */
import { type DeviceContext, defineDriver, EAGAIN, type Mirror, type Pass } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const START = 1
const LAST = 2
const RUNNING = 3

/** Does the span have a page of [start, last]? Update lock held. */
export function isWatched(dev: DeviceContext, mirror: Mirror, start: number, last: number): boolean {
  const first = dev.load(dev.mirrorWord(mirror, START)) - 1
  return first >= 0 && first <= last && dev.load(dev.mirrorWord(mirror, LAST)) >= start
}

function wasCounted(_dev: DeviceContext, { note }: Pass): boolean {
  return note === 1
}

/** The driver, with its way to tell at the end whether an invalidation was counted. */
export function watching(name: string, counted: (dev: DeviceContext, pass: Pass) => boolean) {
  return defineDriver({
    ...svm,
    name,
    invalidateStart(dev, mirror, range, seq) {
      if (dev.blockable(range)) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return -EAGAIN
      dev.setSeq(mirror, seq)
      const [start, last] = [dev.start(range), dev.last(range)]
      dev.unmap(mirror, start, last)
      const watched = isWatched(dev, mirror, start, last)
      const token = dev.passes.claim({ mirror, start, last, note: watched ? 1 : 0 })
      if (token !== 0 && watched) dev.add(dev.mirrorWord(mirror, RUNNING), 1)
      dev.unlock(mirror)
      return token
    },
    invalidateFinish(dev, token) {
      const pass = dev.passes.read(token)
      dev.lock(pass.mirror)
      if (counted(dev, pass)) dev.add(dev.mirrorWord(pass.mirror, RUNNING), -1)
      dev.unlock(pass.mirror)
      dev.passes.drop(token)
    },
    serviceFault(dev, mirror, fault) {
      while (dev.load(dev.mirrorWord(mirror, RUNNING)) !== 0);
      return svm.serviceFault?.(dev, mirror, fault) ?? 0
    },
    ioctl(dev, mirror, { start, pages }) {
      dev.lock(mirror)
      dev.store(dev.mirrorWord(mirror, START), start + 1)
      dev.store(dev.mirrorWord(mirror, LAST), start + pages - 1)
      dev.unlock(mirror)
      return { errno: 0, cpages: pages, faults: 0 }
    },
  })
}

export default watching('remembers-what-it-counted', wasCounted)
