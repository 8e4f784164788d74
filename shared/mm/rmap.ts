/**
 * Reverse mapping: from a frame to the areas, of any process, that may map it. Anonymous frames are looked for among the
 * areas of their fork family that have their owner in the chain, page-cache frames among the areas of their file; both by page
 * offset, in the order of the areas' first offsets, and then in the order they came (kernel: the interval trees). What the walk finds is
 * where an entry *may* be: whoever visits looks under the leaf lock.
 *
 * The walk holds the family's or file's semaphore for reading: areas do not appear, move or go meanwhile, and with them the
 * address spaces and tables they belong to stay (an area leaves these trees before its tables are freed).
 */
import {
  BLOCK_FRAMES,
  FRAME_ANON,
  FRAME_EXCLUSIVE,
  type Frame,
  frameFlags,
  frameIndex,
  frameIsBlock,
  frameMapping,
  frameSetFlags,
  frameSetMapping,
} from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import { ANON_RMAP, FILE_RMAP } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { type AnonVma, chainHas, NO_OWNER, ownerFamily, pinOwner, unpinOwner } from './anonvma.ts'
import { familyRoot, familySem } from './family.ts'
import { type File, fileRoot, fileSem, NO_FILE } from './file.ts'
import { NO_VMA, type Vma, vmaLast, vmaOwner, vmaOwnerChain, vmaPgoff, vmaStart } from './vma.ts'
import { nextVmaByOffset, vmaByOffset } from './vmalink.ts'

/** Told of an area that may map pages of the frame or block walked for: those of [first, last] in it. */
export type MappingVisit = (vma: Vma, first: number, last: number) => void

/**
 * Calls `visit` for every area that may map `frame`, or the block whose head it is, with the page numbers it would have there.
 * Caller holds the frame lock and a reference, so that the frame keeps its owner; no leaf lock. May sleep.
 */
export function walkMappings(task: Task, frame: Frame, visit: MappingVisit): void {
  const pages = frameIsBlock(task, frame) ? BLOCK_FRAMES : 1
  if ((frameFlags(task, frame) & FRAME_ANON) === 0) {
    walkFile(task, frame, pages, visit)
    return
  }
  const owner = pinOwner(task, frame)
  if (owner === NO_OWNER) return
  walkOwner(task, owner, frameIndex(task, frame), pages, visit)
  unpinOwner(task, owner)
}

/**
 * Makes an anonymous frame, or block, that has one mapping left the own of the area that maps it: reverse walks need no longer
 * visit the areas it was shared with (kernel: folio_move_anon_rmap). Caller holds the frame lock, and the lock of the table with
 * that mapping, so that no fork shares it meanwhile.
 */
export function moveAnonRmap(task: Task, vma: Vma, frame: Frame): void {
  frameSetFlags(task, frame, FRAME_EXCLUSIVE)
  frameSetMapping(task, frame, vmaOwner(task, vma), frameIndex(task, frame))
}

/** As walkMappings, for `pages` pages from `index` on of an owner that the caller has pinned. */
export function walkOwner(task: Task, owner: AnonVma, index: number, pages: number, visit: MappingVisit): void {
  const family = ownerFamily(task, owner)
  downRead(task, familySem(family), ANON_RMAP)
  eachByOffset(task, familyRoot(family), index, pages, true, (vma, first, last) => {
    if (chainHas(task, vmaOwnerChain(task, vma), owner)) visit(vma, first, last)
  })
  upRead(task, familySem(family))
}

/** As walkMappings, for page-cache frames. Their file is kept by an area, or by a reference of the caller's. */
export function walkFile(task: Task, frame: Frame, pages: number, visit: MappingVisit): void {
  const file = frameMapping(task, frame) as File
  if (file !== NO_FILE) walkFileRange(task, file, frameIndex(task, frame), pages, visit)
}

/** As walkMappings, for `pages` pages of a file from `index` on, cached or not. */
export function walkFileRange(task: Task, file: File, index: number, pages: number, visit: MappingVisit): void {
  downRead(task, fileSem(file), FILE_RMAP)
  eachByOffset(task, fileRoot(file), index, pages, false, visit)
  upRead(task, fileSem(file))
}

/** Areas of a tree that cover page offsets [index, index + pages), in their order. The tree's SEM is held. */
function eachByOffset(task: Task, root: WordAt, index: number, pages: number, anonymous: boolean, visit: MappingVisit): void {
  const end = index + pages - 1
  for (
    let vma = vmaByOffset(task, root, index, end, anonymous);
    vma !== NO_VMA;
    vma = nextVmaByOffset(task, root, vma, index, end, anonymous)
  ) {
    const at = vmaStart(task, vma) - vmaPgoff(task, vma) // where offset 0 of the backing would be
    visit(vma, Math.max(vmaStart(task, vma), at + index), Math.min(vmaLast(task, vma), at + end))
  }
}
