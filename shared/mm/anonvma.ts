/**
 * Anonymous owners (struct anon_vma): who made a private frame, so that a reverse walk visits the areas that can map it and no
 * others. A frame names the owner of the area that made it. An area may map frames of its own owner and, after fork, of the
 * areas it descends from: the owners of its chain.
 *
 *     parent's area            chain: A
 *       fork: child's area     chain: B -> A         frames it makes name B, those it shares with the parent name A
 *         fork: grandchild     chain: C -> B -> A
 *
 *   word   0      1       2       3          4 .. 6         7      8        9
 *        +------+-------+-------+----------+--------------+------+--------+--------+
 *        | REFS | LINKS | AREAS | CHILDREN | deferred list| NEXT | PARENT | FAMILY |
 *        +------+-------+-------+----------+--------------+------+--------+--------+
 *
 *   REFS       one while LINKS is not 0, one per pin. Atomic; the last one hands the record to the deferred list.
 *   LINKS      areas whose chain begins here, and owners whose NEXT is this one.
 *   AREAS      areas whose new frames name it. CHILDREN: owners whose PARENT it is, while they have links; itself for a root.
 *   NEXT       the next in the chain, PARENT: the owner of the area it was forked from, not always the same (below). 0: a root.
 *   FAMILY     immutable; the owner is a member of it.
 *
 * LINKS, AREAS and CHILDREN are guarded by the family's SEM held for writing; NEXT and PARENT are set before the record is known.
 *
 * An owner in the chain that has no areas any more (their processes are gone) and one child at most is given to a new child
 * instead of a new one: forks that go on for ever do not make chains without end. (Linux mm/rmap.c, 6.12.)
 */
import { deferFree } from '../frame/deferred.ts'
import { type Frame, frameMapping, frameMaps } from '../frame/frames.ts'
import { allocObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'
import { type Family, familyDrop, familyJoin } from './family.ts'

export type AnonVma = WordAt & { readonly brand: 'anon vma' }
export const NO_OWNER = 0 as AnonVma

const REFS = 0
const LINKS = 1
const AREAS = 2
const CHILDREN = 3
const NEXT = 7
const PARENT = 8
const FAMILY = 9

const OWNER_KIND = objectKind(15, 'anonymous owner', 16)

/** A root with one area; NO_OWNER when memory is out. */
export function createOwner(task: Task, family: Family): AnonVma {
  return makeOwner(task, family, NO_OWNER, NO_OWNER, 1)
}

/** An owner for an area forked from one with `parent` and `chain`; NO_OWNER when memory is out. Family's SEM held (write). */
export function forkOwner(task: Task, family: Family, parent: AnonVma, chain: AnonVma): AnonVma {
  const owner = makeOwner(task, family, parent, chain, 0)
  if (owner === NO_OWNER) return NO_OWNER
  put(task, chain + LINKS, get(task, chain + LINKS) + 1)
  put(task, parent + CHILDREN, get(task, parent + CHILDREN) + 1)
  return owner
}

function makeOwner(task: Task, family: Family, parent: AnonVma, next: AnonVma, children: number): AnonVma {
  const owner = allocObject(task, OWNER_KIND) as AnonVma
  if (owner === NO_OWNER) return NO_OWNER
  put(task, owner + LINKS, 1)
  put(task, owner + AREAS, 1)
  put(task, owner + CHILDREN, children)
  put(task, owner + NEXT, next)
  put(task, owner + PARENT, parent)
  put(task, owner + FAMILY, familyJoin(task, family))
  atomicStore(task, owner + REFS, 1)
  return owner
}

/** The oldest owner in `chain` that a new child may have for its own, or NO_OWNER. Family's SEM held (write). */
export function idleOwner(task: Task, chain: AnonVma): AnonVma {
  let idle = NO_OWNER
  for (let owner = chain; owner !== NO_OWNER; owner = nextOwner(task, owner)) {
    if (get(task, owner + AREAS) === 0 && get(task, owner + CHILDREN) < 2) idle = owner
  }
  return idle
}

/** One more area with `owner` and `chain`. Family's SEM held (write). */
export function ownerJoin(task: Task, owner: AnonVma, chain: AnonVma): void {
  put(task, owner + AREAS, get(task, owner + AREAS) + 1)
  put(task, chain + LINKS, get(task, chain + LINKS) + 1)
}

/** One area with `owner` and `chain` less. Family's SEM held (write). */
export function ownerLeave(task: Task, owner: AnonVma, chain: AnonVma): void {
  put(task, owner + AREAS, get(task, owner + AREAS) - 1)
  for (let link = chain; link !== NO_OWNER; ) {
    const links = get(task, link + LINKS) - 1
    put(task, link + LINKS, links)
    if (links > 0) return
    const parent = get(task, link + PARENT)
    if (parent !== NO_OWNER) put(task, parent + CHILDREN, get(task, parent + CHILDREN) - 1)
    const next = nextOwner(task, link)
    unpinOwner(task, link)
    link = next
  }
}

function nextOwner(task: Task, owner: AnonVma): AnonVma {
  return get(task, owner + NEXT) as AnonVma
}

/** Is it the last of every chain it is in? */
export function isRoot(task: Task, owner: AnonVma): boolean {
  return nextOwner(task, owner) === NO_OWNER
}

/** The oldest owner of a chain. Family's SEM held, or MMAP_SEM of an area with this chain. */
export function chainRoot(task: Task, chain: AnonVma): AnonVma {
  let owner = chain
  while (!isRoot(task, owner)) owner = nextOwner(task, owner)
  return owner
}

/** Is `owner` in `chain`? Family's SEM held. */
export function chainHas(task: Task, chain: AnonVma, owner: AnonVma): boolean {
  let link = chain
  while (link !== owner && link !== NO_OWNER) link = nextOwner(task, link)
  return link === owner
}

export function ownerFamily(task: Task, owner: AnonVma): Family {
  return get(task, owner + FAMILY) as Family
}

/**
 * The owner of a private frame, kept from being freed until unpinOwner; NO_OWNER if nobody maps the frame any more. The caller
 * has a reference to the frame.
 *
 *     walk                                     the last area unmaps the frame, and ends
 *     reads MAPPING: A
 *                                              MAP becomes 0
 *                                              A goes to the deferred list
 *     REFS of A: 0                             [or the pin came first, and MAP still says that A was the owner then]
 *
 * The record stays a record of this kind until the read section ends.
 */
export function pinOwner(task: Task, frame: Frame): AnonVma {
  rcuReadLock(task)
  let owner = frameMaps(task, frame) === 0 ? NO_OWNER : (frameMapping(task, frame) as AnonVma)
  if (owner !== NO_OWNER && !getUnlessZero(task, owner)) owner = NO_OWNER
  rcuReadUnlock(task)
  if (owner === NO_OWNER || frameMaps(task, frame) > 0) return owner
  unpinOwner(task, owner)
  return NO_OWNER
}

/** Drops a pin, or the hold of the links; the last one frees the record after a grace period. Never sleeps. */
export function unpinOwner(task: Task, owner: AnonVma): void {
  if (atomicAdd(task, owner + REFS, -1) !== 1) return
  const family = ownerFamily(task, owner)
  deferFree(task, OWNER_KIND, owner)
  familyDrop(task, family)
}

function getUnlessZero(task: Task, owner: AnonVma): boolean {
  for (;;) {
    const refs = atomicLoad(task, owner + REFS)
    if (refs === 0) return false
    if (atomicCas(task, owner + REFS, refs, refs + 1) === refs) return true
  }
}
