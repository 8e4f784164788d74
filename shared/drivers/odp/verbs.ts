/**
 * What user space asks of the device, by ioctl on the thread that asks.
 *
 *   reg_mr             start, pages, low: ACCESS bits   a region. -EINVAL: no pages, more than MAX_REGION_PAGES, behind the end of the
 *                                                       address space, no right to read. -EEXIST: overlaps a region. -ENOMEM.
 *                                                       The first one ends the implicit region.
 *   dereg_mr           start, pages                     the region with just these pages goes. -ENOENT: there is none, or somebody else
 *                                                       deregisters it
 *   prefetch           start, pages                     brings pages in for reading; cpages: how many the device has of them now.
 *   prefetch_write     start, pages                     the same for writing. -EPERM: a region that may only be read
 *   prefetch_no_fault  start, pages                     maps what is there, and faults nothing. -EOPNOTSUPP in era events: HMM of
 *                                                       2016 looks at no page without bringing it in
 *                                                       All three: -EINVAL no pages, -ENOENT a page in no region; and what a page is
 *                                                       refused with, -EFAULT, -EPERM (-EACCES in era events), -ENOMEM. cpages also
 *                                                       counts what was done before that.
 *
 * Deregistering waits for whoever works on the region, and for nobody else: from when it is condemned no fault finds it, and each that
 * has it looks at that before it tries again.
 *
 *     fault                                    dereg_mr
 *     lock, finds the region, a user; unlock
 *                                              lock, DYING, unlock; sleeps until there are no users
 *     maps the page
 *     lock: DYING: unmaps it again, unlock
 *     lock, user no more, wakes, unlock
 *                                              lock, takes all pages away, off the list, unlock
 *                                              frees the region                  [Required: nothing of it is mapped, or used]
 */
import {
  type DeviceContext,
  EAGAIN,
  EEXIST,
  EINVAL,
  ENOENT,
  ENOMEM,
  EOPNOTSUPP,
  EPERM,
  type IoctlRequest,
  type IoctlResult,
  LAST_VPN,
  type Mirror,
} from '../../device/index.ts'
import { ASK, type Ask, WINDOW_PAGES } from './format.ts'
import { takeRegionAway } from './invalidation.ts'
import { bringIn, createFilling, freeFilling, type Request } from './pages.ts'
import {
  condemn,
  createRegion,
  freeRegion,
  isWhole,
  MAX_REGION_PAGES,
  NO_REGION,
  type Region,
  regionLast,
  regionMayWrite,
  regionStart,
} from './region.ts'
import { addRegion, awaitUsers, awaitWholeGone, eachRegion, findRegion, unlinkRegion, wholeRegion } from './regions.ts'
import { bringInByHmm, usingRegion } from './requests.ts'

/** Rights of a region, in `low` of reg_mr. */
const ACCESS = { read: 1, write: 2 } as const

const ASKS: Readonly<Record<string, Ask>> = {
  prefetch: ASK.read,
  prefetch_write: ASK.write,
  prefetch_no_fault: ASK.present,
}

/** Runs one command. No lock held. */
export function runVerb(dev: DeviceContext, mirror: Mirror, request: IoctlRequest): IoctlResult {
  const { cmd, start, pages, low = 0 } = request
  if (pages <= 0 || start < 0 || start + pages - 1 > LAST_VPN) return result(-EINVAL)
  if (cmd === 'reg_mr') return result(register(dev, mirror, start, pages, low))
  if (cmd === 'dereg_mr') return result(deregister(dev, mirror, start, pages))
  const ask = Object.hasOwn(ASKS, cmd) ? ASKS[cmd] : undefined
  return ask === undefined ? result(-EINVAL) : prefetch(dev, mirror, { start, pages, ask })
}

function result(errno: number, cpages = 0): IoctlResult {
  return { errno, cpages, faults: 0 }
}

function register(dev: DeviceContext, mirror: Mirror, start: number, pages: number, access: number): number {
  if (pages > MAX_REGION_PAGES || (access & ACCESS.read) === 0) return -EINVAL
  const region = createRegion(dev, mirror, start, pages, (access & ACCESS.write) !== 0)
  if (region === NO_REGION) return -ENOMEM
  endWhole(dev, mirror)
  dev.lock(mirror)
  const added = addRegion(dev, mirror, region)
  dev.unlock(mirror)
  if (added) return 0
  freeRegion(dev, region)
  return -EEXIST
}

/** On return there is no implicit region. */
function endWhole(dev: DeviceContext, mirror: Mirror): void {
  dev.lock(mirror)
  const whole = wholeRegion(dev, mirror)
  const mine = whole !== NO_REGION && condemn(dev, whole)
  dev.unlock(mirror)
  if (mine) destroy(dev, mirror, whole)
  else if (whole !== NO_REGION) awaitWholeGone(dev, mirror)
}

function deregister(dev: DeviceContext, mirror: Mirror, start: number, pages: number): number {
  dev.lock(mirror)
  const region = findRegion(dev, mirror, start)
  const whole = wholeRegion(dev, mirror)
  const isThat = region !== NO_REGION && whole === NO_REGION && regionStart(dev, region) === start
  const mine = isThat && regionLast(dev, region) === start + pages - 1 && condemn(dev, region)
  dev.unlock(mirror)
  if (!mine) return -ENOENT
  destroy(dev, mirror, region)
  return 0
}

/** Ends a region that the caller has condemned, with its children. No lock held; may sleep. */
function destroy(dev: DeviceContext, mirror: Mirror, region: Region): void {
  awaitUsers(dev, mirror, region)
  const dead: Region[] = [region]
  dev.lock(mirror)
  if (!isWhole(dev, region)) takeRegionAway(dev, mirror, region)
  else
    eachRegion(dev, mirror, 0, LAST_VPN, (child) => {
      takeRegionAway(dev, mirror, child)
      unlinkRegion(dev, mirror, child)
      dead.push(child)
    })
  unlinkRegion(dev, mirror, region)
  dev.unlock(mirror)
  for (const one of dead) freeRegion(dev, one)
}

function prefetch(dev: DeviceContext, mirror: Mirror, { start, pages, ask }: Request): IoctlResult {
  if (dev.era === 'events' && ask === ASK.present) return result(-EOPNOTSUPP)
  let done = 0
  for (let at = start; at < start + pages; ) {
    let end = at
    const errno = usingRegion(dev, mirror, at, -ENOENT, (region) => {
      end = Math.min(regionLast(dev, region), start + pages - 1, at + WINDOW_PAGES - 1)
      if (ask === ASK.write && !regionMayWrite(dev, region)) return -EPERM
      return bringFor(dev, mirror, region, { start: at, pages: end - at + 1, ask })
    })
    if (errno < 0 && errno !== -EAGAIN) return result(errno, done)
    done += Math.max(0, errno) // -EAGAIN: left to the hardware, should it ask
    at = end + 1
  }
  return result(0, done)
}

function bringFor(dev: DeviceContext, mirror: Mirror, region: Region, request: Request): number {
  if (dev.era === 'events') return bringInByHmm(dev, mirror, request)
  const filling = createFilling(dev, regionMayWrite(dev, region))
  const there = filling.range === 0 || filling.map === 0 ? -ENOMEM : bringIn(dev, mirror, region, filling, request)
  freeFilling(dev, filling)
  return there
}
