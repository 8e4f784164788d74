/**
 * How areas are linked: into their mm, into the tree of their file, and, once they own anonymous frames, into the tree of their
 * fork family; and how they are split and joined. What a reverse walk (mm/rmap.ts) finds is what is done here.
 *
 * MMAP_SEM is held for writing throughout, except by prepareOwner. The reverse-map locks are taken inside, file first.
 */
import type { WordAt } from '../memory/words.ts'
import { mmapSem } from '../notifier/mmhead.ts'
import { atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { ANON_RMAP, FILE_RMAP } from '../sync/classes.ts'
import { assertHeldExclusive } from '../sync/held.ts'
import { intervalErase, intervalFirst, intervalInsert, intervalNext } from '../sync/intervaltree.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { type AnonVma, createOwner, forkOwner, idleOwner, isRoot, NO_OWNER, ownerJoin, ownerLeave } from './anonvma.ts'
import { familyRoot, familySem } from './family.ts'
import { fileRoot, fileSem, NO_FILE } from './file.ts'
import { hugeFits, splitHuge } from './huge.ts'
import { mmCountVma, mmFamily, mmRoot, mmVmas } from './mm.ts'
import { ENTRIES, findPmd } from './pagetable.ts'
import {
  createVma,
  freeVma,
  NO_VMA,
  nextVma,
  VM_RIGHTS,
  VMA_FAMILY_NODE,
  VMA_FILE_NODE,
  VMA_OWNER,
  VMA_OWNER_CHAIN,
  VMA_PGOFF,
  type Vma,
  vmaBefore,
  vmaFile,
  vmaFlags,
  vmaIndex,
  vmaLast,
  vmaMm,
  vmaOwner,
  vmaOwnerChain,
  vmaOwns,
  vmaPages,
  vmaPgoff,
  vmaStart,
} from './vma.ts'

/** Caller holds the family's SEM for writing, or is the only one who knows the area. */
function setOwner(task: Task, vma: Vma, owner: AnonVma, chain: AnonVma): void {
  put(task, vma + VMA_OWNER_CHAIN, chain)
  atomicStore(task, vma + VMA_OWNER, owner)
}

/**
 * Links an area into its mm, and into its file's tree: behind `parent`, of which it is the copy, or behind all that begin
 * where it does. MMAP_SEM held for writing.
 */
export function linkVma(task: Task, vma: Vma, start: number, last: number, parent: Vma = NO_VMA): void {
  lockRmaps(task, vma, false)
  insertEverywhere(task, vma, start, last, parent)
  unlockRmaps(task, vma, false)
}

/**
 * Takes an area out of its mm: no fault finds it any more. It stays in its file's and family's trees, and its entries stay,
 * until the zap is done. MMAP_SEM held for writing.
 */
export function detachVma(task: Task, vma: Vma): void {
  const mm = vmaMm(task, vma)
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  intervalErase(task, mmVmas(mm), vma)
  mmCountVma(task, mm, -1, -vmaPages(task, vma))
}

/** Takes an area out of its file's and family's trees: no reverse walk finds it any more. */
export function unlinkRmap(task: Task, vma: Vma): void {
  const owns = vmaOwns(task, vma)
  lockRmaps(task, vma, owns)
  eraseRmap(task, vma)
  if (owns) dropOwner(task, vma)
  unlockRmaps(task, vma, owns)
}

/** Makes an area that maps no anonymous frame any more one that never owned one. MMAP_SEM held for writing. */
export function forgetOwner(task: Task, vma: Vma): void {
  if (!vmaOwns(task, vma)) return
  const family = mmFamily(task, vmaMm(task, vma))
  downWrite(task, familySem(family), ANON_RMAP)
  intervalErase(task, familyRoot(family), vma + VMA_FAMILY_NODE)
  dropOwner(task, vma)
  upWrite(task, familySem(family))
}

/** Family's SEM held for writing; the area is out of its tree. */
function dropOwner(task: Task, vma: Vma): void {
  ownerLeave(task, vmaOwner(task, vma), vmaOwnerChain(task, vma))
  setOwner(task, vma, NO_OWNER, NO_OWNER)
}

/**
 * Prepares an area to own anonymous frames, once: a neighbour's owner if the two could become one area, else a new one.
 * False when memory is out. MMAP_SEM held, reading is enough; so two faults may come here together, and the second finds it
 * done.
 */
export function prepareOwner(task: Task, vma: Vma): boolean {
  if (vmaOwns(task, vma)) return true
  const family = mmFamily(task, vmaMm(task, vma))
  downWrite(task, familySem(family), ANON_RMAP)
  if (!vmaOwns(task, vma)) {
    const near = neighbourOwner(task, vma)
    if (near !== NO_OWNER) ownerJoin(task, near, near)
    const owner = near === NO_OWNER ? createOwner(task, family) : near
    if (owner !== NO_OWNER) {
      insertByOffset(task, familyRoot(family), vma, VMA_FAMILY_NODE)
      setOwner(task, vma, owner, owner)
    }
  }
  upWrite(task, familySem(family))
  return vmaOwns(task, vma)
}

/** The owner of the area behind or before that may be shared (kernel: find_mergeable_anon_vma). Family's SEM held. */
function neighbourOwner(task: Task, vma: Vma): AnonVma {
  const next = nextVma(task, vma)
  if (next !== NO_VMA && differsInRights(task, vma, next) && ownsAlone(task, next)) return vmaOwner(task, next)
  const before = vmaBefore(task, vmaMm(task, vma), vmaStart(task, vma))
  if (before !== NO_VMA && differsInRights(task, before, vma) && ownsAlone(task, before)) return vmaOwner(task, before)
  return NO_OWNER
}

/** Do two areas touch, and differ in rights at most? */
function differsInRights(task: Task, vma: Vma, next: Vma): boolean {
  return ((vmaFlags(task, vma) ^ vmaFlags(task, next)) & ~VM_RIGHTS) === 0 && followsOn(task, vma, next)
}

/** Does `next` begin where `vma` ends, in the addresses and in the backing? MMAP_SEM held. */
export function followsOn(task: Task, vma: Vma, next: Vma): boolean {
  return (
    vmaLast(task, vma) + 1 === vmaStart(task, next) &&
    vmaFile(task, vma) === vmaFile(task, next) &&
    (vmaPgoff(task, vma) + vmaPages(task, vma)) >>> 0 === vmaPgoff(task, next)
  )
}

/** Has the area an owner, and no other in its chain: no fork made it? MMAP_SEM held. */
export function ownsAlone(task: Task, vma: Vma): boolean {
  return vmaOwns(task, vma) && isRoot(task, vmaOwnerChain(task, vma))
}

/**
 * Gives `copy`, an unowned area that takes over or shares frames of `vma`, its owners: the same ones, or with `forked` an
 * owner of its own in front of them. False when memory is out. MMAP_SEM of both held for writing.
 */
export function copyOwner(task: Task, vma: Vma, copy: Vma, forked: boolean): boolean {
  const family = mmFamily(task, vmaMm(task, vma))
  const [owner, chain] = [vmaOwner(task, vma), vmaOwnerChain(task, vma)]
  downWrite(task, familySem(family), ANON_RMAP)
  const reused = forked ? idleOwner(task, chain) : owner
  if (reused !== NO_OWNER) ownerJoin(task, reused, chain)
  const own = reused === NO_OWNER ? forkOwner(task, family, owner, chain) : reused
  if (own !== NO_OWNER) {
    insertByOffset(task, familyRoot(family), copy, VMA_FAMILY_NODE)
    setOwner(task, copy, own, reused === NO_OWNER ? own : chain)
  }
  upWrite(task, familySem(family))
  return own !== NO_OWNER
}

/** Changes the span of an area, with its page offset following START. MMAP_SEM held for writing. */
export function resizeVma(task: Task, vma: Vma, start: number, last: number): void {
  const owns = vmaOwns(task, vma)
  lockRmaps(task, vma, owns)
  respan(task, vma, start, last)
  unlockRmaps(task, vma, owns)
}

/**
 * Splits an area at page `at` (its first page in the new upper part), which is inside it. Returns the upper part, or NO_VMA
 * when memory is out and nothing changed. MMAP_SEM held for writing. A reverse walk sees the area whole or both parts:
 *
 *     split                                    migration, restoring page P of the upper part
 *     lower part shrinks
 *                                              walks the areas of P's offset: none        [Forbidden: P's entry stays behind]
 *     upper part is linked
 *
 * so both steps are one section of the reverse-map locks.
 */
export function splitVma(task: Task, vma: Vma, at: number): Vma {
  const start = vmaStart(task, vma)
  const last = vmaLast(task, vma)
  assert(start < at && at <= last, 'an area is split inside')
  // Linux 6.12 announces the split of a 2 MiB entry wherever one could be, whether there is one or not.
  if (at % ENTRIES !== 0 && hugeFits(task, vma, at) && findPmd(task, mmRoot(task, vmaMm(task, vma)), at) !== 0)
    splitHuge(task, vma, at)
  const upper = createVma(task, vmaMm(task, vma), vmaFlags(task, vma), vmaFile(task, vma), vmaIndex(task, vma, at))
  if (upper === NO_VMA) return NO_VMA
  const owns = vmaOwns(task, vma)
  lockRmaps(task, vma, owns)
  respan(task, vma, start, at - 1)
  if (owns) {
    ownerJoin(task, vmaOwner(task, vma), vmaOwnerChain(task, vma))
    setOwner(task, upper, vmaOwner(task, vma), vmaOwnerChain(task, vma))
  }
  insertEverywhere(task, upper, at, last)
  unlockRmaps(task, vma, owns)
  return upper
}

/** Joins `upper`, which begins where `vma` ends, into `vma`. MMAP_SEM held for writing; both have the same backing and rights. */
export function joinVmas(task: Task, vma: Vma, upper: Vma): void {
  assert(vmaLast(task, vma) + 1 === vmaStart(task, upper), 'joined areas touch')
  const last = vmaLast(task, upper)
  const owns = vmaOwns(task, vma) || vmaOwns(task, upper)
  lockRmaps(task, vma, owns)
  eraseRmap(task, upper)
  detachVma(task, upper)
  eraseRmap(task, vma)
  detachVma(task, vma)
  if (!vmaOwns(task, vma)) setOwner(task, vma, vmaOwner(task, upper), vmaOwnerChain(task, upper))
  else if (vmaOwns(task, upper)) ownerLeave(task, vmaOwner(task, upper), vmaOwnerChain(task, upper))
  setOwner(task, upper, NO_OWNER, NO_OWNER)
  insertEverywhere(task, vma, vmaStart(task, vma), last)
  unlockRmaps(task, vma, owns)
  freeVma(task, upper)
}

/** The reverse-map locks of an area, for who changes its span or moves its entries. `anonymous`: the family's too. */
export function lockRmaps(task: Task, vma: Vma, anonymous: boolean): void {
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) downWrite(task, fileSem(file), FILE_RMAP)
  if (anonymous) downWrite(task, familySem(mmFamily(task, vmaMm(task, vma))), ANON_RMAP)
}

export function unlockRmaps(task: Task, vma: Vma, anonymous: boolean): void {
  if (anonymous) upWrite(task, familySem(mmFamily(task, vmaMm(task, vma))))
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) upWrite(task, fileSem(file))
}

/** Reverse-map locks and MMAP_SEM (write) held. */
function respan(task: Task, vma: Vma, start: number, last: number): void {
  eraseRmap(task, vma)
  detachVma(task, vma)
  put(task, vma + VMA_PGOFF, (vmaPgoff(task, vma) + (start - vmaStart(task, vma))) | 0)
  insertEverywhere(task, vma, start, last)
}

/** Into the mm's tree and the trees of its backing. Reverse-map locks and MMAP_SEM (write) held. */
function insertEverywhere(task: Task, vma: Vma, start: number, last: number, parent: Vma = NO_VMA): void {
  const mm = vmaMm(task, vma)
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  intervalInsert(task, mmVmas(mm), vma, start, last)
  mmCountVma(task, mm, 1, last - start + 1)
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) insertByOffset(task, fileRoot(file), vma, VMA_FILE_NODE, parent === NO_VMA ? 0 : parent + VMA_FILE_NODE)
  if (vmaOwns(task, vma)) insertByOffset(task, familyRoot(mmFamily(task, mm)), vma, VMA_FAMILY_NODE)
}

/** Reverse-map locks held. */
function eraseRmap(task: Task, vma: Vma): void {
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) intervalErase(task, fileRoot(file), vma + VMA_FILE_NODE)
  if (vmaOwns(task, vma)) intervalErase(task, familyRoot(mmFamily(task, vmaMm(task, vma))), vma + VMA_FAMILY_NODE)
}

/** First area in a file's or family's tree that covers a page offset of [first, last], or NO_VMA. Caller holds the tree's SEM. */
export function vmaByOffset(task: Task, root: WordAt, first: number, last: number, anonymous: boolean): Vma {
  const node = intervalFirst(task, root, first, last)
  return (node === 0 ? 0 : node - (anonymous ? VMA_FAMILY_NODE : VMA_FILE_NODE)) as Vma
}

/** The next one after `vma` in the same tree. Caller holds the tree's SEM. */
export function nextVmaByOffset(task: Task, root: WordAt, vma: Vma, first: number, last: number, anonymous: boolean): Vma {
  const offset = anonymous ? VMA_FAMILY_NODE : VMA_FILE_NODE
  const node = intervalNext(task, root, vma + offset, first, last)
  return (node === 0 ? 0 : node - offset) as Vma
}

function insertByOffset(task: Task, root: WordAt, vma: Vma, node: number, after: WordAt = 0): void {
  const first = vmaPgoff(task, vma)
  intervalInsert(task, root, vma + node, first, (first + (vmaLast(task, vma) - vmaStart(task, vma))) >>> 0, after)
}
