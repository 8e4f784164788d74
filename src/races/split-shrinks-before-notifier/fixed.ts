/**
 * An svm whose pages belong to blocks, two at most: a fault and an invalidation see to pages of a block, each through its block. bind makes
 * one, and inside of one it splits it: what it names, to the end of the block, becomes a block of its own.
 *
 *   mirror's words 1, 2   the lower block: first page + 1, last page; 3, 4 the upper one. 0: not there. All under the update lock.
 */
import { type DeviceContext, defineDriver, EBUSY, EFAULT, ENOMEM, type Mirror, type Range } from 'hmm-runtime/driver'
import svm, { serveWith } from 'hmm-runtime/drivers/svm'

/** First words of the blocks. */
const LOWER = 1
export const UPPER = 3
const BLOCKS = [LOWER, UPPER]

/** First and last page of a block; null: it is not there. Update lock held. */
function block(dev: DeviceContext, mirror: Mirror, at: number): { start: number; last: number } | null {
  const start = dev.load(dev.mirrorWord(mirror, at)) - 1
  return start < 0 ? null : { start, last: dev.load(dev.mirrorWord(mirror, at + 1)) }
}

/** Says which pages a block has. Update lock held. */
export function setBlock(dev: DeviceContext, mirror: Mirror, at: number, start: number, last: number): void {
  dev.store(dev.mirrorWord(mirror, at + 1), last)
  dev.store(dev.mirrorWord(mirror, at), start + 1)
}

/** Makes the lower block end in front of page `start`. Returns the last page that it had. Update lock held. */
export function shrink(dev: DeviceContext, mirror: Mirror, start: number): number {
  const last = dev.load(dev.mirrorWord(mirror, LOWER + 1))
  dev.store(dev.mirrorWord(mirror, LOWER + 1), start - 1)
  return last
}

function split(dev: DeviceContext, mirror: Mirror, start: number): void {
  dev.lock(mirror)
  setBlock(dev, mirror, UPPER, start, shrink(dev, mirror, start))
  dev.unlock(mirror)
}

function fill(dev: DeviceContext, mirror: Mirror, range: Range, page: number): number {
  for (;;) {
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = dev.rangeFault(range)
    dev.mmapReadUnlock(mirror)
    if (filled < 0 && filled !== -EBUSY) return filled
    dev.lock(mirror)
    const owned = BLOCKS.map((at) => block(dev, mirror, at)).some((one) => one !== null && one.start <= page && page <= one.last)
    const valid = filled > 0 && dev.rangeValid(range)
    const installed = valid && owned ? dev.install(range) : 0
    dev.unlock(mirror)
    if (valid) return !owned ? -EFAULT : installed < 0 ? -ENOMEM : 0
  }
}

/** The driver, with its way to split the lower block at page `start`. */
export function blocked(name: string, splitAt: (dev: DeviceContext, mirror: Mirror, start: number) => void) {
  return defineDriver({
    ...svm,
    name,
    invalidate(dev, mirror, range, seq) {
      if (dev.blockable(range)) dev.lock(mirror)
      else if (!dev.tryLock(mirror)) return false
      dev.setSeq(mirror, seq)
      for (const at of BLOCKS) {
        const one = block(dev, mirror, at)
        if (one === null) continue
        const start = Math.max(one.start, dev.start(range))
        const last = Math.min(one.last, dev.last(range))
        if (start <= last) dev.unmap(mirror, start, last)
      }
      dev.unlock(mirror)
      return true
    },
    serviceFault: (dev, mirror, fault) => serveWith(dev, mirror, fault, (d, m, range) => fill(d, m, range, fault.vpn)),
    ioctl(dev, mirror, { start, pages }) {
      dev.lock(mirror)
      const there = block(dev, mirror, LOWER) !== null
      if (!there) setBlock(dev, mirror, LOWER, start, start + pages - 1)
      dev.unlock(mirror)
      if (there) splitAt(dev, mirror, start)
      return { errno: 0, cpages: pages, faults: 0 }
    },
  })
}

export default blocked('splits-in-one-step', split)
