/**
 * An svm whose table is given up in pieces: unbind takes its pages away one by one, and lets others have the lock in between. New faults wait
 * until that is over: they are for the next table.
 *
 *   mirror's word 1   DYING      1 while the table is being given up. Under the update lock.
 *   mirror's word 2   TEARDOWN   mutex, outermost: one who gives up, or one who fills.
 */
import {
  type DeviceContext,
  defineDriver,
  type Mirror,
  mutexLock,
  mutexUnlock,
  type NotifierRange,
  userLockClass,
} from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const DYING = 1
const TEARDOWN = 2
const TEARDOWN_LOCK = userLockClass(60, 'end of a device table', 'sleep')

/** Is the table being given up? Update lock held. */
export function isDying(dev: DeviceContext, mirror: Mirror): boolean {
  return dev.load(dev.mirrorWord(mirror, DYING)) !== 0
}

/** What an invalidation does after it has stored its sequence. Update lock held. */
function takeAway(dev: DeviceContext, mirror: Mirror, range: NotifierRange): void {
  dev.unmap(mirror, dev.start(range), dev.last(range)) // whatever becomes of the table: the device can still reach it
}

function giveUp(dev: DeviceContext, mirror: Mirror, start: number, pages: number): void {
  for (let page = start; page < start + pages; page++) {
    dev.lock(mirror)
    dev.store(dev.mirrorWord(mirror, DYING), 1)
    dev.unmap(mirror, page, page)
    dev.unlock(mirror)
  }
  dev.lock(mirror)
  dev.store(dev.mirrorWord(mirror, DYING), 0)
  dev.unlock(mirror)
}

/** The driver, with what its callback takes away. */
export function inPieces(name: string, take: typeof takeAway) {
  const alone = <R>(dev: DeviceContext, mirror: Mirror, act: () => R): R => {
    const lock = dev.mirrorWord(mirror, TEARDOWN)
    mutexLock(dev.task, lock, TEARDOWN_LOCK)
    const result = act()
    mutexUnlock(dev.task, lock)
    return result
  }
  return defineDriver({
    ...svm,
    name,
    invalidate(dev, mirror, range, seq) {
      if (dev.blockable(range)) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return false
      dev.setSeq(mirror, seq)
      take(dev, mirror, range)
      dev.unlock(mirror)
      return true
    },
    serviceFault: (dev, mirror, fault) => alone(dev, mirror, () => svm.serviceFault?.(dev, mirror, fault) ?? 0),
    ioctl(dev, mirror, { start, pages }) {
      alone(dev, mirror, () => giveUp(dev, mirror, start, pages))
      return { errno: 0, cpages: pages, faults: 0 }
    },
  })
}

export default inPieces('invalidates-every-table', takeAway)
