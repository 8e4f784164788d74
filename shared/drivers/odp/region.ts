/**
 * A memory region: pages that a device may reach, how, and what it has of them. Three kinds: registered by user space (explicit); the
 * whole address space (implicit); a child of that, CHILD_PAGES long, with the pages that the device has there.
 *
 *   region, one record
 *   word   0      1       2      3      4       5       6       7        8       9     10
 *        +------+-------+------+------+-------+-------+-------+--------+-------+-----+--------+
 *        | NEXT | START | LAST | KIND | WRITE | STATE | USERS | MAPPED | LIST  | MAP | PARENT |
 *        +------+-------+------+------+-------+-------+-------+--------+-------+-----+--------+
 *
 *   NEXT         of the mirror's list (odp/regions.ts).
 *   START, LAST  page numbers, inclusive. KIND, WRITE, LIST, MAP, PARENT: immutable once it is listed.
 *   LIST, MAP    what the device has mapped: a range that is never filled, and its I/O pages, for as long as the region lives. None
 *                in an implicit region, whose children have them, and none in era events, where HMM keeps what is mapped.
 *   STATE        LIVE -> DYING once: no fault finds it any more, changes of the address space still do. Written under the lock; a
 *                look without it may be old.
 *   USERS        faults and prefetches at work on it or on a child of it. Written under the lock; who waits for 0 looks without.
 *   MAPPED       pages that are mapped.
 *
 * All of it is guarded by the mirror's update lock, the umem lock of ODP: the subscription is the mirror's, so there is one sequence
 * to look at, and one lock under which to look.
 */
import {
  type DeviceContext,
  type GupRange,
  get,
  LAST_VPN,
  type Mirror,
  put,
  type Range,
  type WordAt,
} from '../../device/index.ts'
import { formatFor } from './format.ts'

export type Region = WordAt & { readonly brand: 'region' }
export const NO_REGION = 0 as Region

const NEXT = 0
const START = 1
const LAST = 2
const KIND = 3
const WRITE = 4
const STATE = 5
const USERS = 6
const MAPPED = 7
const LIST = 8
const MAP = 9
const PARENT = 10

const EXPLICIT = 1
const WHOLE_SPACE = 2
const CHILD = 3

const LIVE = 1
const DYING = 2

/** Pages of a child of the implicit region, which begins at a multiple of them. */
export const CHILD_PAGES = 64
/** Most pages of an explicit region: what one list holds. */
export const MAX_REGION_PAGES = 512

/** The implicit region. NO_REGION when memory is out. */
export function createWholeRegion(dev: DeviceContext): Region {
  return create(dev, WHOLE_SPACE, 0, LAST_VPN, true)
}

/** An explicit region with an empty list. NO_REGION when memory is out. The lock need not be held. */
export function createRegion(dev: DeviceContext, mirror: Mirror, start: number, pages: number, write: boolean): Region {
  return createWithList(dev, mirror, EXPLICIT, start, pages, write)
}

/** The child of the implicit region `whole` that has page `vpn`, empty. NO_REGION when memory is out. */
export function createChild(dev: DeviceContext, mirror: Mirror, whole: Region, vpn: number): Region {
  const child = createWithList(dev, mirror, CHILD, vpn - (vpn % CHILD_PAGES), CHILD_PAGES, true)
  if (child !== NO_REGION) put(dev.task, child + PARENT, whole)
  return child
}

function createWithList(dev: DeviceContext, mirror: Mirror, kind: number, start: number, pages: number, write: boolean): Region {
  const region = create(dev, kind, start, start + pages - 1, write)
  if (region === NO_REGION || dev.era === 'events') return region
  const list = dev.createRange(pages, formatFor(write))
  const map = dev.dma.createMap(pages)
  put(dev.task, region + LIST, list)
  put(dev.task, region + MAP, map)
  if (list === 0 || map === 0) {
    freeRegion(dev, region)
    return NO_REGION
  }
  dev.rangeAssign(list, mirror, start, pages)
  return region
}

function create(dev: DeviceContext, kind: number, start: number, last: number, write: boolean): Region {
  const region = dev.records.alloc() as Region
  if (region === NO_REGION) return NO_REGION
  put(dev.task, region + KIND, kind)
  put(dev.task, region + START, start | 0)
  put(dev.task, region + LAST, last | 0)
  put(dev.task, region + WRITE, write ? 1 : 0)
  dev.store(region + STATE, LIVE)
  return region
}

/** Frees a region that is in no list and has nothing mapped. The lock need not be held. */
export function freeRegion(dev: DeviceContext, region: Region): void {
  const list = regionList(dev, region)
  const map = regionMap(dev, region)
  if (list !== 0) dev.freeRange(list)
  if (map !== 0) dev.dma.freeMap(map)
  dev.records.free(region)
}

/** First page number. */
export function regionStart(dev: DeviceContext, region: Region): number {
  return get(dev.task, region + START) >>> 0
}

/** Last page number, inclusive. */
export function regionLast(dev: DeviceContext, region: Region): number {
  return get(dev.task, region + LAST) >>> 0
}

/** Is it the implicit region? */
export function isWhole(dev: DeviceContext, region: Region): boolean {
  return get(dev.task, region + KIND) === WHOLE_SPACE
}

/** May the device write in it? */
export function regionMayWrite(dev: DeviceContext, region: Region): boolean {
  return get(dev.task, region + WRITE) === 1
}

/** What the device has of it; 0 where there is no list. */
export function regionList(dev: DeviceContext, region: Region): Range {
  return get(dev.task, region + LIST) as Range
}

/** The I/O pages that belong to the list. */
export function regionMap(dev: DeviceContext, region: Region): GupRange {
  return get(dev.task, region + MAP) as GupRange
}

/** Pages of its list that are mapped. Update lock held. */
export function regionMapped(dev: DeviceContext, region: Region): number {
  return get(dev.task, region + MAPPED)
}

/** So many pages more, or fewer, are mapped. Update lock held. */
export function regionAddMapped(dev: DeviceContext, region: Region, pages: number): void {
  put(dev.task, region + MAPPED, regionMapped(dev, region) + pages)
}

/** May a fault go on with it? The lock need not be held; a yes counts only with it. */
export function isLive(dev: DeviceContext, region: Region): boolean {
  const parent = get(dev.task, region + PARENT)
  return dev.load(region + STATE) === LIVE && (parent === 0 || dev.load(parent + STATE) === LIVE)
}

/** Lets no fault find a live region any more. False when somebody did before. Update lock held. */
export function condemn(dev: DeviceContext, region: Region): boolean {
  if (dev.load(region + STATE) !== LIVE) return false
  dev.store(region + STATE, DYING)
  return true
}

/** Faults and prefetches at work on it. Without the lock it may be old. */
export function regionUsers(dev: DeviceContext, region: Region): number {
  return dev.load(region + USERS)
}

/** A user more, or one fewer; of a child, its parent's as well. Update lock held. */
export function regionAddUsers(dev: DeviceContext, region: Region, by: number): void {
  const parent = get(dev.task, region + PARENT)
  dev.add(region + USERS, by)
  if (parent !== 0) dev.add(parent + USERS, by)
}

/** Is it a child that nobody uses and that has no pages? Without a list nobody can say, and it stays. Update lock held. */
export function isSpent(dev: DeviceContext, region: Region): boolean {
  if (regionList(dev, region) === 0) return false
  return get(dev.task, region + KIND) === CHILD && regionMapped(dev, region) === 0 && regionUsers(dev, region) === 0
}

/** The next one of its list; NO_REGION. Update lock held. */
export function nextRegion(dev: DeviceContext, region: Region): Region {
  return get(dev.task, region + NEXT) as Region
}

export function setNextRegion(dev: DeviceContext, region: Region, next: Region): void {
  put(dev.task, region + NEXT, next)
}
