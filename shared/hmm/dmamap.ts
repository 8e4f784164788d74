/**
 * Mapping a range for DMA (hmm_range_dma_map of 2019), in the three layers that were planned for it and never came: what has to do
 * with notifiers, around a core that has not (mm/guprange.ts).
 *
 *     hmmRangeDmaMap      prepare   fill the range; its entries name the frames
 *                         map       gupRangeDmaMap, asked before each page whether the range was invalidated meanwhile
 *                         commit    nothing to hold: the range's protocol keeps the pages, and the caller asks rangeValid
 *     hmmRangeDmaUnmap    prepare   the entries name the frames again: that is why an invalidation must not erase them
 *                         unmap     gupRangeDmaUnmap
 *                         commit    the entries become NONE
 *
 * Around it is the loop of a driver (hmm/protocol.ts), with one more duty: what was mapped and may not be used is unmapped.
 *
 * A range that is filled is one fault's; what a device has outlives many. So it is kept in a second range, never registered and
 * never filled, to which a fault's range hands its pages over once it was found valid:
 *
 *     fault's range   page 4: frame 9, mapped      fault's range   page 4: NONE
 *     device's range  page 4: NONE                 device's range  page 4: frame 9, mapped
 */
import { type Iommu, NO_DMA_PAGE } from '../frame/iommu.ts'
import { EAGAIN, EBUSY, EINVAL } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import {
  type GupRange,
  gupRangeCapacity,
  gupRangeClear,
  gupRangeDmaMap,
  gupRangeDmaPage,
  gupRangeDmaUnmap,
  gupRangeExchange,
  gupRangePages,
  gupRangeResize,
  gupRangeSet,
  NO_GUP_RANGE,
} from '../mm/guprange.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { Encoding, pfnFrame } from './encoding.ts'
import { assertMirrorLocked, NO_MIRROR } from './mirror.ts'
import { protocolOf } from './protocol.ts'
import {
  NO_RANGE,
  type Range,
  rangeEncodingAt,
  rangeFirst,
  rangeGenerationAt,
  rangeLastPage,
  rangeMirror,
  rangePages,
  rangePfnAt,
} from './range.ts'
import { MMAP_SEM_DROPPED, rangeFault, rangeFaultDroppable } from './rangefault.ts'
import { rangeFaultUnlocked } from './unlocked.ts'

/** Filled anew for each range. */
const encoding = new Encoding()

/**
 * Fills a registered range and maps each page of it for the device. Returns the pages mapped, fewer than the range has where it has
 * no page; -EBUSY when it was invalidated meanwhile, begin again with rangeWait; -EFAULT when a page cannot be had or not be mapped;
 * -EINVAL when `dma` is too small; -EPERM and -ENOMEM as rangeFault. After an error nothing is mapped; the entries of the range and
 * the DMA pages in `dma` keep what they have, which means nothing.
 * mmap_sem held for reading, and still held on return; not so with `block` false, when -EAGAIN says that it was given up to wait.
 */
export function hmmRangeDmaMap(task: Task, range: Range, dma: GupRange, iommu: Iommu, block = true): number {
  if (rangePages(task, range) > gupRangeCapacity(task, dma)) return -EINVAL
  const filled = block ? rangeFault(task, range) : rangeFaultDroppable(task, range)
  if (filled === MMAP_SEM_DROPPED) return -EAGAIN
  return filled < 0 ? filled : mapFilled(task, range, dma, iommu)
}

/**
 * As hmmRangeDmaMap, with the fill of hmm/unlocked.ts: mmap_sem is not held, and `timeoutMs` and `onRetry` are those of
 * rangeFaultUnlocked, whose errors come, too. -EBUSY: too late, or invalidated between filling and mapping.
 */
export function hmmRangeDmaMapUnlocked(
  task: Task,
  range: Range,
  dma: GupRange,
  iommu: Iommu,
  timeoutMs: number,
  onRetry?: () => void,
): number {
  if (rangePages(task, range) > gupRangeCapacity(task, dma)) return -EINVAL
  const filled = rangeFaultUnlocked(task, range, timeoutMs, onRetry)
  return filled < 0 ? filled : mapFilled(task, range, dma, iommu)
}

/** Maps what the entries of a range name. */
function mapFilled(task: Task, range: Range, dma: GupRange, iommu: Iommu): number {
  const pages = rangePages(task, range)
  gupRangeResize(task, dma, pages)
  takeFrames(task, range, dma, 0, pages)
  // Asked without the update lock, so a yes may be old when it is heard: the driver asks once more, under it.
  return gupRangeDmaMap(task, dma, iommu, () => (protocolOf(task).valid(task, range) ? 0 : -EBUSY))
}

/**
 * Unmaps pages [first, first + pages) of a range that hmmRangeDmaMap mapped, by default all; their entries become NONE. `dirty`
 * unless the hardware can prove that it did not write. Returns the pages unmapped, or -EINVAL when there is no range, no `dma`, or
 * the pages are none of theirs. The range need not be registered any more. The update lock is held, in a callback or with rangeValid
 * said under it: the frames must still be the ones that were mapped.
 */
export function hmmRangeDmaUnmap(
  task: Task,
  range: Range,
  dma: GupRange,
  iommu: Iommu,
  dirty: boolean,
  first = 0,
  pages = range === NO_RANGE ? 0 : rangePages(task, range) - first,
): number {
  if (range === NO_RANGE || dma === NO_GUP_RANGE || first < 0 || pages <= 0) return -EINVAL
  if (first + pages > gupRangePages(task, dma) || rangeMirror(task, range) === NO_MIRROR) return -EINVAL
  assertMirrorLocked(task, rangeMirror(task, range))
  takeFrames(task, range, dma, first, pages)
  const unmapped = gupRangeDmaUnmap(task, dma, iommu, dirty, first, pages)
  for (let i = first; i < first + pages; i++) {
    put(task, rangePfnAt(task, range, i), encoding.noneLow)
    put(task, rangePfnAt(task, range, i) + 1, encoding.noneHigh)
    gupRangeClear(task, dma, i)
  }
  return unmapped
}

/**
 * Hands the pages that `from` has mapped over to `to`, which covers it. A page that `to` has already keeps its mapping; but if only
 * the new one is for writing, the two change places. So what `from` has afterwards the device was never told of, or has to forget
 * before it is unmapped. Returns the pages that `to` has more than before. Both are of one mirror and of one format; the update
 * lock is held, and rangeValid has said yes to `from` under it.
 */
export function hmmRangeDmaHandOver(task: Task, from: Range, fromDma: GupRange, to: Range, toDma: GupRange): number {
  assertMirrorLocked(task, rangeMirror(task, from))
  const offset = rangeFirst(task, from) - rangeFirst(task, to)
  const covered = offset >= 0 && rangeLastPage(task, from) <= rangeLastPage(task, to)
  assert(covered && rangeMirror(task, from) === rangeMirror(task, to), 'what is handed over lies inside the range that takes it')
  gupRangeResize(task, toDma, rangePages(task, to))
  let more = 0
  for (let i = 0; i < rangePages(task, from); i++) {
    if (!isDmaMapped(task, from, fromDma, i)) continue
    const there = isDmaMapped(task, to, toDma, offset + i)
    if (there && !(isForWriting(task, from, i) && !isForWriting(task, to, offset + i))) continue
    exchangeWords(task, rangePfnAt(task, from, i), rangePfnAt(task, to, offset + i), 2)
    exchangeWords(task, rangeGenerationAt(task, from, i), rangeGenerationAt(task, to, offset + i), 1)
    gupRangeExchange(task, fromDma, i, toDma, offset + i)
    if (!there) more++
  }
  return more
}

function isForWriting(task: Task, range: Range, i: number): boolean {
  encoding.load(task, rangeEncodingAt(range))
  const at = rangePfnAt(task, range, i)
  return encoding.hasWrite(get(task, at), get(task, at + 1))
}

function exchangeWords(task: Task, at: WordAt, other: WordAt, words: number): void {
  for (let i = 0; i < words; i++) {
    const before = get(task, at + i)
    put(task, at + i, get(task, other + i))
    put(task, other + i, before)
  }
}

/** Is page `i` of a range mapped? Its entry says so, not its DMA page. */
export function isDmaMapped(task: Task, range: Range, dma: GupRange, i: number): boolean {
  encoding.load(task, rangeEncodingAt(range))
  const at = rangePfnAt(task, range, i)
  return encoding.hasPage(get(task, at), get(task, at + 1)) && gupRangeDmaPage(task, dma, i) !== NO_DMA_PAGE
}

/** Has the entries of a range say which frames its pages are. */
function takeFrames(task: Task, range: Range, dma: GupRange, first: number, pages: number): void {
  encoding.load(task, rangeEncodingAt(range))
  for (let i = first; i < first + pages; i++) {
    const at = rangePfnAt(task, range, i)
    const low = get(task, at)
    const high = get(task, at + 1)
    if (encoding.hasPage(low, high)) gupRangeSet(task, dma, i, pfnFrame(low, high, encoding.shift), encoding.hasWrite(low, high))
    else gupRangeClear(task, dma, i)
  }
}
