/**
 * userptr: a device that cannot fault, and is given user memory at submission. The shape of amdgpu's user pointers (and, in two passes,
 * xe's): pages are looked up before the lock, compared under it, and what changed meanwhile is the submitter's to ask for again.
 *
 *     submit
 *       IOCTL lock
 *         the buffer is not bound: wait for validity, mmap_sem, fill; again while it is spoilt, RETRIES times
 *         update lock
 *           still valid? no: -EAGAIN, user space restarts the ioctl
 *           not bound: install. Push the job, note its fence
 *
 *     invalidate     blockable only: update lock, set the sequence, wait for the fences of the buffers in the range, take the pages away
 *     two passes     the first one ends at the fences: the jobs of several devices run out at the same time
 *
 * Pages are not pinned. A job runs with what it was submitted with: the change that takes a page away waits for it. One subscription covers
 * the whole address space, so any change makes the next submission of every buffer look again, of which most find what they had.
 */
import {
  type DeviceContext,
  defineDriver,
  EAGAIN,
  EBUSY,
  EFAULT,
  ENOMEM,
  type Fence,
  get,
  type IoctlRequest,
  LAST_VPN,
  type Mirror,
  put,
  type Range,
} from '../device/index.ts'
import {
  awaitJobs,
  type Buffer,
  type BufferFamily,
  bufferMayWrite,
  bufferPages,
  bufferStart,
  closeBuffers,
  eachBufferIn,
  freeBuffers,
  hasJob,
  isBound,
  keptAt,
  lastFence,
  MAX_BUFFER_PAGES,
  pushJob,
  runBufferCommand,
  setBound,
} from './jobs/buffers.ts'
import { SVM_FORMAT } from './svm.ts'

/** Fills of one submission that may be spoilt before the submitter is asked to come again (amdgpu 5.3: MAX_RETRY_HMM_RANGE_FAULT). */
const RETRIES = 16
const RETRY_BUDGET_MS = 1000

const FAMILY: BufferFamily = {
  bind(dev, _mirror, buffer) {
    const range = dev.createRange(MAX_BUFFER_PAGES, SVM_FORMAT)
    if (range === 0) return -ENOMEM
    dev.rangeRequest(range, bufferMayWrite(dev, buffer) ? SVM_FORMAT.valid | SVM_FORMAT.write : SVM_FORMAT.valid)
    put(dev.task, keptAt(buffer), range)
    return 0
  },

  unbind(dev, mirror, buffer) {
    const last = bufferStart(dev, buffer) + bufferPages(dev, buffer) - 1
    dev.lock(mirror)
    dev.unmap(mirror, bufferStart(dev, buffer), last)
    dev.unlock(mirror)
    if (isBound(dev, buffer)) dev.rangeUnregister(rangeOf(dev, buffer))
    dev.freeRange(rangeOf(dev, buffer))
  },

  submit(dev, mirror, buffer, request) {
    if (!isBound(dev, buffer)) {
      const found = getPages(dev, mirror, buffer)
      if (found < 0) return found
      return commit(dev, mirror, buffer, request, true)
    }
    return commit(dev, mirror, buffer, request, false)
  },
}

function rangeOf(dev: DeviceContext, buffer: Buffer): Range {
  return get(dev.task, keptAt(buffer)) as Range
}

/** Registers the buffer's range and fills it. 0, and it is registered; or a negative errno, -EAGAIN when it was spoilt too often. */
function getPages(dev: DeviceContext, mirror: Mirror, buffer: Buffer): number {
  const range = rangeOf(dev, buffer)
  const refused = dev.rangeRegister(range, mirror, bufferStart(dev, buffer), bufferPages(dev, buffer))
  if (refused !== 0) return refused
  const filled = fill(dev, mirror, range)
  if (filled < 0) dev.rangeUnregister(range)
  return filled
}

function fill(dev: DeviceContext, mirror: Mirror, range: Range): number {
  if (dev.era === 'unlocked-timeout') {
    const filled = dev.rangeFaultUnlocked(range, RETRY_BUDGET_MS)
    return filled === -EBUSY ? -EAGAIN : Math.min(filled, 0)
  }
  for (let tries = 1; tries <= RETRIES; tries++) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    if (filled !== -EBUSY) return Math.min(filled, 0)
    dev.countRetry(mirror, tries)
  }
  return -EAGAIN
}

/** The recheck, and the job. `fresh`: the range was filled just now. Unregisters a range that is good for nothing. */
function commit(dev: DeviceContext, mirror: Mirror, buffer: Buffer, request: IoctlRequest, fresh: boolean): number {
  const range = rangeOf(dev, buffer)
  dev.lock(mirror)
  let result = dev.rangeValid(range) ? 0 : -EAGAIN
  if (result === 0 && fresh && dev.install(range) < 0) result = -ENOMEM
  if (result === 0) result = pushJob(dev, mirror, buffer, request)
  setBound(dev, buffer, result === 0)
  dev.unlock(mirror)
  if (result === -EAGAIN) dev.countRetry(mirror, 1)
  if (result !== 0) dev.rangeUnregister(range)
  return result
}

/** Waits for the jobs on pages [start, last], and takes these away. Update lock held. */
function takeAway(dev: DeviceContext, mirror: Mirror, start: number, last: number): void {
  eachBufferIn(dev, mirror, start, last, (buffer) => awaitJobs(dev, buffer))
  dev.unmap(mirror, start, last)
}

/** The latest fence of the buffers in [start, last] that is not signalled, or null. Update lock held. */
function busyUntil(dev: DeviceContext, mirror: Mirror, start: number, last: number): Fence | null {
  let until: Fence | null = null
  eachBufferIn(dev, mirror, start, last, (buffer) => {
    if (!hasJob(dev, buffer) || dev.jobs.isSignalled(lastFence(dev, buffer))) return
    until = until === null ? lastFence(dev, buffer) : dev.jobs.later(until, lastFence(dev, buffer))
  })
  return until
}

/** A GPU that looks at user pointers when work is submitted (docs/families.md). */
export default defineDriver({
  name: 'userptr',

  close: closeBuffers,

  detach(dev, mirror) {
    freeBuffers(dev, mirror, FAMILY)
  },

  /** Era range-valid: the address space ends, and its pages go without another word. */
  release(dev, mirror) {
    closeBuffers(dev, mirror)
    dev.lock(mirror)
    dev.unmap(mirror, 0, LAST_VPN)
    dev.unlock(mirror)
  },

  invalidate(dev, mirror, range, seq) {
    if (!dev.blockable(range)) return false // jobs may run for long
    dev.lock(mirror)
    dev.setSeq(mirror, seq)
    takeAway(dev, mirror, dev.start(range), dev.last(range))
    dev.unlock(mirror)
    return true
  },

  invalidateStart(dev, mirror, range, seq) {
    if (!dev.blockable(range)) return -EAGAIN
    const start = dev.start(range)
    const last = dev.last(range)
    dev.lock(mirror)
    dev.setSeq(mirror, seq)
    const until = busyUntil(dev, mirror, start, last)
    const token = until === null ? 0 : dev.passes.claim({ mirror, start, last, note: until })
    if (token === 0) takeAway(dev, mirror, start, last)
    dev.unlock(mirror)
    return token
  },

  invalidateFinish(dev, token) {
    const { mirror, start, last, note } = dev.passes.read(token)
    dev.jobs.wait(note as Fence)
    dev.lock(mirror)
    // What was submitted since was found valid, so it is of other pages: this change is not over.
    dev.unmap(mirror, start, last)
    dev.unlock(mirror)
    dev.passes.drop(token)
  },

  ioctl: (dev, mirror, request) => runBufferCommand(dev, mirror, request, FAMILY),
})
