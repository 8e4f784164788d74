/**
 * The regions of a mirror. Either user space registered some, or, while it never did, there is the implicit one with its children,
 * which are made where the device faults and go when they have no pages left (in era events HMM alone knows when that is, and they
 * stay as long as it). Regions do not overlap: an access of the device names
 * a page, and no key.
 *
 *   words of the mirror, behind those of odp/pages.ts
 *   REGIONS   the list
 *   GRAVES    children that are off the list and not freed yet: a callback frees nothing
 *   WHOLE     the implicit region, 0 when there is none
 *   QUEUE     who waits for a region's users, or for the end of WHOLE
 *
 * Guarded by the mirror's update lock, which is held by the caller of every function that does not say otherwise.
 *
 * A child goes when it is empty and has no users; whoever makes the second of these true unlinks it, under the lock, so there is one:
 *
 *     fault                                    invalidation of the child's last page
 *     lock, finds the child, USERS 1, unlock
 *                                              lock, MAPPED 0: has a user, stays; unlock
 *     maps a page, lock: MAPPED 1, USERS 0                                   [Required: not in a child that was buried]
 */
import type { DeviceContext, Mirror } from '../../device/index.ts'
import {
  createChild,
  createWholeRegion,
  freeRegion,
  isLive,
  isSpent,
  isWhole,
  NO_REGION,
  nextRegion,
  type Region,
  regionAddUsers,
  regionLast,
  regionStart,
  regionUsers,
  setNextRegion,
} from './region.ts'

const REGIONS = 8
const GRAVES = 9
const WHOLE = 10
const QUEUE = 11

/** There is no memory for the region that a page lies in. */
export const NO_MEMORY = -1 as Region

/** Gives a new mirror its implicit region. False when memory is out. Nobody knows the mirror yet: no lock. */
export function beginWhole(dev: DeviceContext, mirror: Mirror): boolean {
  const whole = createWholeRegion(dev)
  if (whole === NO_REGION) return false
  link(dev, mirror, whole)
  dev.store(dev.mirrorWord(mirror, WHOLE), whole)
  return true
}

/** The implicit region, or NO_REGION. Without the lock it may be about to go. */
export function wholeRegion(dev: DeviceContext, mirror: Mirror): Region {
  return dev.load(dev.mirrorWord(mirror, WHOLE)) as Region
}

/** Calls `visit` for each region that has a page of [start, last] and is not the implicit one; it may take the region off the list. */
export function eachRegion(
  dev: DeviceContext,
  mirror: Mirror,
  start: number,
  last: number,
  visit: (region: Region) => void,
): void {
  let next = NO_REGION
  for (let region = firstRegion(dev, mirror); region !== NO_REGION; region = next) {
    next = nextRegion(dev, region)
    if (isWhole(dev, region) || regionLast(dev, region) < start || regionStart(dev, region) > last) continue
    visit(region)
  }
}

/** The region of page `vpn`, live or not; the implicit one only where there is no other. NO_REGION. */
export function findListed(dev: DeviceContext, mirror: Mirror, vpn: number): Region {
  let found = wholeRegion(dev, mirror)
  eachRegion(dev, mirror, vpn, vpn, (region) => {
    found = region
  })
  return found
}

/** The live region of page `vpn`, or NO_REGION. */
export function findRegion(dev: DeviceContext, mirror: Mirror, vpn: number): Region {
  const region = findListed(dev, mirror, vpn)
  return region !== NO_REGION && isLive(dev, region) ? region : NO_REGION
}

/**
 * The region that a fault on page `vpn` works on, which it now uses until releaseRegion: it is not freed before. Makes the child of the
 * implicit region that is missing. NO_REGION, or NO_MEMORY.
 */
export function acquireRegion(dev: DeviceContext, mirror: Mirror, vpn: number): Region {
  let region = findRegion(dev, mirror, vpn)
  if (region === NO_REGION) return NO_REGION
  if (isWhole(dev, region)) {
    region = createChild(dev, mirror, region, vpn)
    if (region === NO_REGION) return NO_MEMORY
    link(dev, mirror, region)
  }
  regionAddUsers(dev, region, 1)
  return region
}

/** Ends what acquireRegion began. The last user of a child without pages frees it. */
export function releaseRegion(dev: DeviceContext, mirror: Mirror, region: Region): void {
  regionAddUsers(dev, region, -1)
  if (regionUsers(dev, region) === 0) dev.wakeAll(dev.mirrorWord(mirror, QUEUE))
  if (!isSpent(dev, region)) return
  unlinkRegion(dev, mirror, region)
  freeRegion(dev, region)
}

/** Sleeps until nobody uses a region that the caller has condemned. The lock is not held. */
export function awaitUsers(dev: DeviceContext, mirror: Mirror, region: Region): void {
  dev.waitUntil(dev.mirrorWord(mirror, QUEUE), () => regionUsers(dev, region) === 0)
}

/** Sleeps until there is no implicit region, which somebody else has condemned. The lock is not held. */
export function awaitWholeGone(dev: DeviceContext, mirror: Mirror): void {
  dev.waitUntil(dev.mirrorWord(mirror, QUEUE), () => wholeRegion(dev, mirror) === NO_REGION)
}

/** A callback took pages of `region`: a child that is spent goes off the list. True when it did: somebody has to empty the graves. */
export function buryIfSpent(dev: DeviceContext, mirror: Mirror, region: Region): boolean {
  if (!isSpent(dev, region)) return false
  unlinkRegion(dev, mirror, region)
  setNextRegion(dev, region, firstGrave(dev, mirror))
  dev.store(dev.mirrorWord(mirror, GRAVES), region)
  return true
}

/** Frees the children that callbacks took off the list. Not in a callback. */
export function emptyGraves(dev: DeviceContext, mirror: Mirror): void {
  for (let region = firstGrave(dev, mirror); region !== NO_REGION; region = firstGrave(dev, mirror)) {
    dev.store(dev.mirrorWord(mirror, GRAVES), nextRegion(dev, region))
    freeRegion(dev, region)
  }
}

/** Lists an explicit region; false when it overlaps one that is listed. */
export function addRegion(dev: DeviceContext, mirror: Mirror, region: Region): boolean {
  let overlaps = false
  eachRegion(dev, mirror, regionStart(dev, region), regionLast(dev, region), () => {
    overlaps = true
  })
  if (!overlaps) link(dev, mirror, region)
  return !overlaps
}

/** Takes a region off the list; who waits for the end of the implicit one is woken. */
export function unlinkRegion(dev: DeviceContext, mirror: Mirror, region: Region): void {
  if (firstRegion(dev, mirror) === region) dev.store(dev.mirrorWord(mirror, REGIONS), nextRegion(dev, region))
  else {
    let before = firstRegion(dev, mirror)
    while (nextRegion(dev, before) !== region) before = nextRegion(dev, before)
    setNextRegion(dev, before, nextRegion(dev, region))
  }
  if (!isWhole(dev, region)) return
  dev.store(dev.mirrorWord(mirror, WHOLE), NO_REGION)
  dev.wakeAll(dev.mirrorWord(mirror, QUEUE))
}

/** Frees whatever regions a mirror has. Nothing is mapped, and nobody else knows the mirror any more: no lock. */
export function freeAllRegions(dev: DeviceContext, mirror: Mirror): void {
  emptyGraves(dev, mirror)
  for (let region = firstRegion(dev, mirror); region !== NO_REGION; region = firstRegion(dev, mirror)) {
    unlinkRegion(dev, mirror, region)
    freeRegion(dev, region)
  }
}

function link(dev: DeviceContext, mirror: Mirror, region: Region): void {
  setNextRegion(dev, region, firstRegion(dev, mirror))
  dev.store(dev.mirrorWord(mirror, REGIONS), region)
}

function firstRegion(dev: DeviceContext, mirror: Mirror): Region {
  return dev.load(dev.mirrorWord(mirror, REGIONS)) as Region
}

function firstGrave(dev: DeviceContext, mirror: Mirror): Region {
  return dev.load(dev.mirrorWord(mirror, GRAVES)) as Region
}
