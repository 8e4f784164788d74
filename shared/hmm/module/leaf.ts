/**
 * The inner loops of mirroring over one leaf, four pages at a time and then one by one. They know the page that nearly all are, stop in
 * front of any other and say how many they have done; hmm/leafloops.ts says what for. Accesses are plain, because the caller holds the leaf's
 * lock; in the form that is explored the mirror's entries are schedule points, since the hardware reads them without. Addresses are in bytes.
 */
import { atomicLoad, atomicStore } from './atomics'
import { FRAME, privateOf, shiftOf, validOf, writeOf } from './format'
import {
  EXPLORED, FRAME_SHIFT, MIRROR_VALID, MIRROR_VALID_PFN, MIRROR_WRITE, PAGE_SHIFT, PTE_WRITE, PTE_WRITE_BIT,
} from './layout'

/** Pages in a vector of entries. */
const LANES: u32 = 4

/** Entries of the CPU, from `pte` on, to entries of a range, from `pfn` on. Alike: all bits of `need` are set, PRESENT among them. */
export function snapshotAlike(pte: u32, pfn: u32, count: u32, need: u32, encoding: u32): u32 {
  const valid = validOf(encoding)
  const write = writeOf(encoding)
  const shift = shiftOf(encoding)
  const needs = i32x4.splat(need)
  const valids = i64x2.splat(valid)
  const writes = i64x2.splat(write)
  let done: u32 = 0
  while (done + LANES <= count) {
    const entries = v128.load(pte, 0, 4)
    if (v128.any_true(v128.andnot(needs, entries))) break
    const frames = i32x4.shr_u(entries, FRAME_SHIFT)
    // All ones where the page may be written.
    const writable = i32x4.shr_s(i32x4.shl(entries, 31 - PTE_WRITE_BIT), 31)
    const low = i64x2.shl(i64x2.extend_low_i32x4_u(frames), shift)
    const high = i64x2.shl(i64x2.extend_high_i32x4_u(frames), shift)
    v128.store(pfn, v128.or(low, v128.or(valids, v128.and(i64x2.extend_low_i32x4_s(writable), writes))), 0, 4)
    v128.store(pfn, v128.or(high, v128.or(valids, v128.and(i64x2.extend_high_i32x4_s(writable), writes))), 16, 4)
    pte += 16
    pfn += 32
    done += LANES
  }
  for (; done < count; done++) {
    const entry = load<u32>(pte)
    if ((entry & need) != need) break
    const flags = (entry & PTE_WRITE) != 0 ? valid | write : valid
    store<u64>(pfn, ((<u64>(entry >> FRAME_SHIFT)) << shift) | flags)
    pte += 4
    pfn += 8
  }
  return done
}

/**
 * Entries of a range, from `pfn` on, to entries of the mirror, from `at` on. Alike: of the bits for VALID and for own memory all of VALID
 * and no others; and the mirror's entry is either what it would become, but for the bits of `kept`, or not valid. Returns how many are
 * done, and from bit 16 on how many of those were not valid before.
 */
export function installAlike(at: u32, pfn: u32, count: u32, encoding: u32, kept: u32): u32 {
  const valid = validOf(encoding)
  const write = writeOf(encoding)
  const mark = valid | privateOf(encoding)
  const shift = shiftOf(encoding)
  const writeBit = write == 0 ? 0 : MIRROR_WRITE
  let done: u32 = 0
  let added: u32 = 0
  if (!EXPLORED && count >= LANES) {
    const validLows = i32x4.splat(<i32>valid)
    const validHighs = i32x4.splat(<i32>(valid >> 32))
    const writeLows = i32x4.splat(<i32>write)
    const writeHighs = i32x4.splat(<i32>(write >> 32))
    const markLows = i32x4.splat(<i32>mark)
    const markHighs = i32x4.splat(<i32>(mark >> 32))
    const validBits = i32x4.splat(MIRROR_VALID_PFN)
    const anyValid = i32x4.splat(MIRROR_VALID)
    const writeBits = i32x4.splat(writeBit)
    const keptBits = i32x4.splat(kept)
    // Which part of the frame is in which word, and how far from its place.
    const lowRight = shift < 32 ? shift : 0
    const lowFrame = i32x4.splat(shift < 32 ? FRAME : 0)
    const highRight = shift < 32 ? 0 : shift - 32
    const highLeft = shift < 32 ? 32 - shift : 0
    const highFrame = i32x4.splat(shift > 12 ? FRAME : 0)
    while (done + LANES <= count) {
      const first = v128.load(pfn, 0, 4)
      const second = v128.load(pfn, 16, 4)
      // low, high, low, high twice: the lows together, and the highs.
      const lows = v128.shuffle<u32>(first, second, 0, 2, 4, 6)
      const highs = v128.shuffle<u32>(first, second, 1, 3, 5, 7)
      const unlike = v128.or(
        v128.xor(v128.and(lows, markLows), validLows),
        v128.xor(v128.and(highs, markHighs), validHighs),
      )
      if (v128.any_true(unlike)) break
      const frames = v128.or(
        v128.and(i32x4.shr_u(lows, lowRight), lowFrame),
        v128.and(i32x4.shl(i32x4.shr_u(highs, highRight), highLeft), highFrame),
      )
      const writable = v128.and(
        i32x4.eq(v128.and(lows, writeLows), writeLows),
        i32x4.eq(v128.and(highs, writeHighs), writeHighs),
      )
      const entries = v128.or(i32x4.shl(frames, PAGE_SHIFT), v128.or(validBits, v128.and(writeBits, writable)))
      const before = v128.load(at, 0, 4)
      if (v128.any_true(v128.andnot(v128.xor(before, entries), keptBits))) {
        if (v128.any_true(v128.and(before, anyValid))) break
        // One word at a time: the hardware may be looking.
        v128.store_lane<u32>(at, entries, 0, 0)
        v128.store_lane<u32>(at, entries, 1, 4)
        v128.store_lane<u32>(at, entries, 2, 8)
        v128.store_lane<u32>(at, entries, 3, 12)
        added += LANES
      }
      at += 16
      pfn += 32
      done += LANES
    }
  }
  for (; done < count; done++) {
    const found = load<u64>(pfn)
    if ((found & mark) != valid) break
    const bits = MIRROR_VALID_PFN | ((found & write) == write ? writeBit : 0)
    const entry = (((<u32>(found >> shift)) & FRAME) << PAGE_SHIFT) | bits
    const before = EXPLORED ? atomicLoad(at) : load<u32>(at)
    if (((before ^ entry) & ~kept) != 0) {
      if ((before & MIRROR_VALID) != 0) break
      if (EXPLORED) atomicStore(at, entry)
      else store<u32>(at, entry)
      added++
    }
    at += 4
    pfn += 8
  }
  return done | (added << 16)
}
