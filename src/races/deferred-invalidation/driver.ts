/**
 * A faulty svm: its callback stores the sequence, but leaves the unmapping to the service (known race 17). The queued work has a
 * reference to the mirror, so that it is late and nothing else.
 */
import { type DeviceContext, defineDriver, type Mirror } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

/** The mistake: the device goes on using the range until the service comes round to it. */
function unmapLater(dev: DeviceContext, mirror: Mirror, start: number, last: number): boolean {
  const held = dev.getMirror(dev.mmOf(mirror))
  if (held === null) return false // it is being closed, and loses all its entries
  if (dev.queueWork(0, held, start, last)) return true
  dev.putMirror(held) // never the last one: a callback runs
  return false
}

export default defineDriver({
  ...svm,
  name: 'deferred-invalidation',
  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    dev.setSeq(mirror, seq)
    const [start, last] = [dev.start(range), dev.last(range)]
    if (!unmapLater(dev, mirror, start, last)) dev.unmap(mirror, start, last)
    dev.unlock(mirror)
    return true
  },
  work(dev, { args: [held = 0, start = 0, last = 0] }) {
    const mirror = held as Mirror
    dev.lock(mirror)
    dev.unmap(mirror, start >>> 0, last >>> 0)
    dev.unlock(mirror)
    dev.putMirror(mirror)
  },
})
