/**
 * Areas (VMAs): runs of pages of one address space with the same rights and the same backing.
 *
 *   word   0 .. 4            5    6       7      8       9        10 .. 14         15     16 .. 20
 *        +-----------------+----+-------+------+-------+--------+----------------+------+----------------+
 *        | node in the mm  | MM | FLAGS | FILE | PGOFF | OWNS   | node in FILE   | NEXT | node in family |
 *        +-----------------+----+-------+------+-------+--------+----------------+------+----------------+
 *
 *   node in the mm   START, LAST: page numbers, inclusive. Guarded by MMAP_SEM (write to change).
 *   FLAGS            VM_* bits. Guarded by MMAP_SEM.
 *   FILE             0 for anonymous private memory. PGOFF: page offset of START in the file; of private anonymous memory
 *                    the page number it was first mapped at, kept when it moves, so that a frame's index stays true.
 *   OWNS             1 once it may own anonymous frames: it is then in its family's tree. Set under the family's SEM
 *                    (write), by a fault that holds MMAP_SEM only for reading.
 *   node in FILE     guarded by the file's SEM. node in family: by the family's SEM.
 *   NEXT             list of detached areas of one munmap. Private to that munmap.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, getU32, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { ANON_RMAP, FILE_RMAP } from '../sync/classes.ts'
import { assertHeld, assertHeldExclusive } from '../sync/held.ts'
import {
  intervalBefore,
  intervalErase,
  intervalFirst,
  intervalInsert,
  intervalLast,
  intervalNext,
  intervalStart,
} from '../sync/intervaltree.ts'
import { downWrite, upWrite } from '../sync/rwsem.ts'
import { familyRoot, familySem } from './family.ts'
import { type File, fileGet, filePut, fileRoot, fileSem, NO_FILE } from './file.ts'
import { mmCountVma, mmFamily, mmVmas } from './mm.ts'

export type Vma = WordAt & { readonly brand: 'vma' }
export const NO_VMA = 0 as Vma

/** FLAGS bits. The first three are the rights, as PROT_READ, PROT_WRITE, PROT_EXEC. */
export const VM_READ = 1 << 0
export const VM_WRITE = 1 << 1
export const VM_EXEC = 1 << 2
export const VM_RIGHTS = VM_READ | VM_WRITE | VM_EXEC
/** Writes go to the file (MAP_SHARED). */
export const VM_SHARED = 1 << 3
/** Mapped by 2 MiB pages only (MAP_HUGETLB). */
export const VM_HUGETLB = 1 << 4
/** madvise HUGEPAGE, NOHUGEPAGE, DONTFORK, WIPEONFORK. */
export const VM_HUGEPAGE = 1 << 5
export const VM_NOHUGEPAGE = 1 << 6
export const VM_DONTFORK = 1 << 7
export const VM_WIPEONFORK = 1 << 8

/** Last page number of an address space: addresses end at 2^44. */
export const LAST_VPN = 0xffffffff

const MM = 5
const FLAGS = 6
const FILE = 7
const PGOFF = 8
const OWNS = 9
const FILE_NODE = 10
const NEXT = 15
const FAMILY_NODE = 16

const VMA_KIND = objectKind(7, 'vma', 32)

/** An area that is in no tree yet; NO_VMA when memory is out. Takes a use of `file`. */
export function createVma(task: Task, mm: Mm, flags: number, file: File, pgoff: number): Vma {
  const vma = allocObject(task, VMA_KIND) as Vma
  if (vma === NO_VMA) return NO_VMA
  put(task, vma + MM, mm)
  put(task, vma + FLAGS, flags)
  put(task, vma + FILE, file)
  put(task, vma + PGOFF, pgoff | 0)
  if (file !== NO_FILE) fileGet(task, file)
  return vma
}

/** Frees an area that is in no tree. */
export function freeVma(task: Task, vma: Vma): void {
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) filePut(task, file)
  freeObject(task, VMA_KIND, vma)
}

/** First page number. */
export function vmaStart(task: Task, vma: Vma): number {
  return intervalStart(task, vma)
}

/** Last page number, inclusive. */
export function vmaLast(task: Task, vma: Vma): number {
  return intervalLast(task, vma)
}

export function vmaPages(task: Task, vma: Vma): number {
  return vmaLast(task, vma) - vmaStart(task, vma) + 1
}

export function vmaMm(task: Task, vma: Vma): Mm {
  return get(task, vma + MM) as Mm
}

export function vmaFlags(task: Task, vma: Vma): number {
  return get(task, vma + FLAGS)
}

/** Caller holds MMAP_SEM for writing. */
export function vmaSetFlags(task: Task, vma: Vma, flags: number): void {
  assertHeldExclusive(task, mmapSem(vmaMm(task, vma)), 'mmap_sem')
  put(task, vma + FLAGS, flags)
}

export function vmaFile(task: Task, vma: Vma): File {
  return get(task, vma + FILE) as File
}

export function vmaPgoff(task: Task, vma: Vma): number {
  return getU32(task, vma + PGOFF)
}

/** Page offset in the backing (file, or family index) of page `vpn`. */
export function vmaIndex(task: Task, vma: Vma, vpn: number): number {
  return (vmaPgoff(task, vma) + (vpn - vmaStart(task, vma))) >>> 0
}

/** May the area own anonymous frames? */
export function vmaOwns(task: Task, vma: Vma): boolean {
  return atomicLoad(task, vma + OWNS) === 1
}

export function vmaIsShared(task: Task, vma: Vma): boolean {
  return (vmaFlags(task, vma) & VM_SHARED) !== 0
}

/** Private memory without a file. */
export function vmaIsAnonymous(task: Task, vma: Vma): boolean {
  return vmaFile(task, vma) === NO_FILE
}

/** First area that ends at or after page `vpn` (kernel: find_vma), or NO_VMA. It may start later. MMAP_SEM held. */
export function findVma(task: Task, mm: Mm, vpn: number): Vma {
  assertHeld(task, mmapSem(mm), 'mmap_sem')
  return intervalFirst(task, mmVmas(mm), vpn, LAST_VPN) as Vma
}

/** First area that overlaps [start, last], or NO_VMA. MMAP_SEM held. */
export function findVmaIntersection(task: Task, mm: Mm, start: number, last: number): Vma {
  assertHeld(task, mmapSem(mm), 'mmap_sem')
  return intervalFirst(task, mmVmas(mm), start, last) as Vma
}

/** The area after `vma`, or NO_VMA. MMAP_SEM held. */
export function nextVma(task: Task, vma: Vma): Vma {
  return intervalNext(task, mmVmas(vmaMm(task, vma)), vma, 0, LAST_VPN) as Vma
}

/** The area before page `vpn`, or NO_VMA. MMAP_SEM held. */
export function vmaBefore(task: Task, mm: Mm, vpn: number): Vma {
  return intervalBefore(task, mmVmas(mm), vpn) as Vma
}

/** Links an area into its mm, and into its file's tree. MMAP_SEM held for writing. */
export function linkVma(task: Task, vma: Vma, start: number, last: number): void {
  lockRmaps(task, vma, false)
  insertEverywhere(task, vma, start, last)
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
  atomicStore(task, vma + OWNS, 0)
  unlockRmaps(task, vma, owns)
}

/**
 * Prepares an area to own anonymous frames: puts it into its family's tree, once. MMAP_SEM held, reading is enough; so two
 * faults may come here together, and the second finds OWNS set.
 */
export function prepareOwner(task: Task, vma: Vma): void {
  if (vmaOwns(task, vma)) return
  const family = mmFamily(task, vmaMm(task, vma))
  downWrite(task, familySem(family), ANON_RMAP)
  if (!vmaOwns(task, vma)) {
    insertByOffset(task, familyRoot(family), vma, FAMILY_NODE)
    atomicStore(task, vma + OWNS, 1)
  }
  upWrite(task, familySem(family))
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
  const upper = createVma(task, vmaMm(task, vma), vmaFlags(task, vma), vmaFile(task, vma), vmaIndex(task, vma, at))
  if (upper === NO_VMA) return NO_VMA
  const owns = vmaOwns(task, vma)
  lockRmaps(task, vma, owns)
  respan(task, vma, start, at - 1)
  if (owns) atomicStore(task, upper + OWNS, 1)
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
  atomicStore(task, vma + OWNS, 0)
  detachVma(task, vma)
  if (owns) atomicStore(task, vma + OWNS, 1)
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
  put(task, vma + PGOFF, (vmaPgoff(task, vma) + (start - vmaStart(task, vma))) | 0)
  insertEverywhere(task, vma, start, last)
}

/** Into the mm's tree and the trees of its backing. Reverse-map locks and MMAP_SEM (write) held. */
function insertEverywhere(task: Task, vma: Vma, start: number, last: number): void {
  const mm = vmaMm(task, vma)
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  intervalInsert(task, mmVmas(mm), vma, start, last)
  mmCountVma(task, mm, 1, last - start + 1)
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) insertByOffset(task, fileRoot(file), vma, FILE_NODE)
  if (vmaOwns(task, vma)) insertByOffset(task, familyRoot(mmFamily(task, mm)), vma, FAMILY_NODE)
}

/** Reverse-map locks held. */
function eraseRmap(task: Task, vma: Vma): void {
  const file = vmaFile(task, vma)
  if (file !== NO_FILE) intervalErase(task, fileRoot(file), vma + FILE_NODE)
  if (vmaOwns(task, vma)) intervalErase(task, familyRoot(mmFamily(task, vmaMm(task, vma))), vma + FAMILY_NODE)
}

export function vmaListNext(task: Task, vma: Vma): Vma {
  return get(task, vma + NEXT) as Vma
}

/** Private to the caller's own list of detached areas. */
export function vmaSetListNext(task: Task, vma: Vma, next: Vma): void {
  put(task, vma + NEXT, next)
}

/** First area in a file's or family's tree that covers page offset `index`, or NO_VMA. Caller holds the tree's SEM. */
export function vmaByOffset(task: Task, root: WordAt, index: number, anonymous: boolean): Vma {
  const node = intervalFirst(task, root, index, index)
  return (node === 0 ? 0 : node - (anonymous ? FAMILY_NODE : FILE_NODE)) as Vma
}

/** The next one after `vma` in the same tree. Caller holds the tree's SEM. */
export function nextVmaByOffset(task: Task, root: WordAt, vma: Vma, index: number, anonymous: boolean): Vma {
  const offset = anonymous ? FAMILY_NODE : FILE_NODE
  const node = intervalNext(task, root, vma + offset, index, index)
  return (node === 0 ? 0 : node - offset) as Vma
}

function insertByOffset(task: Task, root: WordAt, vma: Vma, node: number): void {
  const first = vmaPgoff(task, vma)
  intervalInsert(task, root, vma + node, first, (first + (vmaLast(task, vma) - vmaStart(task, vma))) >>> 0)
}
