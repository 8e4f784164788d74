/**
 * Faults on mappings of a file (memfd, tmpfs, shared anonymous memory).
 *
 *   shared, any access            the page-cache frame; WRITE at once if the area is writable, also on a read fault
 *   private, read                 the page-cache frame, read-only
 *   private, write                a copy of it, of the mapping's own
 *   read faults, both kinds       also map the neighbours in a window of 16 pages that are in the page cache. The window is
 *                                 aligned, or begins with the area                     (Linux mm/memory.c do_fault_around, 6.12)
 *   of a DAX file                 the same, with a reference of its page map meanwhile; SIGBUS when the device is gone
 */
import {
  FRAME_ANON,
  FRAME_DIRTY,
  FRAME_EXCLUSIVE,
  type Frame,
  frameCopy,
  frameLock,
  frameMapInc,
  frameMapping,
  frameSetMapping,
  frameTryLock,
  frameUnlock,
  NO_FRAME,
} from '../frame/frames.ts'
import { frameAlloc, framePut, SYSTEM_ZONE } from '../frame/zones.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { FAULT } from './faultcode.ts'
import { fileSize, findCached, findOrAddCached } from './file.ts'
import { installIfEmpty } from './install.ts'
import { mmRoot } from './mm.ts'
import { NO_PAGEMAP, pagemapGet, pagemapPut } from './pagemap.ts'
import { ENTRIES, entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, storeEntry, type Table, unlockLeaf } from './pagetable.ts'
import { makePte, PTE_DIRTY, PTE_SOFT_DIRTY, PTE_WRITE, PTE_YOUNG } from './pte.ts'
import {
  VM_WRITE,
  type Vma,
  vmaFile,
  vmaFlags,
  vmaIndex,
  vmaIsShared,
  vmaLast,
  vmaMm,
  vmaOwner,
  vmaPagemap,
  vmaStart,
} from './vma.ts'
import { prepareOwner } from './vmalink.ts'

/** Pages mapped around a read fault (kernel: fault_around_bytes, 64 KiB). */
const FAULT_AROUND = 16

/** Serves a fault on an empty entry. MMAP_SEM held; the leaf exists. */
export function fileFault(task: Task, vma: Vma, vpn: number, write: boolean): number {
  const map = vmaPagemap(task, vma)
  if (map === NO_PAGEMAP) return cachedFault(task, vma, vpn, write)
  if (!pagemapGet(task, map)) return FAULT.sigbus
  const result = cachedFault(task, vma, vpn, write)
  pagemapPut(task, map)
  return result
}

function cachedFault(task: Task, vma: Vma, vpn: number, write: boolean): number {
  const file = vmaFile(task, vma)
  const index = vmaIndex(task, vma, vpn)
  if (index >= fileSize(task, file)) return FAULT.sigbus
  if (!write && faultAround(task, vma, vpn)) return FAULT.done
  const cached = findOrAddCached(task, file, index)
  if (cached === NO_FRAME) return FAULT.oom
  if (write && !vmaIsShared(task, vma)) {
    const result = mapCopy(task, vma, vpn, cached)
    framePut(task, cached)
    return result
  }
  // Mapped under the frame's lock, while it is the file's: punchHole draws why. Not so any more: the access is tried again.
  frameLock(task, cached)
  const ours = frameMapping(task, cached) === file
  const mapped = ours && installIfEmpty(task, vma, vpn, makePte(cached, sharedBits(task, vma, write)))
  frameUnlock(task, cached)
  if (!mapped) framePut(task, cached)
  return FAULT.done
}

/** Entry bits for a page-cache frame: writable only where writes go to the file. */
function sharedBits(task: Task, vma: Vma, write: boolean): number {
  if (!vmaIsShared(task, vma) || (vmaFlags(task, vma) & VM_WRITE) === 0) return PTE_YOUNG
  return PTE_YOUNG | PTE_WRITE | (write ? PTE_DIRTY | PTE_SOFT_DIRTY : 0)
}

function mapCopy(task: Task, vma: Vma, vpn: number, cached: Frame): number {
  if (!prepareOwner(task, vma)) return FAULT.oom
  const copy = frameAlloc(task, SYSTEM_ZONE, FRAME_ANON | FRAME_EXCLUSIVE | FRAME_DIRTY)
  if (copy === NO_FRAME) return FAULT.oom
  frameCopy(task, copy, cached)
  frameSetMapping(task, copy, vmaOwner(task, vma), vmaIndex(task, vma, vpn))
  const entry = makePte(copy, PTE_WRITE | PTE_DIRTY | PTE_SOFT_DIRTY | PTE_YOUNG)
  if (!installIfEmpty(task, vma, vpn, entry)) framePut(task, copy)
  return FAULT.done
}

/** Maps what the window around `vpn` has in the page cache. True if that included `vpn` itself. */
function faultAround(task: Task, vma: Vma, vpn: number): boolean {
  const file = vmaFile(task, vma)
  const first = Math.max(vpn - (vpn % FAULT_AROUND), vmaStart(task, vma))
  const last = Math.min(first + FAULT_AROUND - 1, vmaLast(task, vma), vpn - (vpn % ENTRIES) + ENTRIES - 1)
  let mapped = false
  for (let page = first; page <= last; page++) {
    const index = vmaIndex(task, vma, page)
    if (index >= fileSize(task, file)) break
    const frame = findCached(task, file, index)
    if (frame === NO_FRAME) continue
    const took = frameTryLock(task, frame) && mapNeighbour(task, vma, page, frame)
    if (!took) framePut(task, frame)
    if (page === vpn) mapped = true
  }
  return mapped
}

/** Comes with the frame lock held, returns without it. Takes over the reference when it returns true. */
function mapNeighbour(task: Task, vma: Vma, page: number, frame: Frame): boolean {
  const leaf = lockLeaf(task, mmRoot(task, vmaMm(task, vma)), page)
  const took = leaf !== NO_TABLE && frameMapping(task, frame) === vmaFile(task, vma) && mapAt(task, vma, leaf, page, frame)
  if (leaf !== NO_TABLE) unlockLeaf(task, leaf)
  frameUnlock(task, frame)
  return took
}

/** Leaf lock held. Takes over the reference when it returns true. */
function mapAt(task: Task, vma: Vma, leaf: Table, page: number, frame: Frame): boolean {
  const at = entryAt(leaf, LEAF_LEVEL, page)
  if (get(task, at) !== 0) return false
  frameMapInc(task, frame)
  storeEntry(task, at, makePte(frame, sharedBits(task, vma, false)))
  return true
}
