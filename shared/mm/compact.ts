/**
 * Moving a page to another frame of system memory, as compaction and NUMA balancing do (kernel: migrate_pages): its content and
 * identity go, its address stays, and nobody sees more than a wait.
 *
 *     frame lock by trylock, a reference
 *     all its entries -> migration entries             an invalidation of each mapping
 *     somebody else holds it: entries back, no move
 *     copy; the new frame takes the identity
 *     migration entries -> entries of the new frame
 *
 *     mover                                    device
 *     unmaps P: CLEAR start, callback
 *                                              has let go
 *     copies P to Q
 *                                              faults: waits for the frame lock, finds Q
 *     maps Q                                                                [Required: no write into P after the copy began]
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  FRAME_LAZY_FREE,
  type Frame,
  frameClearFlags,
  frameCopy,
  frameFlags,
  frameGetUnlessZero,
  frameIndex,
  frameIsBlock,
  frameMapping,
  frameMaps,
  framePins,
  frameRefs,
  frameSetFlags,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { frameAlloc, framePut, SYSTEM_ZONE } from '../frame/zones.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { type AnonVma, NO_OWNER, pinOwner, unpinOwner } from './anonvma.ts'
import { removeMigrationEntries, unmapForMigration } from './migration.ts'

/** Flags that are the page's, not the frame's. */
const IDENTITY = FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY | FRAME_LAZY_FREE

/**
 * Moves the anonymous page in `frame`, if nobody holds it but those that map it. True when it moved. No lock of an address space is
 * needed; no frame lock, no spin lock and nothing that a callback takes is held. Sleeps.
 */
export function moveFrame(task: Task, frame: Frame): boolean {
  if (!frameGetUnlessZero(task, frame)) return false
  let moved = false
  if (frameTryLock(task, frame)) {
    moved = moveLocked(task, frame)
    frameUnlock(task, frame)
  }
  framePut(task, frame)
  if (moved) countStat(task, STAT.moved)
  return moved
}

function moveLocked(task: Task, frame: Frame): boolean {
  const anonymous = (frameFlags(task, frame) & FRAME_ANON) !== 0 && !frameIsBlock(task, frame)
  if (!anonymous || framePins(task, frame) > 0 || frameRefs(task, frame) !== frameMaps(task, frame) + 1) return false
  const owner = pinOwner(task, frame)
  if (owner === NO_OWNER) return false
  const target = frameAlloc(task, SYSTEM_ZONE)
  const moved = target !== NO_FRAME && moveTo(task, frame, target, owner)
  unpinOwner(task, owner)
  if (target !== NO_FRAME) framePut(task, target)
  return moved
}

/**
 * `target` is new: no address space has it. But who goes by frames may be looking at it, for what it was before or as something to
 * move, and have its lock for a moment: then nothing is moved this time (kernel: "just don't BUG()" of migrate_folio_unmap).
 *
 *     mover                                    another mover
 *     takes Q from the free frames
 *                                              comes by Q: a reference, the frame lock
 *     lock of Q by trylock: no                                              [Required: it leaves the page where it is]
 *                                              Q is no anonymous page: unlocks it
 */
function moveTo(task: Task, frame: Frame, target: Frame, owner: AnonVma): boolean {
  if (!frameTryLock(task, target)) return false
  unmapForMigration(task, frame)
  // The caller's reference is the only one left, unless somebody took one between the look and the unmapping.
  const alone = frameMaps(task, frame) === 0 && frameRefs(task, frame) === 1 && framePins(task, frame) === 0
  if (alone) {
    frameCopy(task, target, frame)
    frameSetMapping(task, target, frameMapping(task, frame), frameIndex(task, frame))
    frameSetFlags(task, target, frameFlags(task, frame) & IDENTITY)
  }
  const to = alone ? target : frame
  removeMigrationEntries(task, { from: frame, to, pages: 1, owner, zeros: false })
  if (alone) {
    frameSetMapping(task, frame, 0, 0)
    frameClearFlags(task, frame, IDENTITY)
  }
  frameUnlock(task, target)
  return alone
}
