/**
 * Units of the shared buffer. Everything the machine knows is 32-bit words in one SharedArrayBuffer; an address inside it
 * is a *word index* (`number`). Record types brand their index (`type Vma = WordAt & {...}`), so that a page-table entry
 * cannot be passed for a VMA; brands exist at compile time only.
 *
 *   unit        words   bytes   why
 *   word            1       4   what Atomics work on; half the cost of a 64-bit access
 *   line           16      64   one cache line: every lock and every actor's mailbox gets its own
 *   page         1024    4096   PAGE_SHIFT 12
 *   huge page  524288   2 MiB   512 pages: one leaf table's reach
 */
export type WordAt = number

/** Shared words as every thread sees them. One view per thread over the same buffer. */
export type Words = Int32Array

export const WORD_BYTES = 4
export const LINE_WORDS = 16
export const PAGE_SHIFT = 12
export const PAGE_BYTES = 1 << PAGE_SHIFT
export const PAGE_WORDS = PAGE_BYTES / WORD_BYTES
/** Pages under one leaf table, and in one huge page: 2 MiB / 4 KiB. */
export const HUGE_PAGES = 512

/** Rounds `words` up to a whole number of lines. */
export function lineAligned(words: number): number {
  return Math.ceil(words / LINE_WORDS) * LINE_WORDS
}

/** Integers `from` (inclusive) to `to` (exclusive); for boot-time loops over small tables, never on a hot path. */
export function count(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i)
}
