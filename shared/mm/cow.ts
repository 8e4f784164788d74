/**
 * Write-protect faults: a write to a present entry without WRITE in an area that allows writing.
 *
 *   shared memory, or a frame of its own     WRITE is set in place. No event: devices can only have less.
 *   anything else private                    copy: a new frame takes the place of the old one. Event CLEAR, one page:
 *
 *     COW (event CLEAR, hmm-modern section 5)
 *     copy old -> new          nobody can write old: every entry of it is read-only
 *     start                    devices let go of the old frame
 *     page-table lock: entry unchanged? clear, flush TLBs, store new
 *     end
 *     put old
 *
 * The flush stands between clear and store, so that no CPU sees the new page at this address and then the old one again.
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameClear,
  frameCopy,
  frameFlags,
  frameGet,
  frameIsBlock,
  frameMapDec,
  frameMapInc,
  frameMaps,
  frameRefs,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { frameAlloc, framePut, SYSTEM_ZONE, ZERO_FRAME } from '../frame/zones.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { atomicOr } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { FAULT } from './faultcode.ts'
import { mmRoot } from './mm.ts'
import { entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, storeEntry, type Table, unlockLeaf } from './pagetable.ts'
import { makePte, PTE_DIRTY, PTE_SOFT_DIRTY, PTE_WRITE, PTE_YOUNG, pteFrame, ptePresent, pteWritable } from './pte.ts'
import { moveAnonRmap } from './rmap.ts'
import { flushTlb } from './shootdown.ts'
import { type Vma, vmaIndex, vmaIsShared, vmaMm, vmaOwner } from './vma.ts'
import { prepareOwner } from './vmalink.ts'
import { clearEntry } from './zap.ts'

const WRITABLE = PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG

/** Serves the fault. Comes with `leaf` locked and `entry` just read from it; returns with it unlocked. MMAP_SEM held. */
export function writeProtectFault(task: Task, vma: Vma, vpn: number, leaf: Table, entry: number): number {
  const at = entryAt(leaf, LEAF_LEVEL, vpn)
  const frame = pteFrame(entry)
  if (vmaIsShared(task, vma) || mayReuse(task, vma, frame)) {
    atomicOr(task, at, WRITABLE)
    unlockLeaf(task, leaf)
    return FAULT.done
  }
  if (frame !== ZERO_FRAME) frameGet(task, frame) // keeps it, and its content, while the lock is dropped
  unlockLeaf(task, leaf)
  const result = copyPage(task, vma, vpn, frame)
  if (frame !== ZERO_FRAME) framePut(task, frame)
  return result
}

/** Is this entry the only holder of an anonymous frame? Leaf lock held, so no fork of this mm can share it meanwhile. */
function mayReuse(task: Task, vma: Vma, frame: Frame): boolean {
  const flags = frameFlags(task, frame)
  if ((flags & FRAME_ANON) === 0) return false
  if ((flags & FRAME_EXCLUSIVE) !== 0) return true
  if (frameIsBlock(task, frame)) return false // a piece of a block is not reused, even when no other piece is mapped (6.12)
  if (frameMaps(task, frame) !== 1 || frameRefs(task, frame) !== 1 || !frameTryLock(task, frame)) return false
  moveAnonRmap(task, vma, frame)
  frameUnlock(task, frame)
  return true
}

/** Replaces `old`, of which the caller has a reference, by a copy. Another fault may be faster: then nothing is done. */
function copyPage(task: Task, vma: Vma, vpn: number, old: Frame): number {
  const mm = vmaMm(task, vma)
  if (!prepareOwner(task, vma)) return FAULT.oom
  const fresh = frameAlloc(task, SYSTEM_ZONE, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  if (fresh === NO_FRAME) return FAULT.oom
  if (old === ZERO_FRAME) frameClear(task, fresh)
  else frameCopy(task, fresh, old)
  frameSetMapping(task, fresh, vmaOwner(task, vma), vmaIndex(task, vma, vpn))
  const range = rangeInit(task, mm, vpn, vpn, NOTIFY.clear)
  invalidateRangeStart(task, range)
  const leaf = lockLeaf(task, mmRoot(task, mm), vpn)
  const at = leaf === NO_TABLE ? 0 : entryAt(leaf, LEAF_LEVEL, vpn)
  const entry = leaf === NO_TABLE ? 0 : get(task, at)
  const unchanged = ptePresent(entry) && pteFrame(entry) === old && !pteWritable(entry)
  if (unchanged) {
    clearEntry(task, at)
    flushTlb(task, mm)
    frameMapInc(task, fresh)
    storeEntry(task, at, makePte(fresh, WRITABLE))
    if (old !== ZERO_FRAME) frameMapDec(task, old)
  }
  if (leaf !== NO_TABLE) unlockLeaf(task, leaf)
  invalidateRangeEnd(task, range)
  if (!unchanged) framePut(task, fresh)
  else if (old !== ZERO_FRAME) framePut(task, old)
  return FAULT.done
}
