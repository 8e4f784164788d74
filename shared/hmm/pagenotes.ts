/**
 * Notes about pages: two words of the driver's own for each page of a mirror's address space that the driver has something to remember
 * of. Blocks of 512 pages (2 MiB), made when the first note of one is taken.
 *
 *   block   word 0       1      2, 3              16 ..
 *          +----------+------+-----------------+--------------------------------+
 *          | NUMBER   | NEXT | driver's words  | two words for each of 512 pages |
 *          +----------+------+-----------------+--------------------------------+
 *
 *   NUMBER   page number / 512. NEXT: the mirror's blocks are a list; the one that was asked for last is the first of it, because
 *            the next fault is likely to be near.
 *
 * All of it is guarded by the mirror's update lock.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { HUGE_PAGES, type WordAt } from '../memory/words.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { assertMirrorLocked, type Mirror, mirrorNotesAt } from './mirror.ts'

const NUMBER = 0
const NEXT = 1
const BLOCK_NOTES = 2
const PAGES = 16
const PAGE_NOTES = 2
const BLOCK_KIND = objectKind(23, 'notes about pages', PAGES + HUGE_PAGES * PAGE_NOTES)

/** Word index of the notes about page `vpn`, zero at first; 0 when memory is out, or there is no block yet and `make` is false. */
export function notesOf(task: Task, mirror: Mirror, vpn: number, make: boolean): WordAt {
  const block = blockOf(task, mirror, vpn, make)
  return block === 0 ? 0 : block + PAGES + (vpn % HUGE_PAGES) * PAGE_NOTES
}

/** Word index of the two words about the whole block of page `vpn`, which has notes. */
export function blockNotesOf(task: Task, mirror: Mirror, vpn: number): WordAt {
  return blockOf(task, mirror, vpn, true) + BLOCK_NOTES
}

/** Forgets the blocks that lie inside pages [start, last]. */
export function forgetNotes(task: Task, mirror: Mirror, start: number, last: number): void {
  assertMirrorLocked(task, mirror)
  let at = mirrorNotesAt(mirror)
  for (let block = get(task, at); block !== 0; block = get(task, at)) {
    const first = (get(task, block + NUMBER) >>> 0) * HUGE_PAGES
    if (start <= first && first + HUGE_PAGES - 1 <= last) {
      put(task, at, get(task, block + NEXT))
      freeObject(task, BLOCK_KIND, block)
    } else at = block + NEXT
  }
}

function blockOf(task: Task, mirror: Mirror, vpn: number, make: boolean): WordAt {
  assertMirrorLocked(task, mirror)
  const number = Math.floor(vpn / HUGE_PAGES)
  const first = mirrorNotesAt(mirror)
  for (let at = first; get(task, at) !== 0; at = get(task, at) + NEXT) {
    const block = get(task, at)
    if (get(task, block + NUMBER) !== number) continue
    put(task, at, get(task, block + NEXT))
    put(task, block + NEXT, get(task, first))
    put(task, first, block)
    return block
  }
  const block = make ? allocObject(task, BLOCK_KIND) : 0
  if (block === 0) return 0
  put(task, block + NUMBER, number)
  put(task, block + NEXT, get(task, first))
  put(task, first, block)
  return block
}
