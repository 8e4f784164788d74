/**
 * Installing a filled range in the mirror it is of: its entries, in the driver's format, become entries of the mirror's table. The
 * second half of the inner loop of mirroring (the first is the walk of hmm/rangefault.ts): a leaf directory is entered, locked and
 * counted once for all its pages, what does not change from page to page is in locals, and pages that are as nearly all are left to
 * hmm/leafloops.ts.
 *
 *   entry of the range             entry of the mirror
 *   NONE, ERROR, SPECIAL           stays as it is
 *   frame (WRITE)                  page frame (WRITE)
 *   frame, DEVICE_PRIVATE (WRITE)  own memory (WRITE)
 */
import type { WordAt } from '../memory/words.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { Encoding, pfnFrame } from './encoding.ts'
import type { MirrorIterator } from './iterator.ts'
import { hasLeafLoops, installAlike } from './leafloops.ts'
import { assertMirrorLocked, type Mirror } from './mirror.ts'
import { MIRROR_WRITE, type MirrorPte, mirrorPteFromDevice, mirrorPteFromFrame, mirrorValid } from './mirrorpte.ts'
import { MIRROR_KEPT, mirrorFillLocked, mirrorFillsPlainly, mirrorIsFilled, mirrorIterator } from './mirrortable.ts'
import { type Range, rangeEncodingAt, rangeFirst, rangeGenerationAt, rangeMirror, rangePfnAt } from './range.ts'

/**
 * Installs the valid entries among the first `pages` of a range; with `ownOnly` those in the device's own memory. Update lock held, and
 * the range is valid under it. Returns the number installed, or -1 when memory for a directory is out (some are installed then).
 */
export function installRange(task: Task, range: Range, pages: number, ownOnly: boolean): number {
  const mirror = rangeMirror(task, range)
  assertMirrorLocked(task, mirror)
  encoding.load(task, rangeEncodingAt(range))
  const first = rangeFirst(task, range)
  const iterator = mirrorIterator(task, mirror)
  let installed = 0
  for (let i = nextPage(task, range, 0, pages); i < pages; i = nextPage(task, range, iterator.next - first, pages)) {
    const at = iterator.populate(first + i, first + pages)
    if (at === 0) {
      installed = -1
      break
    }
    installed += installLeaf(task, range, mirror, iterator, at, i, ownOnly)
  }
  iterator.finish()
  return installed
}

/** Of the range that is installed. One per thread: installing does not nest. */
const encoding = new Encoding()

/** Number of the first entry from `i` on that has a page; `pages` if none has. No directory is made for the others. */
function nextPage(task: Task, range: Range, i: number, pages: number): number {
  let at = i
  for (let pfn = rangePfnAt(task, range, i); at < pages; at++, pfn += 2)
    if (encoding.hasPage(get(task, pfn), get(task, pfn + 1))) break
  return at
}

/** The entries from number `index` on that lie in the leaf directory of the entry at `first`. Returns how many have a page. */
function installLeaf(
  task: Task,
  range: Range,
  mirror: Mirror,
  iterator: MirrorIterator,
  first: WordAt,
  index: number,
  ownOnly: boolean,
): number {
  const { words } = task
  const last = first + iterator.next - iterator.vpn - 1
  const { shift, validLow, validHigh, writeLow, writeHigh, privateLow, privateHigh } = encoding
  const writes = (writeLow | writeHigh) !== 0
  const tellsOwn = (privateLow | privateHigh) !== 0
  const looksValid = encoding.hasValidMarks()
  const plainly = mirrorFillsPlainly(task)
  const generations = rangeGenerationAt(task, range, index)
  let pfn = rangePfnAt(task, range, index)
  iterator.lockLeaf()
  const alike =
    plainly && !looksValid && !ownOnly && hasLeafLoops(task)
      ? installAlike(task, first, pfn, last - first + 1, rangeEncodingAt(range), MIRROR_KEPT)
      : 0
  let installed = alike & 0xffff
  let added = alike >>> 16
  pfn += 2 * installed
  for (let at = first + installed; at <= last; at++, pfn += 2) {
    const low = words[pfn] as number
    const high = words[pfn + 1] as number
    if ((low & validLow) !== validLow || (high & validHigh) !== validHigh) continue
    if (looksValid && !encoding.hasPage(low, high)) continue
    const own = tellsOwn && (low & privateLow) === privateLow && (high & privateHigh) === privateHigh
    if (ownOnly && !own) continue
    const frame = pfnFrame(low, high, shift)
    const bits = writes && (low & writeLow) === writeLow && (high & writeHigh) === writeHigh ? MIRROR_WRITE : 0
    const pte = own ? mirrorPteFromDevice(frame, bits) : mirrorPteFromFrame(frame, bits)
    installed++
    const before = words[at] as MirrorPte
    if (plainly && mirrorIsFilled(before, pte)) continue
    if (plainly && !mirrorValid(before)) {
      words[at] = pte
      added++
    } else added += mirrorFillLocked(task, mirror, at, iterator.vpn + at - first, pte, get(task, generations + at - first))
  }
  iterator.unlockLeaf()
  iterator.countValid(added)
  return installed
}
