/**
 * Memory pressure: frames of system memory are taken from whoever maps them, to be used again. By a reclaim actor in the background
 * (kernel: kswapd), and directly by who needs a frame for a fault and finds none (direct reclaim).
 *
 *     a clock over all frames of system memory; from where the last one stopped:
 *       free, of a file, lazily freed, mapped by several, a device's: left alone
 *       a 2 MiB block that is mapped once: taken apart, its pieces come later
 *       otherwise: put out, through its reverse map (mm/swap.ts)
 *
 * Nothing is held of any address space, least of all mmap_sem: frame lock by trylock, then the reverse map, an invalidation of each
 * mapping, a page-table lock. So a fault may do it with mmap_sem held for reading, and a callback, or who holds a driver's lock, may not:
 *
 *     who holds update lock L                  reclaim
 *     needs a frame: reclaims directly
 *       start CLEAR: callback waits for L                                   [Forbidden: it is its own]
 *
 * which is why allocating is forbidden there (device/contract.ts). The clock's hand is only a hint: two who reclaim at once may look
 * at one frame, and the lock decides.
 */
import {
  FRAME_ANON,
  FRAME_DEVICE,
  FRAME_FREE,
  FRAME_LAZY_FREE,
  type Frame,
  frameFlags,
  frameGetUnlessZero,
  frameHead,
  frameIsBlock,
  frameMaps,
  frameTryLock,
  frameUnlock,
} from '../frame/frames.ts'
import { clockHandAt, framePut, freeFrames, SWAP_ZONE, SYSTEM_ZONE, zoneFrames } from '../frame/zones.ts'
import { atomicAdd } from '../seam/atomics.ts'
import { tick } from '../seam/point.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { splitFolio } from './splitfolio.ts'
import { swapOut } from './swap.ts'

/** What a fault that finds no frame takes at once: some for those behind it (kernel: SWAP_CLUSTER_MAX). */
export const DIRECT_RECLAIM_PAGES = 32

/**
 * Puts out up to `wanted` pages, looking at each frame once at most. Returns how many went: 0 also when there is no swap space.
 * Caller holds no spin lock, no frame lock, and nothing that a notifier's callback takes. Sleeps.
 */
export function shrinkFrames(task: Task, wanted: number): number {
  const { first, count } = zoneFrames(task, SYSTEM_ZONE)
  if (freeFrames(task, SWAP_ZONE) === 0) return 0
  let gone = 0
  for (let looks = 0; looks < count && gone < wanted; looks++) {
    tick(task)
    const hand = atomicAdd(task, clockHandAt(task, SYSTEM_ZONE), 1)
    if (putOutFrame(task, (first + ((hand >>> 0) % count)) as Frame)) gone++
  }
  countStat(task, STAT.putOut, gone)
  return gone
}

/** Direct reclaim: true when there may be a frame now. As shrinkFrames. */
export function reclaimDirectly(task: Task): boolean {
  countStat(task, STAT.directReclaims)
  return shrinkFrames(task, DIRECT_RECLAIM_PAGES) > 0 || freeFrames(task, SYSTEM_ZONE) > 0
}

/** Puts the page in `frame` out if it can be; a block is taken apart first, and stays this time. True when it went. As shrinkFrames. */
export function putOutFrame(task: Task, frame: Frame): boolean {
  if (!isCandidate(task, frame)) return false
  const head = frameHead(task, frame)
  if (!frameGetUnlessZero(task, head)) return false
  let went = false
  // The frame may have become another page's since it was looked at; with the reference it stays what it is now.
  if (isCandidate(task, head)) {
    if (frameIsBlock(task, head)) takeApart(task, head)
    else went = swapOut(task, head)
  }
  framePut(task, head)
  return went
}

/** Anonymous, mapped once, of system memory; racily. */
function isCandidate(task: Task, frame: Frame): boolean {
  const flags = frameFlags(task, frame)
  if ((flags & (FRAME_FREE | FRAME_DEVICE | FRAME_LAZY_FREE)) !== 0) return false
  const head = frameHead(task, frame)
  return (frameFlags(task, head) & FRAME_ANON) !== 0 && frameMaps(task, head) === 1
}

/** Takes the 2 MiB block that `frame` is of apart. False when it is of none, or somebody holds it. As shrinkFrames. */
export function splitFrame(task: Task, frame: Frame): boolean {
  const head = frameHead(task, frame)
  if (!frameGetUnlessZero(task, head)) return false
  const split = frameIsBlock(task, head) && takeApart(task, head)
  framePut(task, head)
  return split
}

function takeApart(task: Task, head: Frame): boolean {
  if (!frameTryLock(task, head)) return false
  const split = splitFolio(task, head, false)
  frameUnlock(task, head)
  return split
}
