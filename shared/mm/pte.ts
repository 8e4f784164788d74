/**
 * Page-table entries of the CPU: one word.
 *
 *    bit 31 ............................ 12 11 10 .. 8  7    6      5      4     3     2      1       0
 *        +---------------------------------+--+-------+----+------+------+-----+-----+------+-------+---------+
 *        | frame, or slot of a swap entry  |  | KIND  |    | HUGE | SOFT | YNG | TAB | DIRT | WRITE | PRESENT |
 *        +---------------------------------+--+-------+----+------+------+-----+-----+------+-------+---------+
 *
 *   0                     nothing: never touched, or zapped.
 *   PRESENT               the hardware may use it; WRITE: for writing too. KIND is 0.
 *   KIND, not PRESENT     what a software walker finds in a non-present entry; WRITE is the permission it will come back with.
 *   TABLE                 upper levels only: the word is the index of the next table (16-word aligned) with this bit.
 *   HUGE                  an entry of the third level that maps 512 frames from `frame` on.
 *   DIRTY, YOUNG          set by the hardware walker with a compare-and-exchange, without the table's lock.
 *
 * So a PRESENT entry is changed by atomic read-modify-write only (a plain store could lose a DIRTY that the hardware sets
 * at that moment); a non-present one belongs to the lock's holder and may be stored plainly.
 */
import type { Frame } from '../frame/frames.ts'

export const PTE_PRESENT = 1 << 0
export const PTE_WRITE = 1 << 1
export const PTE_DIRTY = 1 << 2
export const PTE_TABLE = 1 << 3
export const PTE_YOUNG = 1 << 4
export const PTE_SOFT_DIRTY = 1 << 5
export const PTE_HUGE = 1 << 6

const KIND_SHIFT = 8
const KIND_MASK = 7 << KIND_SHIFT
/** Where the frame number begins. */
export const FRAME_SHIFT = 12

/** Kinds of non-present entry. */
export const PTE_KIND = {
  none: 0,
  /** `frame` is a swap slot. */
  swap: 1,
  /** The frame is being migrated: wait for its lock. */
  migration: 2,
  /** The page is in a device's private memory. */
  devicePrivate: 3,
  /** The page is reserved for a device's atomic access. */
  deviceExclusive: 4,
  /** Mapped, but the area has no access rights at all (mprotect to PROT_NONE), or hidden by a NUMA hint. */
  protNone: 5,
  /** Third level: the entry is being made 512, under the lock of its table. */
  splitting: 6,
  /** The page is lost: who touches it gets SIGBUS. It names the page of zeros, so that nobody is given anything back. */
  poisoned: 7,
} as const

/** A present entry for `frame` with PTE_* bits. */
export function makePte(frame: Frame, bits: number): number {
  return (frame << FRAME_SHIFT) | PTE_PRESENT | bits
}

/** A non-present entry of `kind` (a PTE_KIND value) for a frame or slot, with PTE_* bits. */
export function makeEntry(kind: number, frame: number, bits: number): number {
  return (frame << FRAME_SHIFT) | (kind << KIND_SHIFT) | bits
}

export function ptePresent(pte: number): boolean {
  return (pte & PTE_PRESENT) !== 0
}

export function pteWritable(pte: number): boolean {
  return (pte & PTE_WRITE) !== 0
}

export function pteKind(pte: number): number {
  return (pte & KIND_MASK) >> KIND_SHIFT
}

export function pteFrame(pte: number): Frame {
  return (pte >>> FRAME_SHIFT) as Frame
}

export function isSwapEntry(entry: number): boolean {
  return !ptePresent(entry) && pteKind(entry) === PTE_KIND.swap
}

export function isMigrationEntry(entry: number): boolean {
  return !ptePresent(entry) && pteKind(entry) === PTE_KIND.migration
}

export function isDevicePrivate(entry: number): boolean {
  return !ptePresent(entry) && pteKind(entry) === PTE_KIND.devicePrivate
}

export function isExclusive(entry: number): boolean {
  return !ptePresent(entry) && pteKind(entry) === PTE_KIND.deviceExclusive
}

/** Does the entry name a frame that it counts as a mapping of: present, PROT_NONE or device-private? */
export function pteMapsFrame(pte: number): boolean {
  if (ptePresent(pte)) return true
  const kind = pteKind(pte)
  return kind === PTE_KIND.devicePrivate || kind === PTE_KIND.protNone
}
