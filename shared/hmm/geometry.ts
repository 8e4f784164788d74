/**
 * Geometry of a mirror page table (hmm_pt, 2015): how many levels, and what each spans, from the highest page it must reach.
 *
 * One meaning of "level" everywhere: level 0 is the root directory, level `leafLevel` holds page entries; a level-i *entry*
 * spans 2^shift[i] bytes, a level-i *directory* is the array indexed with the bits above shift[i], and spans one entry of its
 * parent; the root spans everything up to `last`.
 *
 *   highest address   shift                   leafLevel   root entries
 *   2^48 - 1          39, 30, 21, 12              3            512
 *   2^48              48, 39, 30, 21, 12          4              2        a common mistake: one address too many, one level more
 *   2^47 - 1          39, 30, 21, 12              3            256
 *   2^44 - 1          39, 30, 21, 12              3             32        an address space here
 *   2^32 - 1          30, 21, 12                  2              4
 *
 * (Spec: version 3 of the 2015 series. Page numbers reach 2^52, so they are multiplied, not shifted: `>>` has 32 bits.)
 */

import { PAGE_BYTES, PAGE_SHIFT } from '../memory/words.ts'
import { assert } from '../seam/error.ts'

/** Entries of a directory below the root: one page of 8-byte entries in the kernel, 512 words here. */
export const DIRECTORY_ENTRIES = 512
/** log2 of it: PAGE_SHIFT less log2 of the 8 bytes that an entry has in the kernel. */
const DIRECTORY_SHIFT = 9
/** 6 levels reach 2^66: beyond the 2^64 that an address can be. */
export const MAX_LEVELS = 6

export interface Geometry {
  /** Highest page number, inclusive. */
  readonly last: number
  readonly leafLevel: number
  /** log2 of the bytes that an entry of each level spans: shift[leafLevel] is PAGE_SHIFT. */
  readonly shift: readonly number[]
  /** Pages spanned by one entry of each level: span[leafLevel] is 1. */
  readonly span: readonly number[]
  /** 1 / span, which is exact: spans are powers of two. */
  readonly inverse: readonly number[]
  readonly rootEntries: number
}

/** Geometry for pages 0 to `last`. */
export function geometryFor(last: number): Geometry {
  assert(Number.isSafeInteger(last) && last >= 0, 'the highest page number is a natural number')
  const leafLevel = Math.floor(topBit(last) / DIRECTORY_SHIFT)
  assert(leafLevel < MAX_LEVELS, `a mirror page table has at most ${MAX_LEVELS} levels`)
  const shift = Array.from({ length: leafLevel + 1 }, (_, level) => DIRECTORY_SHIFT * (leafLevel - level) + PAGE_SHIFT)
  const span = shift.map((bits) => 2 ** (bits - PAGE_SHIFT))
  const inverse = span.map((pages) => 1 / pages)
  return { last, leafLevel, shift, span, inverse, rootEntries: Math.floor(last / (span[0] as number)) + 1 }
}

/** Geometry for addresses 0 to `last`, inclusive, which is rounded up to the last byte of its page. */
export function geometryForAddress(last: number | bigint): Geometry {
  return geometryFor(typeof last === 'bigint' ? Number(last / BigInt(PAGE_BYTES)) : Math.floor(last / PAGE_BYTES))
}

/** Index of page `vpn` in its level-`level` directory. */
export function directoryIndex(geometry: Geometry, vpn: number, level: number): number {
  const index = Math.floor(vpn * (geometry.inverse[level] as number))
  return level === 0 ? index : index & (DIRECTORY_ENTRIES - 1) // the lowest bits, of a larger number as well
}

/** First page of the level-`level` *entry* that holds `vpn`. */
export function entryFirst(geometry: Geometry, vpn: number, level: number): number {
  return Math.floor(vpn * (geometry.inverse[level] as number)) * (geometry.span[level] as number)
}

/** Last page of the level-`level` *entry* that holds `vpn`: what a walk skips when that entry is missing. */
export function entryLast(geometry: Geometry, vpn: number, level: number): number {
  return Math.min(geometry.last, entryFirst(geometry, vpn, level) + (geometry.span[level] as number) - 1)
}

/** First page of the level-`level` *directory* that holds `vpn` (hmm_pt_level_start). */
export function directoryFirst(geometry: Geometry, vpn: number, level: number): number {
  return level === 0 ? 0 : entryFirst(geometry, vpn, level - 1)
}

/** Last page of the level-`level` *directory* that holds `vpn` (hmm_pt_level_end). */
export function directoryLast(geometry: Geometry, vpn: number, level: number): number {
  return level === 0 ? geometry.last : entryLast(geometry, vpn, level - 1)
}

/** Number of the highest bit that is set in `n`, from 0; 0 for 0. Exact, which a logarithm is not. */
function topBit(n: number): number {
  const high = Math.floor(n / 2 ** 32)
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(n | 1)
}
