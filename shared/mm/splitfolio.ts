/**
 * Taking a 2 MiB block of private memory apart into 512 frames (split_folio), so that each can go its own way: every entry that
 * maps it, in all processes, becomes migration entries of 4 KiB, the block becomes frames, the entries come back.
 *
 * Frames that hold nothing but zeros are not mapped again: the page of zeros takes their place, and they are freed (6.12). A
 * write to such a page faults anew. (Linux mm/huge_memory.c split_huge_page_to_list_to_order.)
 */
import {
  BLOCK_FRAMES,
  type Frame,
  frameGet,
  frameHead,
  frameIsBlock,
  frameMaps,
  framePins,
  frameRefs,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { framePut, splitBlock, ZERO_FRAME } from '../frame/zones.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { NO_OWNER, pinOwner, unpinOwner } from './anonvma.ts'
import { hugeStart } from './huge.ts'
import { removeMigrationEntries, unmapForMigration } from './migration.ts'
import { mmRoot } from './mm.ts'
import { entryAt, hugeWord, LEAF_LEVEL, lockSpot, NO_TABLE, type Table, unlockSpot } from './pagetable.ts'
import { pteFrame, ptePresent } from './pte.ts'
import { type Vma, vmaMm } from './vma.ts'

/**
 * Takes the block `head` apart. False if somebody else holds it, and then it is what it was. Caller holds the block's lock and
 * one reference, which afterwards are those of the first frame; no leaf lock. May sleep. `zeros`: as above.
 */
export function splitFolio(task: Task, head: Frame, zeros: boolean): boolean {
  if (frameRefs(task, head) !== frameMaps(task, head) + 1 || framePins(task, head) > 0) return false
  const owner = pinOwner(task, head)
  if (owner === NO_OWNER) return false
  unmapForMigration(task, head)
  const alone = frameMaps(task, head) === 0 && frameRefs(task, head) === 1
  if (alone) splitBlock(task, head)
  removeMigrationEntries(task, { from: head, to: head, pages: BLOCK_FRAMES, owner, zeros: zeros && alone })
  for (let i = 1; alone && i < BLOCK_FRAMES; i++) {
    frameUnlock(task, (head + i) as Frame)
    framePut(task, (head + i) as Frame)
  }
  unpinOwner(task, owner)
  return alone
}

/**
 * Takes blocks apart that [first, last] of `vma`, within one 2 MiB span, covers only in part: what is advised of a part must not
 * befall the rest. A block that others map, too, is left alone. MMAP_SEM held, no page-table lock.
 */
export function splitPartly(task: Task, vma: Vma, first: number, last: number): void {
  for (let vpn = first; vpn <= last; vpn++) {
    const head = partlyCovered(task, vma, vpn, first, last)
    if (head === NO_FRAME) continue
    if (frameTryLock(task, head)) {
      splitFolio(task, head, true)
      frameUnlock(task, head)
    }
    framePut(task, head)
  }
}

/** The block that page `vpn` maps a piece of, with a reference, if it sticks out of [first, last] and nobody shares it. */
function partlyCovered(task: Task, vma: Vma, vpn: number, first: number, last: number): Frame {
  const spot = lockSpot(task, mmRoot(task, vmaMm(task, vma)), vpn)
  if (spot === NO_TABLE) return NO_FRAME
  const huge = hugeWord(spot)
  const entry = huge !== 0 ? get(task, huge) : get(task, entryAt(spot as Table, LEAF_LEVEL, vpn))
  const frame = pteFrame(entry)
  let head = NO_FRAME
  if (ptePresent(entry) && frame !== ZERO_FRAME && frameIsBlock(task, frame)) {
    const block = frameHead(task, frame)
    const begin = huge !== 0 ? hugeStart(vpn) : vpn - (frame - block)
    const whole = begin >= first && begin + BLOCK_FRAMES - 1 <= last
    const shared = frameMaps(task, block) > (huge !== 0 ? 1 : BLOCK_FRAMES)
    if (!whole && !shared) head = block
  }
  if (head !== NO_FRAME) frameGet(task, head)
  unlockSpot(task, spot, vpn)
  return head
}
