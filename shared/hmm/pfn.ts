/**
 * Entries of a range, decoded and made one by one, in the driver's own encoding: the helpers of 2018 and the names they got in 2019.
 * For drivers that look at single entries. Who goes through an array loads the format once (Encoding) and works on its words; who
 * looks in from outside takes the array as a whole, as 64-bit numbers.
 *
 *   hmm_pfn_to_page           hmm_device_entry_to_page           NO_FRAME, if the entry is no page's
 *   hmm_pfn_to_pfn            hmm_device_entry_to_pfn            NO_PFN, all ones, if it is none
 *   hmm_pfn_from_page, _pfn   hmm_device_entry_from_page, _pfn   VALID only: what else the page may do is the caller's to add
 *
 * (Linux include/linux/hmm.h, 4.18 and 5.2.) An entry is no page's when it equals values[NONE], values[ERROR] or values[SPECIAL], or
 * lacks the bits of flags[VALID].
 */
import { type Frame, NO_FRAME } from '../frame/frames.ts'
import type { WordAt } from '../memory/words.ts'
import { put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { Encoding, pfnFrame, pfnHigh, pfnLow } from './encoding.ts'
import { type Range, rangeCapacity, rangeEncodingAt, rangePfnAt } from './range.ts'

/** What hmmPfnToPfn answers for an entry without a page. */
export const NO_PFN = 0xffffffff

const encoding = new Encoding()

/** The frame behind an entry, given as its low and high word; NO_FRAME if there is none. */
export function hmmPfnToPage(task: Task, range: Range, low: number, high: number): Frame {
  encoding.load(task, rangeEncodingAt(range))
  return encoding.hasPage(low, high) ? pfnFrame(low, high, encoding.shift) : NO_FRAME
}

/** The number of that frame; NO_PFN if there is none. */
export function hmmPfnToPfn(task: Task, range: Range, low: number, high: number): number {
  encoding.load(task, rangeEncodingAt(range))
  return encoding.hasPage(low, high) ? pfnFrame(low, high, encoding.shift) : NO_PFN
}

/** Writes the entry of a frame, VALID and no more, into the two words at `at`. A frame here is its number. */
export function hmmPfnFromPfn(task: Task, range: Range, pfn: number, at: WordAt): void {
  encoding.load(task, rangeEncodingAt(range))
  put(task, at, pfnLow(pfn as Frame, encoding.shift) | encoding.validLow)
  put(task, at + 1, pfnHigh(pfn as Frame, encoding.shift) | encoding.validHigh)
}

export {
  hmmPfnFromPfn as hmmDeviceEntryFromPage,
  hmmPfnFromPfn as hmmDeviceEntryFromPfn,
  hmmPfnFromPfn as hmmPfnFromPage,
  hmmPfnToPage as hmmDeviceEntryToPage,
  hmmPfnToPfn as hmmDeviceEntryToPfn,
}

/** The range's whole array as 64-bit numbers: the very memory, not a copy. */
export function rangePfns(task: Task, range: Range): BigUint64Array {
  return new BigUint64Array(task.words.buffer, rangePfnAt(task, range, 0) * 4, rangeCapacity(task, range))
}
