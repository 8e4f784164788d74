/**
 * svm: a GPU with replayable faults that shares the process's address space. The shape of nouveau's and amdgpu's SVM, kept small: one
 * update lock per address space; with memory of its own, where pages go by a policy (docs/svm.md).
 *
 *   invalidate      lock, setSeq, unmap with TLB flush, unlock
 *   two passes      lock, setSeq, unmap, begin the flush, unlock; then wait for it: several devices flush at the same time
 *   serviceFault    without memory: the loop of a driver for the page that faulted (svm/fill.ts)
 *                   with memory: as the policy says (svm/fault.ts), then that loop
 *   migrateToRam    a CPU touched a page of the device's memory: it goes home (svm/move.ts)
 *   update, copies  in era events instead of all these: a fault that HMM has served is shown to the hardware, a change is taken from it;
 *                   HMM moves pages, the driver copies them
 *
 * Its own exclusive taking is no invalidation to the sequence that it began with (svm/exclusive.ts); everything else is, its own
 * migrations too.
 */
import {
  DEVICE_ACCESS,
  type DeviceContext,
  defineDriver,
  EAGAIN,
  EBUSY,
  ENOMEM,
  type Frame,
  HMM_COPY_TO_DEVICE,
  HMM_DEVICE_READ_FAULT,
  HMM_DEVICE_WRITE_FAULT,
  HMM_MUNMAP,
  isDeviceFault,
  type Mirror,
  NOTIFY,
  type NotifierRange,
} from '../device/index.ts'
import { type Means, serveByPolicy } from './svm/fault.ts'
import { fillPage, isMapped } from './svm/fill.ts'
import { BATCH, RANGE_WORD, rangeOf, SVM_FORMAT } from './svm/format.ts'
import { bringHome, makeRoom, moveToDevice } from './svm/move.ts'
import { policyProblem } from './svm/policy.ts'
import { copyIn } from './svm/supply.ts'
import { noteMoves } from './svm/thrashing.ts'

export { serveWith } from './svm/fill.ts'
export { SVM_FORMAT } from './svm/format.ts'
export type { Answer, MigrationPolicy, PageFault } from './svm/policy.ts'
export { firstTouch, system, threshold } from './svm/policy.ts'

/** A GPU with replayable faults, and with memory of its own where it is given some (docs/svm.md). */
export default defineDriver({
  name: 'svm',

  policyProblem,

  attach(dev, mirror) {
    const range = dev.createRange(BATCH, SVM_FORMAT)
    if (range === 0) return -ENOMEM
    dev.store(dev.mirrorWord(mirror, RANGE_WORD), range)
    return 0
  },

  detach(dev, mirror) {
    dev.freeRange(rangeOf(dev, mirror))
    if (dev.memory.frames().count === 0) return
    dev.lock(mirror)
    dev.forgetNotes(mirror)
    dev.unlock(mirror)
  },

  invalidate(dev, mirror, range, seq) {
    if (!locked(dev, mirror, dev.blockable(range))) return false
    begin(dev, mirror, range, seq)
    dev.unmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },

  invalidateStart(dev, mirror, range, seq) {
    if (!locked(dev, mirror, dev.blockable(range))) return -EAGAIN
    begin(dev, mirror, range, seq)
    const ticket = dev.startUnmap(mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return ticket
  },

  invalidateFinish(dev, ticket) {
    dev.finishFlush(ticket)
  },

  update(dev, mirror, event) {
    if (!locked(dev, mirror, event.blockable)) return -EAGAIN
    if (isDeviceFault(event.etype)) dev.publish(mirror, event)
    else dev.withdraw(mirror, event)
    if (event.etype === HMM_MUNMAP) dev.forgetNotes(mirror, event.start, event.end - 1)
    dev.unlock(mirror)
    return 0
  },

  serviceFault(dev, mirror, fault) {
    const means = dev.era === 'events' ? EVENTS : RANGES
    if (dev.memory.frames().count === 0) return means.serve(dev, mirror, fault, false)
    return serveByPolicy(dev, mirror, fault, means)
  },

  migrateToRam: bringHome,

  copyToDevice(dev, mirror, event, src, dst) {
    copyIn(dev, src, dst)
    noteMoves(
      dev,
      mirror,
      Array.from(dst, (_, i) => event.start + i).filter((_, i) => dst[i] !== -1),
    )
    return 0
  },

  copyFromDevice(dev, mirror, event, src, dst) {
    for (const [i, frame] of src.entries()) dev.memory.copyPage(dst[i] as Frame, frame as Frame)
    if (mirror !== 0)
      noteMoves(
        dev,
        mirror,
        Array.from(src, (_, i) => event.start + i),
      )
    return 0
  },
})

/** Takes the update lock; false where that would have to wait and may not. */
function locked(dev: DeviceContext, mirror: Mirror, blockable: boolean): boolean {
  if (!blockable) return dev.tryLock(mirror)
  dev.lock(mirror)
  return true
}

/** What an invalidation does before the pages go. Update lock held. */
function begin(dev: DeviceContext, mirror: Mirror, range: NotifierRange, seq: number): void {
  const event = dev.event(range)
  if (!(event === NOTIFY.exclusive && dev.owner(range) === dev.memory.cookie)) dev.setSeq(mirror, seq)
  if (event === NOTIFY.unmap) dev.forgetNotes(mirror, dev.start(range), dev.last(range))
}

/** The eras in which drivers read ranges and install them. */
const RANGES: Means = { serve: fillPage, move: moveToDevice, isServed: isMapped, exclusive: true }

/** Era events: HMM does what the driver asks it for. */
const EVENTS: Means = {
  serve(dev, mirror, { vpn, access }) {
    const etype = access >= DEVICE_ACCESS.write ? HMM_DEVICE_WRITE_FAULT : HMM_DEVICE_READ_FAULT
    const served = dev.mirrorFault(mirror, { etype, start: vpn, end: vpn + 1 })
    return served === -EBUSY ? 0 : served // the replay asks again
  },

  /** What could not be moved was shown where it is. The faulting page is served afterwards in any case, which tells what failed. */
  move(dev, mirror, { first, last }) {
    makeRoom(dev, last - first + 1)
    const before = dev.memory.freePages()
    dev.mirrorFault(mirror, { etype: HMM_COPY_TO_DEVICE, start: first, end: last + 1 })
    return Math.max(0, before - dev.memory.freePages())
  },

  /** HMM itself looks for more than the entry: it is asked. */
  isServed: () => false,

  exclusive: false,
}
