/**
 * A loop that is always the same: arithmetic and plain accesses in 64 KiB, about a quarter of a millisecond. It tells how fast this
 * host is at this moment, and how evenly: figures of two runs are held against each other by it.
 */

const WORDS = 16_384
const PASSES = 6
const WARM_UP = 20

const words = new Int32Array(WORDS)

/** Times of `rounds` loops, in nanoseconds. */
export function hostLoop(rounds: number): number[] {
  for (let i = 0; i < WARM_UP; i++) once()
  return Array.from({ length: rounds }, () => {
    const began = performance.now()
    once()
    return (performance.now() - began) * 1e6
  })
}

function once(): void {
  let state = 88_172_645
  for (let pass = 0; pass < PASSES; pass++) {
    for (let i = 0; i < WORDS; i++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      words[i] = (words[state & (WORDS - 1)] as number) + state
    }
  }
}
