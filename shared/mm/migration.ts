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
  FRAME_ANON,
  FRAME_DEVICE,
  FRAME_DIRTY,
  type Frame,
  frameFlags,
  frameGet,
  frameIndex,
  frameMapDec,
  frameMapInc,
  frameMaps,
  frameSetFlags,
  frameWaitUnlocked,
} from '../frame/frames.ts'
import { framePut } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { type AnonVma, NO_OWNER } from './anonvma.ts'
import { cpuMapping } from './install.ts'
import { mmRoot } from './mm.ts'
import { entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, storeEntry, type Table, unlockLeaf } from './pagetable.ts'
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
  if ((entry & PTE_DIRTY) !== 0) frameSetFlags(task, frame, FRAME_DIRTY)
  storeEntry(task, at, makeEntry(PTE_KIND.migration, frame, entry & CARRIED))
  frameMapDec(task, frame)
  framePut(task, frame)
  return ptePresent(entry)
}

/** Turns every entry that maps `frame` into a migration entry. Frame lock and a reference held; no leaf lock. May sleep. */
export function unmapForMigration(task: Task, frame: Frame): void {
  walkMappings(task, frame, (vma, vpn) => {
    if (frameMaps(task, frame) === 0) return // the rest of the areas has nothing of it, and is not disturbed
    const range = rangeInit(task, vmaMm(task, vma), vpn, vpn, NOTIFY.clear)
    invalidateRangeStart(task, range)
    withLeaf(task, vma, vpn, (at) => {
      const entry = get(task, at)
      if (pteMapsFrame(entry) && pteFrame(entry) === frame && makeMigrationEntry(task, at, frame))
        flushTlb(task, vmaMm(task, vma))
    })
    invalidateRangeEnd(task, range)
  })
}

/**
 * Makes every migration entry of `from` name `to`: present, or device-private if `to` is a device's frame. Rights are those
 * that the entry carried. Both frame locks held, with references; nobody is notified, because nothing was present. `owner` is
 * what pinOwner said of `from` while it was mapped: now that it is not, nothing else keeps the areas' owner.
 */
export function removeMigrationEntries(task: Task, from: Frame, to: Frame, owner: AnonVma): void {
  const restore = (vma: Vma, vpn: number) => {
    withLeaf(task, vma, vpn, (at) => {
      const entry = get(task, at)
      if (!isMigrationEntry(entry) || pteFrame(entry) !== from) return
      frameGet(task, to)
      frameMapInc(task, to)
      storeEntry(task, at, mappingOf(task, vma, to, entry & CARRIED))
    })
  }
  if (owner !== NO_OWNER) walkOwner(task, owner, frameIndex(task, to), restore)
  else if ((frameFlags(task, to) & FRAME_ANON) === 0) walkFile(task, to, restore)
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

function withLeaf(task: Task, vma: Vma, vpn: number, visit: (at: WordAt) => void): void {
  const leaf = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), vpn)
  if (leaf === NO_TABLE) return
  visit(entryAt(leaf, LEAF_LEVEL, vpn))
  unlockLeaf(task, leaf)
}
