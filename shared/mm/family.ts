/**
 * Fork families: all address spaces that descend from one by fork, and with that every area that may map an anonymous frame
 * of the family. The kernel keeps a tree of anon_vmas per area; one tree for the family finds the same mappings.
 *
 *   word   0       1      2 .. 15   16 ........ 31
 *        +-------+------+---------+-----------------+
 *        | COUNT | ROOT | pad     | SEM             |
 *        +-------+------+---------+-----------------+
 *
 *   COUNT   address spaces that belong to it. Atomic; the last one frees it.
 *   ROOT    interval tree of areas that own or may own anonymous frames, keyed by page offset. Guarded by SEM.
 *   SEM     rwsem, class `anonRmap`: read to find a frame's mappings, write to add, move or remove an area.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { RWSEM_WORDS } from '../sync/rwsem.ts'

export type Family = WordAt & { readonly brand: 'family' }

const COUNT = 0
const ROOT = 1
const SEM = 16

export const FAMILY_KIND = objectKind(2, 'fork family', SEM + RWSEM_WORDS)

/** A family with one member; 0 when memory is out. */
export function createFamily(task: Task): Family {
  const family = allocObject(task, FAMILY_KIND) as Family
  if (family !== 0) atomicStore(task, family + COUNT, 1)
  return family
}

export function familyJoin(task: Task, family: Family): Family {
  assert(atomicAdd(task, family + COUNT, 1) > 0, 'a family is joined while it has members')
  return family
}

export function familyDrop(task: Task, family: Family): void {
  if (atomicAdd(task, family + COUNT, -1) === 1) freeObject(task, FAMILY_KIND, family)
}

export function familySem(family: Family): WordAt {
  return family + SEM
}

/** Word that holds the root of the family's area tree. */
export function familyRoot(family: Family): WordAt {
  return family + ROOT
}
