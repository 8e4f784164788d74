/** snapshot: what the CPU page table looks like to this device, faulting nothing, changing nothing, needing no entries. */
import {
  type DeviceContext,
  EBUSY,
  EFAULT,
  ENOMEM,
  type IoctlRequest,
  type IoctlResult,
  type Mirror,
  type Range,
} from '../../device/index.ts'
import { BATCH, FORMAT, RETRY_BUDGET_NS } from './format.ts'

/** One permission word per page. -EFAULT for a dead mirror, -EBUSY when invalidations never let it finish. */
export function snapshot(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  const perms: string[] = []
  const range = dev.createRange(BATCH, FORMAT)
  if (range === 0) return { errno: -ENOMEM, cpages: 0, faults: 0 }
  dev.rangeOwnMemory(range)
  dev.rangeRequest(range, 0n)
  let errno = 0
  for (let done = 0; errno === 0 && done < request.pages; done += BATCH) {
    const count = Math.min(BATCH, request.pages - done)
    errno = dev.rangeRegister(range, mirror, request.start + done, count)
    if (errno !== 0) break
    errno = snapshotBatch(dev, mirror, range, count, perms)
    dev.rangeUnregister(range)
  }
  dev.freeRange(range)
  return errno === 0 ? { errno, cpages: request.pages, faults: 0, perms } : { errno, cpages: 0, faults: 0 }
}

function snapshotBatch(dev: DeviceContext, mirror: Mirror, range: Range, pages: number, perms: string[]): number {
  const giveUpNs = dev.nowNs() + RETRY_BUDGET_NS
  for (;;) {
    if (dev.nowNs() > giveUpNs) return -EBUSY
    if (!dev.rangeWait(range)) return -EFAULT
    dev.mmapReadLock(mirror)
    const filled = dev.rangeSnapshot(range)
    dev.mmapReadUnlock(mirror)
    if (filled < 0 && filled !== -EBUSY) return filled
    dev.lock(mirror)
    const valid = filled >= 0 && dev.rangeValid(range)
    if (valid) for (let i = 0; i < pages; i++) perms.push(permission(dev.rangeEntry(range, i), dev.rangeIsZero(range, i)))
    dev.unlock(mirror)
    if (valid) return 0
  }
}

/** The symbol of one entry: ERROR, NONE, or [ZERO|][DEV_PRIVATE_LOCAL|][PMD|]READ or WRITE. */
function permission(entry: bigint, zero: boolean): string {
  if (entry === FORMAT.error) return 'ERROR'
  if ((entry & FORMAT.valid) === 0n) return 'NONE'
  const huge = (entry & (FORMAT.huge ?? 0n)) !== 0n
  const symbols = zero && !huge ? ['ZERO'] : [] // 2 MiB of zeros are another page than the page of zeros
  if ((entry & (FORMAT.devicePrivate ?? 0n)) !== 0n) symbols.push('DEV_PRIVATE_LOCAL')
  if (huge) symbols.push('PMD')
  symbols.push((entry & FORMAT.write) !== 0n ? 'WRITE' : 'READ')
  return symbols.join('|')
}
