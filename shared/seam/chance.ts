/**
 * Chance: seeded streams whose state is words in the buffer, so that a run's randomness is part of its state and replays
 * with it. xoshiro128** (Blackman and Vigna, 2018): four words of state, 32-bit operations only, no allocation. A library
 * generator keeps its state in an object of its own, which is why this one is here.
 */
import type { WordAt, Words } from '../memory/words.ts'

/** Words of one stream's state. Private to the actor that draws from it. */
export const CHANCE_WORDS = 4

/** Starts the stream at `at` from `seed` and a stream number; different numbers give unrelated streams. */
export function seedChance(words: Words, at: WordAt, seed: number, stream: number): void {
  // splitmix32 over (seed, stream): never leaves all four words zero, the one state xoshiro cannot leave.
  let x = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) | 0
  for (let i = 0; i < CHANCE_WORDS; i++) {
    x = (x + 0x9e3779b9) | 0
    let z = x ^ (x >>> 16)
    z = Math.imul(z, 0x21f0aaad)
    z ^= z >>> 15
    z = Math.imul(z, 0x735a2d97)
    words[at + i] = z ^ (z >>> 15)
  }
  if (!words.subarray(at, at + CHANCE_WORDS).some((w) => w !== 0)) words[at] = 1
}

/** Next draw, a uint32. */
export function nextChance(words: Words, at: WordAt): number {
  const s0 = words[at] as number
  const s1 = words[at + 1] as number
  let s2 = words[at + 2] as number
  let s3 = words[at + 3] as number
  const scaled = Math.imul(s1, 5)
  const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0
  s2 ^= s0
  s3 ^= s1
  words[at + 1] = s1 ^ s2
  words[at] = s0 ^ s3
  words[at + 2] = s2 ^ (s1 << 9)
  words[at + 3] = (s3 << 11) | (s3 >>> 21)
  return result
}

/** Next draw in [0, bound). The bias of a modulus over 2^32 is below 2^-20 for the bounds used here (at most 2^12). */
export function nextBelow(words: Words, at: WordAt, bound: number): number {
  return nextChance(words, at) % bound
}
