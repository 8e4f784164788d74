/**
 * Geometry of a mirror page table (hmm_pt, 2015): how many levels, and what each spans, from the highest page it must reach.
 *
 * One meaning of "level" everywhere: level 0 is the root directory, level `leafLevel` holds page entries; a level-i *entry*
 * spans 2^shift[i] pages, a level-i *directory* is the array indexed with the bits above shift[i]. Shifts are in pages.
 *
 *   highest address   shifts (address bits)   leafLevel   root entries
 *   2^48 - 1          39, 30, 21, 12              3            512
 *   2^48              48, 39, 30, 21, 12          4              2
 *   2^47 - 1          39, 30, 21, 12              3            256
 *   2^44 - 1          39, 30, 21, 12              3             32        an address space here
 *   2^32 - 1          30, 21, 12                  2              4
 *
 * (Spec: PT3 of the 2015 series. Page numbers reach 2^36, so they are divided, not shifted: `>>` has 32 bits.)
 */
import { assert } from '../seam/error.ts'

/** Entries of a directory below the root: one page of 8-byte entries in the kernel, 512 words here. */
export const DIRECTORY_ENTRIES = 512
const DIRECTORY_SHIFT = 9
export const MAX_LEVELS = 6

export interface Geometry {
  /** Highest page number, inclusive. */
  readonly last: number
  readonly leafLevel: number
  /** Pages spanned by one entry of each level: span[leafLevel] is 1. */
  readonly span: readonly number[]
  readonly rootEntries: number
}

/** Geometry for pages 0 to `last`. */
export function geometryFor(last: number): Geometry {
  assert(Number.isSafeInteger(last) && last >= 0, 'the highest page number is a natural number')
  const topBit = last === 0 ? 0 : Math.floor(Math.log2(last))
  const leafLevel = Math.floor(topBit / DIRECTORY_SHIFT)
  assert(leafLevel < MAX_LEVELS, `a mirror page table has at most ${MAX_LEVELS} levels`)
  const span = Array.from({ length: leafLevel + 1 }, (_, level) => 2 ** (DIRECTORY_SHIFT * (leafLevel - level)))
  return { last, leafLevel, span, rootEntries: Math.floor(last / (span[0] as number)) + 1 }
}

/** Index of page `vpn` in its level-`level` directory. */
export function directoryIndex(geometry: Geometry, vpn: number, level: number): number {
  const index = Math.floor(vpn / (geometry.span[level] as number))
  return level === 0 ? index : index % DIRECTORY_ENTRIES
}

/** Last page of the level-`level` *entry* that holds `vpn`: what a walk skips when that entry is missing. */
export function entryLast(geometry: Geometry, vpn: number, level: number): number {
  const span = geometry.span[level] as number
  return Math.min(geometry.last, Math.floor(vpn / span) * span + span - 1)
}

/** Last page of the level-`level` *directory* that holds `vpn`. */
export function directoryLast(geometry: Geometry, vpn: number, level: number): number {
  return level === 0 ? geometry.last : entryLast(geometry, vpn, level - 1)
}
