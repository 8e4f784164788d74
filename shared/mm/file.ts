/**
 * Files: what shared memory, memfd and tmpfs mappings map. A size and a page cache; no names, no directories.
 *
 *   word   0       1      2      3      4         5 .. 15   16 ..... 31   32 .......... 159
 *        +-------+------+------+------+---------+---------+-------------+-------------------+
 *        | COUNT | SIZE | LOCK | ROOT | PAGEMAP | pad     | SEM         | NODES[0..127]     |
 *        +-------+------+------+------+---------+---------+-------------+-------------------+
 *
 *   COUNT   areas that map it, and temporary users. Atomic; the last one frees it and its pages.
 *   SIZE    pages. Immutable (nothing truncates).
 *   LOCK    spinlock, class `file`. Guards NODES and the slots below. One reference of each frame belongs to its slot.
 *   ROOT    interval tree of the areas that map it, keyed by page offset. Guarded by SEM.
 *   PAGEMAP of a DAX file, whose pages are a device's (mm/pagemap.ts); 0 of others. Immutable.
 *   SEM     rwsem, class `fileRmap`: read to find a frame's mappings, write to add, move or remove an area.
 *   NODES   page-cache index: node i holds slots for pages [512 i, 512 i + 512). A slot is frame + 1; -(swap slot + 1) of a page that
 *           was put out; 0 of one that was never touched.
 */
import { FRAME_DIRTY, type Frame, frameCopy, frameGet, frameIndex, frameSetMapping, NO_FRAME } from '../frame/frames.ts'
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { blockAllocZeroed, frameAllocZeroed, framePut } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { FILE } from '../sync/classes.ts'
import { RWSEM_WORDS } from '../sync/rwsem.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { createPagemap, freePagemap, NO_PAGEMAP, type Pagemap } from './pagemap.ts'
import { putSlot } from './swapslot.ts'

export type File = WordAt & { readonly brand: 'file' }
export const NO_FILE = 0 as File

const COUNT = 0
const SIZE = 1
const LOCK = 2
const ROOT = 3
const PAGEMAP = 4
const SEM = 16
const NODES = SEM + RWSEM_WORDS
const MAX_NODES = 128
const NODE_SLOTS = 512
/** Largest file, in pages: 256 MiB, one mapping slot of the scenario language. */
export const MAX_FILE_PAGES = MAX_NODES * NODE_SLOTS

const FILE_KIND = objectKind(5, 'file', NODES + MAX_NODES)
const NODE_KIND = objectKind(6, 'page-cache node', NODE_SLOTS)

/** A new file of `pages` zero pages, with one user. NO_FILE when memory is out. */
export function createFile(task: Task, pages: number): File {
  assert(pages > 0 && pages <= MAX_FILE_PAGES, `a file has 1 to ${MAX_FILE_PAGES} pages`)
  const file = allocObject(task, FILE_KIND) as File
  if (file === NO_FILE) return NO_FILE
  put(task, file + SIZE, pages)
  atomicStore(task, file + COUNT, 1)
  return file
}

/** The same, of a DAX file: a device's pages. They are not put out, nor migrated. */
export function createDaxFile(task: Task, pages: number): File {
  const file = createFile(task, pages)
  if (file === NO_FILE) return NO_FILE
  put(task, file + PAGEMAP, createPagemap(task))
  if (filePagemap(task, file) !== NO_PAGEMAP) return file
  filePut(task, file)
  return NO_FILE
}

/** The page map of a DAX file; NO_PAGEMAP of others. */
export function filePagemap(task: Task, file: File): Pagemap {
  return get(task, file + PAGEMAP) as Pagemap
}

export function fileGet(task: Task, file: File): void {
  assert(atomicAdd(task, file + COUNT, 1) > 0, 'a file is used while somebody uses it')
}

/** Drops a use; the last one gives back the page cache and the record. */
export function filePut(task: Task, file: File): void {
  if (atomicAdd(task, file + COUNT, -1) !== 1) return
  for (let i = 0; i < MAX_NODES; i++) {
    const node = get(task, file + NODES + i)
    if (node === 0) continue
    for (let slot = 0; slot < NODE_SLOTS; slot++) {
      dropSlot(task, get(task, node + slot))
    }
    freeObject(task, NODE_KIND, node)
  }
  const map = filePagemap(task, file)
  if (map !== NO_PAGEMAP) freePagemap(task, map)
  freeObject(task, FILE_KIND, file)
}

/** Gives back what a slot held. */
function dropSlot(task: Task, held: number): void {
  if (held > 0) framePut(task, (held - 1) as Frame)
  else if (held < 0) putSlot(task, (-held - 1) as Frame)
}

/** Size in pages. */
export function fileSize(task: Task, file: File): number {
  return get(task, file + SIZE)
}

export function fileSem(file: File): WordAt {
  return file + SEM
}

/** Word that holds the root of the tree of areas mapping the file. */
export function fileRoot(file: File): WordAt {
  return file + ROOT
}

/** The cached frame of page `index`, with a reference for the caller, or NO_FRAME. */
export function findCached(task: Task, file: File, index: number): Frame {
  spinLock(task, file + LOCK, FILE)
  const frame = cachedAt(task, file, index)
  if (frame !== NO_FRAME) frameGet(task, frame)
  spinUnlock(task, file + LOCK)
  return frame
}

/**
 * The frame of page `index`, made (zeroed) if it is not cached, with a reference for the caller. NO_FRAME when memory is
 * out. `index` is below the size. Two faults may both make one: the second finds the first's under LOCK and drops its own.
 */
export function findOrAddCached(task: Task, file: File, index: number): Frame {
  const found = findCached(task, file, index)
  return found !== NO_FRAME ? found : addCached(task, file, index, frameAllocZeroed(task, FRAME_DIRTY))
}

/** Puts `fresh`, the caller's, into the empty slot of page `index`, or drops it for one that is there. With a reference. */
function addCached(task: Task, file: File, index: number, fresh: Frame): Frame {
  const node = allocObject(task, NODE_KIND) // for the case that the slot's node is missing: nothing allocates under LOCK
  spinLock(task, file + LOCK, FILE)
  let frame = cachedAt(task, file, index)
  let spare = node
  let swapped = NO_FRAME
  if (frame === NO_FRAME && fresh !== NO_FRAME) {
    const nodeAt = file + NODES + Math.floor(index / NODE_SLOTS)
    if (get(task, nodeAt) === 0) {
      put(task, nodeAt, node)
      spare = 0
    }
    if (get(task, nodeAt) !== 0) {
      const at = slotAt(task, file, index)
      if (get(task, at) < 0) swapped = (-get(task, at) - 1) as Frame
      // Copied before anybody can find the frame. The swap slot is this slot's alone, so its content stands.
      if (swapped !== NO_FRAME) frameCopy(task, fresh, swapped)
      frameSetMapping(task, fresh, file, index)
      put(task, at, fresh + 1)
      frame = fresh
    }
  }
  if (frame !== NO_FRAME) frameGet(task, frame)
  spinUnlock(task, file + LOCK)
  if (spare !== 0) freeObject(task, NODE_KIND, spare)
  if (swapped !== NO_FRAME) putSlot(task, swapped)
  if (frame !== fresh && fresh !== NO_FRAME) framePut(task, fresh)
  return frame
}

/** As findOrAddCached for a file of 2 MiB pages: the head of the block of page `index`, which is a multiple of 512. */
export function findOrAddBlock(task: Task, file: File, index: number): Frame {
  const found = findCached(task, file, index)
  return found !== NO_FRAME ? found : addCached(task, file, index, blockAllocZeroed(task, FRAME_DIRTY))
}

/** The cached frame of page `index`, without a reference. For audits, while nobody uses the file. */
export function peekCached(task: Task, file: File, index: number): Frame {
  return cachedAt(task, file, index)
}

/** Every cached frame. For audits, while nobody uses the file. */
export function eachCached(task: Task, file: File, visit: (frame: Frame, index: number) => void): void {
  for (let i = 0; i < MAX_NODES * NODE_SLOTS; i++) {
    if (i % NODE_SLOTS === 0 && get(task, file + NODES + i / NODE_SLOTS) === 0) {
      i += NODE_SLOTS - 1
      continue
    }
    const frame = cachedAt(task, file, i)
    if (frame !== NO_FRAME) visit(frame, i)
  }
}

/** The cached frame of page `index`, or NO_FRAME. LOCK held. */
function cachedAt(task: Task, file: File, index: number): Frame {
  const at = slotAt(task, file, index)
  return at === 0 ? NO_FRAME : ((Math.max(get(task, at), 0) - 1) as Frame)
}

/** Word of the slot of page `index`; 0 while its node is missing. LOCK held. */
function slotAt(task: Task, file: File, index: number): WordAt {
  const node = get(task, file + NODES + Math.floor(index / NODE_SLOTS))
  return node === 0 ? 0 : node + (index % NODE_SLOTS)
}

/**
 * Takes `frame` out of the cache and leaves swap slot `slot` (its reference, too) in its place; NO_FRAME: leaves nothing. False
 * if the frame is not cached any more. On true the cache's reference is the caller's. Frame lock held.
 */
export function uncache(task: Task, file: File, frame: Frame, slot: Frame = NO_FRAME): boolean {
  spinLock(task, file + LOCK, FILE)
  const at = slotAt(task, file, frameIndex(task, frame))
  const ours = at !== 0 && get(task, at) === frame + 1
  if (ours) put(task, at, slot === NO_FRAME ? 0 : -(slot + 1))
  spinUnlock(task, file + LOCK)
  return ours
}

/** Forgets the content of page `index` if it is swapped out; otherwise its frame with a reference, or NO_FRAME. */
export function takeSwappedOrGet(task: Task, file: File, index: number): Frame {
  spinLock(task, file + LOCK, FILE)
  const at = slotAt(task, file, index)
  const held = at === 0 ? 0 : get(task, at)
  if (held < 0) put(task, at, 0)
  if (held > 0) frameGet(task, (held - 1) as Frame)
  spinUnlock(task, file + LOCK)
  if (held < 0) dropSlot(task, held)
  return held > 0 ? ((held - 1) as Frame) : NO_FRAME
}
