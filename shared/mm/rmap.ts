/**
 * Reverse mapping: from a frame to the areas, of any process, that may map it. Anonymous frames are looked for among the
 * areas of their fork family that have their owner in the chain, page-cache frames among the areas of their file; both by page
 * offset, in the order of the areas' first offsets, and then in the order they came (kernel: the interval trees). What the walk finds is
 * where an entry *may* be: whoever visits looks under the leaf lock.
 *
 * The walk holds the family's or file's semaphore for reading: areas do not appear, move or go meanwhile, and with them the
 * address spaces and tables they belong to stay (an area leaves these trees before its tables are freed).
 */
import { FRAME_ANON, type Frame, frameFlags, frameIndex, frameMapping } from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import { ANON_RMAP, FILE_RMAP } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { type AnonVma, chainHas, NO_OWNER, ownerFamily, pinOwner, unpinOwner } from './anonvma.ts'
import { familyRoot, familySem } from './family.ts'
import { type File, fileRoot, fileSem, NO_FILE } from './file.ts'
import { NO_VMA, type Vma, vmaOwnerChain, vmaPgoff, vmaStart } from './vma.ts'
import { nextVmaByOffset, vmaByOffset } from './vmalink.ts'

/**
 * Calls `visit` for every area that may map `frame`, with the page number it would have there. Caller holds the frame lock
 * and a reference, so that the frame keeps its owner; no leaf lock. May sleep.
 */
export function walkMappings(task: Task, frame: Frame, visit: (vma: Vma, vpn: number) => void): void {
  if ((frameFlags(task, frame) & FRAME_ANON) === 0) {
    walkFile(task, frame, visit)
    return
  }
  const owner = pinOwner(task, frame)
  if (owner === NO_OWNER) return
  walkOwner(task, owner, frameIndex(task, frame), visit)
  unpinOwner(task, owner)
}

/** As walkMappings, for pages at `index` of an owner that the caller has pinned. */
export function walkOwner(task: Task, owner: AnonVma, index: number, visit: (vma: Vma, vpn: number) => void): void {
  const family = ownerFamily(task, owner)
  downRead(task, familySem(family), ANON_RMAP)
  eachByOffset(task, familyRoot(family), index, true, (vma, vpn) => {
    if (chainHas(task, vmaOwnerChain(task, vma), owner)) visit(vma, vpn)
  })
  upRead(task, familySem(family))
}

/** As walkMappings, for a page-cache frame. Its file is kept by an area, or by a reference of the caller's. */
export function walkFile(task: Task, frame: Frame, visit: (vma: Vma, vpn: number) => void): void {
  const file = frameMapping(task, frame) as File
  if (file === NO_FILE) return
  downRead(task, fileSem(file), FILE_RMAP)
  eachByOffset(task, fileRoot(file), frameIndex(task, frame), false, visit)
  upRead(task, fileSem(file))
}

/** Areas of a tree that cover page offset `index`, in their order. The tree's SEM is held. */
function eachByOffset(task: Task, root: WordAt, index: number, anonymous: boolean, visit: (vma: Vma, vpn: number) => void): void {
  for (
    let vma = vmaByOffset(task, root, index, anonymous);
    vma !== NO_VMA;
    vma = nextVmaByOffset(task, root, vma, index, anonymous)
  ) {
    visit(vma, vmaStart(task, vma) + (index - vmaPgoff(task, vma)))
  }
}
