/**
 * Prefetching by density: pages that are needed next are likely to lie where most pages are on the device already. The 512 pages of
 * 2 MiB are the leaves of a tree of halves, quarters and so on; a fault brings the largest subtree around it of which more than
 * THRESHOLD_PERCENT are on the device, its own 64 KiB (BIG pages) counted as there. So a device that streams through memory moves
 * 16 pages at its first fault, and soon 512 at a time; one that jumps about moves 16.
 *
 * (NVIDIA's UVM, uvm_perf_prefetch.c: the tree, 51 %, 64 KiB. There all faults of a batch count as there; here faults are served one
 * after the other, so the ones before it do.)
 */
import { type DeviceContext, MIRROR_VALID_DEV, type Mirror } from '../../device/index.ts'

/** Pages of 64 KiB. */
const BIG = 16
const THRESHOLD_PERCENT = 51
const BLOCK_PAGES = 512

/** Pages [first, last]. */
export interface Span {
  readonly first: number
  readonly last: number
}

/** The 2 MiB that page `vpn` lies in, cut to `within`. */
export function blockAround(vpn: number, within: Span): Span {
  return alignedAround(vpn, BLOCK_PAGES, within)
}

/**
 * The subtree around page `vpn` that is dense enough, cut to `within`, of at most `most` pages. Looks at the mirror's own entries. Update
 * lock held.
 */
export function denseAround(dev: DeviceContext, mirror: Mirror, vpn: number, within: Span, most: number): Span {
  const big = alignedAround(vpn, BIG, within)
  if (big.last - big.first >= most) return { first: vpn, last: vpn }
  const there = residentIn(dev, mirror, blockAround(vpn, within))
  let best = big
  for (let size = BIG * 2; size <= BLOCK_PAGES; size *= 2) {
    const span = alignedAround(vpn, size, within)
    const pages = span.last - span.first + 1
    if (pages > most) break
    const outside = there.filter((page) => page >= span.first && page <= span.last && (page < big.first || page > big.last))
    const occupied = outside.length + big.last - big.first + 1
    if (occupied * 100 > pages * THRESHOLD_PERCENT) best = span
  }
  return best
}

/** Pages of `span` that the mirror maps in the device's own memory. Update lock held. */
export function residentIn(dev: DeviceContext, mirror: Mirror, { first, last }: Span): number[] {
  const iterator = dev.iterate(mirror)
  const found: number[] = []
  for (let vpn = first; vpn <= last; vpn++) if ((dev.entry(iterator, vpn) & MIRROR_VALID_DEV) !== 0) found.push(vpn)
  iterator.finish()
  return found
}

function alignedAround(vpn: number, size: number, within: Span): Span {
  const first = vpn - (vpn % size)
  return { first: Math.max(first, within.first), last: Math.min(first + size - 1, within.last) }
}
