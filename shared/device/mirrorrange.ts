/**
 * The loop of a driver (hmm/protocol.ts), whole: pages of an address space are read and installed in a mirror, again and again until
 * nothing came in between. For drivers that need nothing of their own between its steps; the others take the steps one by one.
 *
 * Where nobody checks and nothing is in the way, one call of the module does it all (hmm/wholepass.ts).
 */
import type { Mirror } from '../hmm/mirror.ts'
import type { Range } from '../hmm/range.ts'
import { SPOILT, wholePass } from '../hmm/wholepass.ts'
import { EBUSY, EFAULT, ENOMEM } from '../memory/errno.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { DeviceContext } from './context.ts'

const NS_PER_MS = 1_000_000

/** As DeviceContext.mirrorRange. */
export function mirrorRange(
  dev: DeviceContext,
  range: Range,
  mirror: Mirror,
  start: number,
  pages: number,
  timeoutMs: number,
): number {
  const done = wholePass(dev.task, range, mirror, start, pages)
  if (done > 0) return done
  if (done === SPOILT) {
    countStat(dev.task, STAT.savedByRetry)
    dev.countRetry(mirror, 1)
  }
  const refused = dev.rangeRegister(range, mirror, start, pages)
  if (refused !== 0) return refused
  const result = loop(dev, range, mirror, timeoutMs, done === SPOILT ? 2 : 1)
  dev.rangeUnregister(range)
  return result
}

/** The steps for a range that is registered. `chain`: the number of the first try. */
function loop(dev: DeviceContext, range: Range, mirror: Mirror, timeoutMs: number, first: number): number {
  const giveUpNs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : dev.nowNs() + timeoutMs * NS_PER_MS
  for (let chain = first; ; chain++) {
    const filled = fill(dev, range, mirror, timeoutMs)
    if (filled < 0 && filled !== -EBUSY) return filled
    if (filled >= 0) {
      dev.lock(mirror)
      const valid = dev.rangeValid(range)
      const installed = valid ? dev.install(range) : 0
      dev.unlock(mirror)
      if (valid) return installed < 0 ? -ENOMEM : installed
    }
    dev.countRetry(mirror, chain)
    if (dev.nowNs() > giveUpNs) return -EBUSY
  }
}

/** One look at the CPU's table, with mmap_sem held for as long as it takes. -EBUSY when it was spoilt. */
function fill(dev: DeviceContext, range: Range, mirror: Mirror, timeoutMs: number): number {
  if (dev.era === 'unlocked-timeout') return dev.rangeFaultUnlocked(range, timeoutMs)
  if (!dev.rangeWait(range)) return -EFAULT
  dev.mmapReadLock(mirror)
  const filled = dev.rangeFault(range)
  dev.mmapReadUnlock(mirror)
  return filled
}
