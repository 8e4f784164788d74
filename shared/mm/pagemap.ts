/**
 * The page map of a DAX file (struct dev_pagemap): its pages are a device's own, and the device can be taken away. Who reads or makes
 * an entry that names such a page holds a reference meanwhile, and gets none once the map is dead. Nobody keeps one: that a page goes
 * is an invalidation as any other.
 *
 *   word   0      1 .. 15   16 ... 31
 *        +------+---------+----------+
 *        | DEAD | pad     | USERS    |
 *        +------+---------+----------+
 *
 *   DEAD    1 once the map is dead; never 0 again. Atomic.
 *   USERS   rwsem, class `pagemap`. Read: a reference. Written once, to wait until the last one is gone.
 *
 *     walker                                   taking the device away
 *     USERS for reading
 *                                              DEAD = 1
 *                                              USERS for writing: waits
 *     DEAD? no: reads the entry
 *     drops USERS
 *                                              has USERS: nobody reads, and whoever comes finds DEAD
 *                                              unmaps the pages, gives them up    [Required: no entry was made meanwhile]
 *
 * DEAD is looked at behind the lock: before it, the look could be older than the whole wait. Ranges of 5.2 ask (hmm/hmmfault.ts); the
 * fault of 5.7 and later (hmm/rangefault.ts) does not, because the page-table lock keeps what it reads. A reference of a page itself,
 * as a copy on write or a pin has one, keeps that page longer. The pages lie in system memory, as those of other files do.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { PAGEMAP } from '../sync/classes.ts'
import { downReadTry, downWrite, RWSEM_WORDS, upRead, upWrite } from '../sync/rwsem.ts'

export type Pagemap = WordAt & { readonly brand: 'pagemap' }
export const NO_PAGEMAP = 0 as Pagemap

const DEAD = 0
const USERS = 16

const PAGEMAP_KIND = objectKind(25, 'page map', USERS + RWSEM_WORDS)

/** A live page map; NO_PAGEMAP when memory is out. */
export function createPagemap(task: Task): Pagemap {
  return allocObject(task, PAGEMAP_KIND) as Pagemap
}

/** Frees a map whose file nobody uses any more. */
export function freePagemap(task: Task, map: Pagemap): void {
  freeObject(task, PAGEMAP_KIND, map)
}

/** Takes a reference, without sleeping, so also under a spin lock. False: the map is dead, or about to be. */
export function pagemapGet(task: Task, map: Pagemap): boolean {
  if (!downReadTry(task, map + USERS, PAGEMAP)) return false
  if (atomicLoad(task, map + DEAD) === 0) return true
  upRead(task, map + USERS)
  return false
}

export function pagemapPut(task: Task, map: Pagemap): void {
  upRead(task, map + USERS)
}

/** Nobody gets a reference any more, and when this returns nobody has one. Again: the same. Sleeps; no lock held below `pagemap`. */
export function killPagemap(task: Task, map: Pagemap): void {
  atomicStore(task, map + DEAD, 1)
  downWrite(task, map + USERS, PAGEMAP)
  upWrite(task, map + USERS)
}
