/**
 * Reverse mapping: from a frame to the areas, of any process, that may map it. Anonymous frames are looked for among the
 * areas of their fork family, page-cache frames among the areas of their file; both by page offset. What the walk finds is
 * where an entry *may* be: whoever visits looks under the leaf lock.
 *
 * The walk holds the family's or file's semaphore for reading: areas do not appear, move or go meanwhile, and with them the
 * address spaces and tables they belong to stay (an area leaves these trees before its tables are freed).
 */
import { FRAME_ANON, type Frame, frameFlags, frameIndex, frameMapping } from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import { ANON_RMAP, FILE_RMAP, type LockClass } from '../sync/classes.ts'
import { downRead, upRead } from '../sync/rwsem.ts'
import { type Family, familyRoot, familySem } from './family.ts'
import { type File, fileRoot, fileSem } from './file.ts'
import { NO_VMA, nextVmaByOffset, type Vma, vmaByOffset, vmaPgoff, vmaStart } from './vma.ts'

/**
 * Calls `visit` for every area that may map `frame`, with the page number it would have there. Caller holds the frame lock
 * and a reference, so that the frame keeps its owner; no leaf lock. May sleep.
 */
export function walkMappings(task: Task, frame: Frame, visit: (vma: Vma, vpn: number) => void): void {
  const owner = frameMapping(task, frame)
  if (owner === 0) return
  if ((frameFlags(task, frame) & FRAME_ANON) !== 0) {
    walkTree(task, frame, familySem(owner as Family), ANON_RMAP, familyRoot(owner as Family), true, visit)
  } else {
    walkTree(task, frame, fileSem(owner as File), FILE_RMAP, fileRoot(owner as File), false, visit)
  }
}

function walkTree(
  task: Task,
  frame: Frame,
  sem: WordAt,
  cls: LockClass,
  root: WordAt,
  anonymous: boolean,
  visit: (vma: Vma, vpn: number) => void,
): void {
  const index = frameIndex(task, frame)
  downRead(task, sem, cls)
  for (
    let vma = vmaByOffset(task, root, index, anonymous);
    vma !== NO_VMA;
    vma = nextVmaByOffset(task, root, vma, index, anonymous)
  ) {
    visit(vma, vmaStart(task, vma) + (index - vmaPgoff(task, vma)))
  }
  upRead(task, sem)
}
