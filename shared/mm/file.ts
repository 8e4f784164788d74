/**
 * Files: what shared memory, memfd and tmpfs mappings map. A size and a page cache; no names, no directories.
 *
 *   word   0       1      2      3      4 .. 15   16 ..... 31   32 .......... 159
 *        +-------+------+------+------+---------+-------------+-------------------+
 *        | COUNT | SIZE | LOCK | ROOT | pad     | SEM         | NODES[0..127]     |
 *        +-------+------+------+------+---------+-------------+-------------------+
 *
 *   COUNT   areas that map it, and temporary users. Atomic; the last one frees it and its pages.
 *   SIZE    pages. Immutable (nothing truncates).
 *   LOCK    spinlock, class `file`. Guards NODES and the slots below. One reference of each frame belongs to its slot.
 *   ROOT    interval tree of the areas that map it, keyed by page offset. Guarded by SEM.
 *   SEM     rwsem, class `fileRmap`: read to find a frame's mappings, write to add, move or remove an area.
 *   NODES   page-cache index: node i holds slots for pages [512 i, 512 i + 512); slot = frame + 1, 0 = not cached.
 */
import { FRAME_DIRTY, type Frame, frameGet, frameSetMapping, NO_FRAME } from '../frame/frames.ts'
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { frameAllocZeroed, framePut } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { FILE } from '../sync/classes.ts'
import { RWSEM_WORDS } from '../sync/rwsem.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'

export type File = WordAt & { readonly brand: 'file' }
export const NO_FILE = 0 as File

const COUNT = 0
const SIZE = 1
const LOCK = 2
const ROOT = 3
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
      const cached = get(task, node + slot)
      if (cached !== 0) framePut(task, (cached - 1) as Frame)
    }
    freeObject(task, NODE_KIND, node)
  }
  freeObject(task, FILE_KIND, file)
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
  if (found !== NO_FRAME) return found
  const fresh = frameAllocZeroed(task, FRAME_DIRTY)
  const node = allocObject(task, NODE_KIND) // for the case that the slot's node is missing: nothing allocates under LOCK
  spinLock(task, file + LOCK, FILE)
  let frame = cachedAt(task, file, index)
  let spare = node
  if (frame === NO_FRAME && fresh !== NO_FRAME) {
    const nodeAt = file + NODES + Math.floor(index / NODE_SLOTS)
    if (get(task, nodeAt) === 0) {
      put(task, nodeAt, node)
      spare = 0
    }
    if (get(task, nodeAt) !== 0) {
      frameSetMapping(task, fresh, file, index)
      put(task, get(task, nodeAt) + (index % NODE_SLOTS), fresh + 1)
      frame = fresh
    }
  }
  if (frame !== NO_FRAME) frameGet(task, frame)
  spinUnlock(task, file + LOCK)
  if (spare !== 0) freeObject(task, NODE_KIND, spare)
  if (frame !== fresh && fresh !== NO_FRAME) framePut(task, fresh)
  return frame
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

/** LOCK held. */
function cachedAt(task: Task, file: File, index: number): Frame {
  const node = get(task, file + NODES + Math.floor(index / NODE_SLOTS))
  return node === 0 ? NO_FRAME : ((get(task, node + (index % NODE_SLOTS)) - 1) as Frame)
}
