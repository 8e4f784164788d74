/**
 * A driver's format as it lies in a range (hmm/encoding.ts): what an entry of a range is made of, and what it says. An entry has 64 bits;
 * a frame has 20 of them, from bit `shift` on.
 */
import { ENCODING_PRIVATE, ENCODING_SHIFT, ENCODING_VALID, ENCODING_WRITE } from './layout'

/** Bits of a frame number. */
export const FRAME: u32 = 0xfffff

/** Bits that an entry with a page has. */
@inline
export function validOf(encoding: u32): u64 {
  return load<u64>(encoding, ENCODING_VALID)
}

/** Bits that it has beside them where the page may be written; 0: the driver does not tell. */
@inline
export function writeOf(encoding: u32): u64 {
  return load<u64>(encoding, ENCODING_WRITE)
}

/** Bits that it has where the page is in the device's own memory; 0: the driver does not tell. */
@inline
export function privateOf(encoding: u32): u64 {
  return load<u64>(encoding, ENCODING_PRIVATE)
}

/** Where the frame begins. */
@inline
export function shiftOf(encoding: u32): u32 {
  return load<u32>(encoding, ENCODING_SHIFT)
}
