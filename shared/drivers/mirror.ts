/**
 * mirror: the kernel's HMM test device. No engine: user space asks it by ioctl, and it is its own copy engine. What it answers
 * is recorded from a real kernel (test/conformance; FORMAT.md there says what each command means).
 *
 *   read, write                    mirror/transfer.ts
 *   snapshot                       mirror/snapshot.ts
 *   migrate_dev, migrate_sys,      mirror/migrate.ts
 *   release
 *   exclusive, check_exclusive     mirror/exclusive.ts
 */
import {
  type DeviceContext,
  defineDriver,
  EINVAL,
  type IoctlRequest,
  type IoctlResult,
  type Mirror,
  NOTIFY,
} from '../device/index.ts'
import { checkExclusive, exclusive } from './mirror/exclusive.ts'
import { bringHome, evictAll, migrateToDevice, migrateToSystem } from './mirror/migrate.ts'
import { snapshot } from './mirror/snapshot.ts'
import { transfer } from './mirror/transfer.ts'

/** The kernel's test device: its own copy engine, everything by ioctl. */
export default defineDriver({
  name: 'mirror',

  /** Closing the device gives up all of its memory, whoever migrated it there. */
  detach(dev) {
    evictAll(dev)
  },

  invalidate(dev, mirror, range, seq) {
    if (dev.blockable(range)) dev.lock(mirror)
    else if (!dev.tryLock(mirror)) return false
    const own = dev.owner(range) === dev.memory.cookie
    // What we take exclusively is ours: the sequence that its taking began with stays good (mirror/exclusive.ts).
    if (!(own && dev.event(range) === NOTIFY.exclusive)) dev.setSeq(mirror, seq)
    // Our own migration updates the table itself; the pages it leaves in place keep their entries.
    if (!(own && dev.event(range) === NOTIFY.migrate)) dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },

  migrateToRam: bringHome,

  ioctl(dev, mirror, request) {
    return request.pages <= 0 ? { errno: -EINVAL, cpages: 0, faults: 0 } : command(dev, mirror, request)
  },
})

function command(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  switch (request.cmd) {
    case 'read':
      return transfer(dev, mirror, request, false)
    case 'write':
      return transfer(dev, mirror, request, true)
    case 'snapshot':
      return snapshot(dev, mirror, request)
    case 'migrate_dev':
      return migrateToDevice(dev, mirror, request)
    case 'migrate_sys':
      return migrateToSystem(dev, mirror, request)
    case 'exclusive':
      return exclusive(dev, mirror, request)
    case 'check_exclusive':
      return checkExclusive(dev, mirror, request)
    case 'release':
      evictAll(dev)
      return { errno: 0, cpages: 0, faults: 0 }
    default:
      return { errno: -EINVAL, cpages: 0, faults: 0 }
  }
}
