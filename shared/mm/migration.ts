/**
 * Migration entries: how a frame's content is moved while nobody can reach it. All entries that map the frame become
 * migration entries, whoever faults on one waits for the frame lock, and in the end they are made to name the new frame, or
 * the old one again.
 *
 *     migration                                CPU, or a device fault
 *     frame lock
 *     start CLEAR, entry -> migration entry,
 *     flush TLBs, end; once per mapping
 *     copies, moves the identity
 *                                              finds the migration entry: waits for the frame lock
 *     migration entry -> new frame (no event:
 *     the entry was not present)
 *     frame unlock
 *                                              looks again                      [Required: finds the new frame]
 *
 * (Linux mm/rmap.c try_to_migrate, mm/migrate.c remove_migration_ptes, 6.12.)
 */
import {
  BLOCK_FRAMES,
  FRAME_ANON,
  FRAME_DEVICE,
  type Frame,
  frameFlags,
  frameGet,
  frameIndex,
  frameIsBlock,
  frameIsZero,
  frameMapDec,
  frameMapInc,
  frameMaps,
  frameMarkDirty,
  frameWaitUnlocked,
} from '../frame/frames.ts'
import { framePut, ZERO_FRAME } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { type AnonVma, NO_OWNER } from './anonvma.ts'
import { hugeStart, splitLocked } from './huge.ts'
import { cpuMapping } from './install.ts'
import { mmRoot } from './mm.ts'
import { ENTRIES, entryAt, hugeWord, LEAF_LEVEL, lockSpot, storeEntry, type Table, unlockLeaf, unlockSpot } from './pagetable.ts'
import {
  isMigrationEntry,
  makeEntry,
  PTE_DIRTY,
  PTE_KIND,
  PTE_SOFT_DIRTY,
  PTE_WRITE,
  PTE_YOUNG,
  pteFrame,
  pteMapsFrame,
  ptePresent,
} from './pte.ts'
import { walkFile, walkMappings, walkOwner } from './rmap.ts'
import { flushTlb } from './shootdown.ts'
import { type Vma, vmaMm } from './vma.ts'
import { clearEntry } from './zap.ts'

const CARRIED = PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG

/**
 * Turns one entry, which maps `frame`, into a migration entry, and drops the mapping's count and reference. Returns true if
 * it was present: the caller flushes TLBs before it drops the leaf lock. Leaf lock held, inside a window; the caller has a
 * reference of its own.
 */
export function makeMigrationEntry(task: Task, at: WordAt, frame: Frame): boolean {
  const entry = clearEntry(task, at)
  if ((entry & PTE_DIRTY) !== 0) frameMarkDirty(task, frame)
  storeEntry(task, at, makeEntry(PTE_KIND.migration, frame, entry & CARRIED))
  frameMapDec(task, frame)
  framePut(task, frame)
  return ptePresent(entry)
}

/**
 * Turns every entry that maps `frame`, or a frame of the block whose head it is, into a migration entry. 2 MiB entries are split.
 * Frame lock and a reference held; no leaf lock. May sleep.
 */
export function unmapForMigration(task: Task, frame: Frame): void {
  const frames = frameIsBlock(task, frame) ? BLOCK_FRAMES : 1
  walkMappings(task, frame, (vma, first, last) => {
    if (frameMaps(task, frame) === 0) return // the rest of the areas has nothing of it, and is not disturbed
    const range = rangeInit(task, vmaMm(task, vma), first, last, NOTIFY.clear)
    invalidateRangeStart(task, range)
    eachMapping(task, vma, first, last, frame, frames, (at, entry) => {
      return pteMapsFrame(entry) && makeMigrationEntry(task, at, pteFrame(entry))
    })
    invalidateRangeEnd(task, range)
  })
}

/** What becomes of the migration entries of `pages` frames from `from` on. */
export interface Restoration {
  readonly from: Frame
  /** Where the first one went; the others behind it. The same frame when it stays. */
  readonly to: Frame
  readonly pages: number
  /** What pinOwner said while they were mapped: now that they are not, nothing else keeps the areas' owner. */
  readonly owner: AnonVma
  /** The page cannot be had any more: its entries become poisoned. */
  readonly lost?: boolean
  /** Map the page of zeros where the content is all zeros (6.12, when a block is taken apart). */
  readonly zeros: boolean
}

/**
 * Makes migration entries name their new frames: present, or device-private for a device's frame. Rights are those that the
 * entry carried; or poisoned, when the page is lost. Frame locks held, with references; nobody is notified, because nothing was present.
 */
export function removeMigrationEntries(task: Task, { from, to, pages, owner, zeros, lost = false }: Restoration): void {
  const visit = (vma: Vma, first: number, last: number) => {
    eachMapping(task, vma, first, last, from, pages, (at, entry) => {
      if (!isMigrationEntry(entry)) return false
      if (lost) {
        storeEntry(task, at, makeEntry(PTE_KIND.poisoned, ZERO_FRAME, 0))
        return false
      }
      const frame = (to + (pteFrame(entry) - from)) as Frame
      if (zeros && frameIsZero(task, frame)) {
        storeEntry(task, at, mappingOf(task, vma, ZERO_FRAME, 0))
        return false
      }
      frameGet(task, frame)
      frameMapInc(task, frame)
      storeEntry(task, at, mappingOf(task, vma, frame, entry & CARRIED))
      return false
    })
  }
  if (owner !== NO_OWNER) walkOwner(task, owner, frameIndex(task, to), pages, visit)
  else if ((frameFlags(task, to) & FRAME_ANON) === 0) walkFile(task, to, pages, visit)
}

/** An entry that maps `frame` in `vma` with PTE_* bits: device-private for a device's frame, otherwise what a CPU may use. */
export function mappingOf(task: Task, vma: Vma, frame: Frame, bits: number): number {
  if ((frameFlags(task, frame) & FRAME_DEVICE) !== 0) return makeEntry(PTE_KIND.devicePrivate, frame, bits)
  return cpuMapping(task, vma, frame, bits)
}

/**
 * Waits until the migration that `entry` belongs to is over. Comes with the leaf locked, returns with it unlocked. Takes no
 * reference: an unexpected one would make the migration give up.
 */
export function waitForMigration(task: Task, leaf: Table, entry: number): void {
  unlockLeaf(task, leaf)
  frameWaitUnlocked(task, pteFrame(entry))
}

/**
 * Calls `visit` for every entry in [first, last] of `vma` that names one of the `frames` frames from `frame` on. A 2 MiB entry of it is split first: the caller has a window over the span. What
 * returns true was present: TLBs are flushed before the leaf lock is dropped.
 */
export function eachMapping(
  task: Task,
  vma: Vma,
  first: number,
  last: number,
  frame: Frame,
  frames: number,
  visit: (at: WordAt, entry: number, vpn: number) => boolean,
): void {
  const mm = vmaMm(task, vma)
  for (let vpn = first; vpn <= last; ) {
    const spot = lockSpot(task, mmRoot(task, mm), vpn)
    const end = Math.min(last, hugeStart(vpn) + ENTRIES - 1)
    const huge = hugeWord(spot)
    if (huge !== 0 && pteFrame(get(task, huge)) === frame) {
      splitLocked(task, mm, huge, vpn)
      unlockSpot(task, spot, vpn)
      continue
    }
    if (spot > 0) {
      let flush = false
      for (let page = vpn; page <= end; page++) {
        const at = entryAt(spot as Table, LEAF_LEVEL, page)
        const entry = get(task, at)
        const piece = pteFrame(entry) - frame
        if (entry !== 0 && piece >= 0 && piece < frames && visit(at, entry, page)) flush = true
      }
      if (flush) flushTlb(task, mm)
    }
    if (spot !== 0) unlockSpot(task, spot, vpn)
    vpn = end + 1
  }
}
