/**
 * Samples: times that one actor took, in a buffer of their own beside the machine's, so that keeping them changes nothing in it. Written
 * by that actor only, read by the booting thread after the run.
 *
 *   doubles   0       1 ...
 *           +-------+-----------+
 *           | COUNT | times, ns |
 *           +-------+-----------+
 */
const COUNT = 0
const FIRST = 1

/** The times in `buffer`. */
export class Samples {
  private readonly doubles: Float64Array

  constructor(buffer: SharedArrayBuffer) {
    this.doubles = new Float64Array(buffer)
  }

  /** A buffer with room for `capacity` times. */
  static create(capacity: number): SharedArrayBuffer {
    return new SharedArrayBuffer((FIRST + capacity) * Float64Array.BYTES_PER_ELEMENT)
  }

  get count(): number {
    return this.doubles[COUNT] as number
  }

  /** Forgets what was kept: the warm-up is over. */
  clear(): void {
    this.doubles[COUNT] = 0
  }

  /** Keeps a time; what does not fit is not kept. */
  add(ns: number): void {
    const at = FIRST + this.count
    if (at >= this.doubles.length) return
    this.doubles[at] = ns
    this.doubles[COUNT] = this.count + 1
  }

  /** The times in the order in which they were taken. */
  list(): number[] {
    return Array.from(this.doubles.subarray(FIRST, FIRST + this.count))
  }
}
