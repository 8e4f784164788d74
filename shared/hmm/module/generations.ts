/**
 * What the form of the module that is explored leaves behind for the oracles, as the TypeScript does in checked machines: the generation
 * that each frame had when it was read (shared/frame/frames.ts), by which a stale entry is recognised. Byte addresses.
 */
import { quietLoad } from './atomics'
import { FRAME, shiftOf } from './format'
import {
  DIRECTORY_ENTRIES_AT, DIRECTORY_GENERATIONS_AT, FRAME_BYTES, FRAME_GENERATION, FRAME_RECORDS, FRAMES_REGION, RANGE_GENERATIONS,
} from './layout'

/** Where the generation of page `index` of the range is noted. */
export function generationsOf(r: u32, index: u32): u32 {
  return (load<u32>(r, RANGE_GENERATIONS) + index) << 2
}

/** Notes the generations of the frames that entries of a range name, from `pfn` on. Lock of the leaf held that they were read from. */
export function noteGenerations(pfn: u32, generations: u32, count: u32, encoding: u32): void {
  const records = (load<u32>(FRAMES_REGION) << 2) + FRAME_RECORDS
  const shift = shiftOf(encoding)
  for (let i: u32 = 0; i < count; i++) {
    const frame = (<u32>(load<u64>(pfn + (i << 3)) >> shift)) & FRAME
    store<u32>(generations + (i << 2), quietLoad(records + frame * FRAME_BYTES + FRAME_GENERATION))
  }
}

/** Puts them beside entries of the mirror, from `at` on, which are about to be filled. Lock of the leaf directory held. */
export function copyGenerations(generations: u32, at: u32, count: u32): void {
  const target = at + (DIRECTORY_GENERATIONS_AT - DIRECTORY_ENTRIES_AT)
  for (let i: u32 = 0; i < count; i++) store<u32>(target + (i << 2), load<u32>(generations + (i << 2)))
}
