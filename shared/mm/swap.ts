/**
 * Swap: pages whose content is put aside, and their way back (slots: mm/swapslot.ts).
 *
 *   swap entry's WRITE   the frame was this area's alone when it went: it comes back writable.
 *
 *     swap out                                 CPU
 *     frame lock, slot, copies
 *                                              writes the page                    [Forbidden: the copy misses it]
 *     start CLEAR, entry -> swap entry, flush
 *
 * so the copy is made after the entries are gone.
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameCopy,
  frameFlags,
  frameGet,
  frameLock,
  frameMapDec,
  frameMapInc,
  frameMapping,
  frameMaps,
  framePins,
  framePrivate,
  frameRefs,
  frameSetFlags,
  frameSetMapping,
  frameSetPrivate,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { frameAlloc, framePut, SWAP_ZONE, SYSTEM_ZONE } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { chainRoot } from './anonvma.ts'
import { FAULT } from './faultcode.ts'
import { type File, filePagemap, NO_FILE, uncache } from './file.ts'
import { eachMapping } from './migration.ts'
import { mmRoot } from './mm.ts'
import { NO_PAGEMAP } from './pagemap.ts'
import { entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, storeEntry, type Table, unlockLeaf } from './pagetable.ts'
import {
  isSwapEntry,
  makeEntry,
  makePte,
  PTE_DIRTY,
  PTE_KIND,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteFrame,
  ptePresent,
  pteWritable,
} from './pte.ts'
import { walkMappings } from './rmap.ts'
import { putSlot } from './swapslot.ts'
import { VM_WRITE, type Vma, vmaFlags, vmaIndex, vmaMm, vmaOwner, vmaOwnerChain } from './vma.ts'
import { clearEntry } from './zap.ts'

/**
 * Brings page `vpn` back: a fault found swap entry `entry`. Comes with the leaf locked, returns with it unlocked; FAULT.done
 * also when another fault was faster. mmap_sem held for reading.
 */
export function swapIn(task: Task, vma: Vma, vpn: number, write: boolean, leaf: Table, entry: number): number {
  const slot = pteFrame(entry)
  frameGet(task, slot)
  unlockLeaf(task, leaf)
  frameLock(task, slot)
  const frame = cachedOrRead(task, slot)
  if (frame !== NO_FRAME) mapSwapped(task, vma, vpn, write, slot, frame)
  frameUnlock(task, slot)
  putSlot(task, slot)
  return frame === NO_FRAME ? FAULT.oom : FAULT.done
}

/** The slot's content in a frame, from the cache or read into it. Slot's lock held. */
function cachedOrRead(task: Task, slot: Frame): Frame {
  const cached = framePrivate(task, slot)
  if (cached !== 0) return (cached - 1) as Frame
  const frame = frameAlloc(task, SYSTEM_ZONE, FRAME_ANON | FRAME_DIRTY)
  if (frame === NO_FRAME) return NO_FRAME
  frameCopy(task, frame, slot)
  frameSetPrivate(task, slot, frame + 1)
  return frame
}

/** Makes the entry present, if it still is the swap entry. Slot's lock and a reference of it held. */
function mapSwapped(task: Task, vma: Vma, vpn: number, write: boolean, slot: Frame, frame: Frame): void {
  const leaf = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), vpn)
  if (leaf === NO_TABLE) return
  const at = entryAt(leaf, LEAF_LEVEL, vpn)
  const now = get(task, at)
  const ours = isSwapEntry(now) && pteFrame(now) === slot
  if (ours) {
    // Two references of the slot are the entry's and our caller's, one of the frame is the cache's: nobody shares the page. A read
    // does not look so closely (6.12): what was shared once stays read-only until it is written.
    const alone = pteWritable(now) || (write && frameRefs(task, slot) === 2 && frameRefs(task, frame) === 1)
    if (alone) frameSetFlags(task, frame, FRAME_EXCLUSIVE)
    if (frameMapping(task, frame) === 0) {
      const owner = alone ? vmaOwner(task, vma) : chainRoot(task, vmaOwnerChain(task, vma))
      frameSetMapping(task, frame, owner, vmaIndex(task, vma, vpn))
    }
    const rights = alone && (vmaFlags(task, vma) & VM_WRITE) !== 0 ? PTE_WRITE | (write ? PTE_DIRTY : 0) : 0
    frameMapInc(task, frame)
    frameGet(task, frame)
    storeEntry(task, at, makePte(frame, (now & PTE_SOFT_DIRTY) | PTE_YOUNG | rights))
  }
  unlockLeaf(task, leaf)
  if (ours) putSlot(task, slot)
}

/**
 * Puts one page out if it can be: private, mapped once, held by nobody else. Caller has a reference to `frame`, holds no leaf
 * lock, and drops the reference afterwards. True if it went.
 */
export function swapOut(task: Task, frame: Frame): boolean {
  if (!frameTryLock(task, frame)) return false
  const went =
    (frameFlags(task, frame) & FRAME_ANON) !== 0 &&
    frameMaps(task, frame) === 1 &&
    framePins(task, frame) === 0 &&
    toSlot(task, frame)
  frameUnlock(task, frame)
  return went
}

/**
 * Puts a page-cache frame out that is mapped at most once and held by nobody but its file, the mapping and the caller: its file's
 * slot then names the swap slot. True if it went. No leaf lock held.
 */
export function swapOutCached(task: Task, frame: Frame): boolean {
  if (!frameTryLock(task, frame)) return false
  const file = frameMapping(task, frame) as File
  const stays = file === NO_FILE || filePagemap(task, file) !== NO_PAGEMAP // a device's page is where it belongs
  const slot = stays ? NO_FRAME : frameAlloc(task, SWAP_ZONE)
  let went = false
  if (slot !== NO_FRAME) {
    walkMappings(task, frame, (vma, first, last) => {
      const range = rangeInit(task, vmaMm(task, vma), first, last, NOTIFY.clear)
      invalidateRangeStart(task, range)
      eachMapping(task, vma, first, last, frame, 1, (at, entry) => ptePresent(entry) && unmapCached(task, at, frame))
      invalidateRangeEnd(task, range)
    })
    frameCopy(task, slot, frame)
    // The cache's reference and the caller's: whoever holds another may still write.
    went = frameMaps(task, frame) === 0 && frameRefs(task, frame) === 2 && uncache(task, file, frame, slot)
    if (went) {
      frameSetMapping(task, frame, 0, 0)
      framePut(task, frame)
    } else putSlot(task, slot)
  }
  frameUnlock(task, frame)
  return went
}

/** Clears one present entry of a page-cache frame: the page cache still has it. Leaf lock held. Returns true. */
function unmapCached(task: Task, at: WordAt, frame: Frame): boolean {
  clearEntry(task, at)
  frameMapDec(task, frame)
  framePut(task, frame)
  return true
}

/** Frame lock held. */
function toSlot(task: Task, frame: Frame): boolean {
  const slot = frameAlloc(task, SWAP_ZONE)
  if (slot === NO_FRAME) return false
  frameTryLock(task, slot) // nobody knows it yet; who finds it in an entry waits for its content
  walkMappings(task, frame, (vma, first, last) => {
    const range = rangeInit(task, vmaMm(task, vma), first, last, NOTIFY.clear)
    invalidateRangeStart(task, range)
    eachMapping(task, vma, first, last, frame, 1, (at, entry) => ptePresent(entry) && putOut(task, at, frame, slot))
    invalidateRangeEnd(task, range)
  })
  frameCopy(task, slot, frame)
  const went = frameMaps(task, frame) === 0
  frameUnlock(task, slot)
  putSlot(task, slot) // ours; every entry that was put out holds its own
  return went
}

/** Replaces one present entry of `frame` by a swap entry, unless it was pinned since (mm/gup.ts). Leaf lock held. True when it did. */
function putOut(task: Task, at: WordAt, frame: Frame, slot: Frame): boolean {
  if (framePins(task, frame) > 0) return false
  const before = clearEntry(task, at)
  const alone = (frameFlags(task, frame) & FRAME_EXCLUSIVE) !== 0
  frameGet(task, slot)
  storeEntry(task, at, makeEntry(PTE_KIND.swap, slot, (before & PTE_SOFT_DIRTY) | (alone ? PTE_WRITE : 0)))
  frameMapDec(task, frame)
  framePut(task, frame)
  return true
}
