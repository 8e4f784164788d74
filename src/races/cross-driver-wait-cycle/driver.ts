/**
 * Two faulty drivers in one, by the number of the device: device 0 waits in its callback until nobody has the buffer pinned, and device 1 has it
 * pinned while its service waits for invalidations to end (known race 46). Each of them alone would do.
 *
 *   device 0's word 0   PIN   a mutex: who has the buffer pinned.
 */
import { DeviceContext, defineDriver, mutexLock, mutexUnlock, userLockClass, type WordAt } from 'hmm-runtime/driver'
import svm from 'hmm-runtime/drivers/svm'

const PIN = 0
const PIN_LOCK = userLockClass(61, 'pin of a shared buffer', 'sleep')
/** The device that waits for pins. */
const WAITING = 0

/** The buffer is shared, so the word is found from every device. */
function pinAt(dev: DeviceContext): WordAt {
  return new DeviceContext(dev.task, WAITING, svm).word(PIN)
}

export default defineDriver({
  ...svm,
  name: 'cross-driver-wait-cycle',
  invalidate(dev, mirror, range, seq) {
    if (dev.device === WAITING) {
      if (!dev.blockable(range)) return false
      mutexLock(dev.task, pinAt(dev), PIN_LOCK) // the mistake: it waits for what another driver holds
      mutexUnlock(dev.task, pinAt(dev))
    }
    return svm.invalidate(dev, mirror, range, seq)
  },
  serviceFault(dev, mirror, fault) {
    if (dev.device === WAITING) return svm.serviceFault?.(dev, mirror, fault) ?? 0
    mutexLock(dev.task, pinAt(dev), PIN_LOCK)
    const result = svm.serviceFault?.(dev, mirror, fault) ?? 0
    mutexUnlock(dev.task, pinAt(dev))
    return result
  },
})
