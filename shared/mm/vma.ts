/**
 * Areas (VMAs): runs of pages of one address space with the same rights and the same backing.
 *
 *   word   0 .. 5            6    7       8      9       10 .. 15       16 .. 21         22      23     24
 *        +-----------------+----+-------+------+-------+--------------+----------------+-------+------+------+
 *        | node in the mm  | MM | FLAGS | FILE | PGOFF | node in FILE | node in family | OWNER | LEAF | NEXT |
 *        +-----------------+----+-------+------+-------+--------------+----------------+-------+------+------+
 *
 *   node in the mm   START, LAST: page numbers, inclusive. Guarded by MMAP_SEM (write to change).
 *   FLAGS            VM_* bits. Guarded by MMAP_SEM.
 *   FILE             0 for anonymous private memory. PGOFF: page offset of START in the file; of private anonymous memory
 *                    the page number it was first mapped at, kept when it moves, so that a frame's index stays true.
 *   OWNER            the anonymous owner of the frames it makes (mm/anonvma.ts); 0 before the first: it is in its family's
 *                    tree once it has one. LEAF: the youngest of its chain of owners. Set under the family's SEM (write), by a
 *                    fault that holds MMAP_SEM only for reading; then fixed until the area ends or is joined.
 *   node in FILE     guarded by the file's SEM. node in family: by the family's SEM.
 *   NEXT             list of detached areas of one munmap. Private to that munmap.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { get, getU32, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { assertHeld, assertHeldExclusive } from '../sync/held.ts'
import {
  intervalAtOrAfter,
  intervalBefore,
  intervalFirst,
  intervalLast,
  intervalNext,
  intervalStart,
} from '../sync/intervaltree.ts'
import { type AnonVma, NO_OWNER } from './anonvma.ts'
import { type File, fileGet, filePagemap, filePut, NO_FILE } from './file.ts'
import { mmVmas } from './mm.ts'
import { NO_PAGEMAP, type Pagemap } from './pagemap.ts'

/** Word index of an area (kernel: vm_area_struct). mmap_sem held while it is used. */
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
/** Private memory that was writable once: counted against what the machine may commit. Areas with and without do not merge. */
export const VM_ACCOUNT = 1 << 9

/** Registers or memory of a device, whose entries may have no frame behind them. Only told apart here, not made. */
export const VM_IO = 1 << 10
export const VM_PFNMAP = 1 << 11
export const VM_MIXEDMAP = 1 << 12
/** None of these is mirrored (VM_SPECIAL). */
export const VM_DEVICE_MEMORY = VM_IO | VM_PFNMAP | VM_MIXEDMAP

/** Last page number of an address space: addresses end at 2^44. */
export const LAST_VPN = 0xffffffff

const MM = 6
const FLAGS = 7
const FILE = 8
export const VMA_PGOFF = 9
export const VMA_FILE_NODE = 10
export const VMA_FAMILY_NODE = 16
export const VMA_OWNER = 22
export const VMA_OWNER_CHAIN = 23
const NEXT = 24

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const VMA_AT = { flags: FLAGS } as const

const VMA_KIND = objectKind(7, 'vma', 32)

/** An area that is in no tree yet; NO_VMA when memory is out. Takes a use of `file`. */
export function createVma(task: Task, mm: Mm, flags: number, file: File, pgoff: number): Vma {
  const vma = allocObject(task, VMA_KIND) as Vma
  if (vma === NO_VMA) return NO_VMA
  put(task, vma + MM, mm)
  put(task, vma + FLAGS, flags)
  put(task, vma + FILE, file)
  put(task, vma + VMA_PGOFF, pgoff | 0)
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

/** The page map of the DAX file that the area maps; NO_PAGEMAP of other areas. */
export function vmaPagemap(task: Task, vma: Vma): Pagemap {
  const file = vmaFile(task, vma)
  return file === NO_FILE ? NO_PAGEMAP : filePagemap(task, file)
}

export function vmaPgoff(task: Task, vma: Vma): number {
  return getU32(task, vma + VMA_PGOFF)
}

/** Page offset in the backing (file, or family index) of page `vpn`. */
export function vmaIndex(task: Task, vma: Vma, vpn: number): number {
  return (vmaPgoff(task, vma) + (vpn - vmaStart(task, vma))) >>> 0
}

/** May the area own anonymous frames? */
export function vmaOwns(task: Task, vma: Vma): boolean {
  return vmaOwner(task, vma) !== NO_OWNER
}

/** Owner of the anonymous frames that the area makes, or NO_OWNER. */
export function vmaOwner(task: Task, vma: Vma): AnonVma {
  return atomicLoad(task, vma + VMA_OWNER) as AnonVma
}

/** Head of the chain of owners whose frames may be mapped in the area. Family's SEM held, or MMAP_SEM for writing. */
export function vmaOwnerChain(task: Task, vma: Vma): AnonVma {
  return get(task, vma + VMA_OWNER_CHAIN) as AnonVma
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
  return intervalAtOrAfter(task, mmVmas(mm), vpn) as Vma
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

export function vmaListNext(task: Task, vma: Vma): Vma {
  return get(task, vma + NEXT) as Vma
}

/** Private to the caller's own list of detached areas. */
export function vmaSetListNext(task: Task, vma: Vma, next: Vma): void {
  put(task, vma + NEXT, next)
}
