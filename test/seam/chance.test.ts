/** Is a stream of chance the same for the same seed, another for another, and fair? */
import fc from 'fast-check'
import t from 'tap'
import { CHANCE, NOISE_CHANCE } from '../../shared/seam/actors.ts'
import { CHANCE_WORDS, nextBelow, nextChance, seedChance } from '../../shared/seam/chance.ts'
import { solo } from '../support/solo.ts'

function draws(seed: number, stream: number, n: number): number[] {
  const words = new Int32Array(CHANCE_WORDS)
  seedChance(words, 0, seed, stream)
  return Array.from({ length: n }, () => nextChance(words, 0))
}

/** Chi-square of how often each of `cells` equally likely values came. */
function chiSquare(values: readonly number[], cells: number): number {
  const counts = new Array<number>(cells).fill(0)
  for (const value of values) counts[value] = (counts[value] as number) + 1
  const expected = values.length / cells
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0)
}

/** One in a million fair generators would exceed this, for `cells` cells (normal approximation of chi-square). */
function limit(cells: number): number {
  const freedom = cells - 1
  return freedom + 5 * Math.sqrt(2 * freedom)
}

/** The generator as Blackman and Vigna publish it, in arithmetic that cannot overflow unnoticed. */
function published(state: [bigint, bigint, bigint, bigint]): number {
  const rotated = (x: bigint, by: bigint) => BigInt.asUintN(32, (x << by) | (x >> (32n - by)))
  const [s0, s1, s2, s3] = state
  const result = BigInt.asUintN(32, rotated(BigInt.asUintN(32, s1 * 5n), 7n) * 9n)
  state[2] = s2 ^ s0 ^ BigInt.asUintN(32, s1 << 9n)
  state[3] = rotated(s3 ^ s1, 11n)
  state[1] = s1 ^ s2 ^ s0
  state[0] = s0 ^ s3 ^ s1
  return Number(result)
}

t.test('the generator is xoshiro128**', async (t) => {
  const words = new Int32Array([1, 2, 3, 4])
  const state: [bigint, bigint, bigint, bigint] = [1n, 2n, 3n, 4n]
  t.same(
    Array.from({ length: 1000 }, () => nextChance(words, 0)),
    Array.from({ length: 1000 }, () => published(state)),
  )
  t.equal(nextChance(new Int32Array([1, 2, 3, 4]), 0), 11520)
})

t.test('the same seed and stream give the same draws, and the state is all in the words', async (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.nat(1000), (seed, stream) => {
      const words = new Int32Array(16)
      seedChance(words, 4, seed, stream)
      const before = Array.from({ length: 20 }, () => nextChance(words, 4))
      const copy = words.slice()
      const rest = Array.from({ length: 20 }, () => nextChance(words, 4))
      if (Array.from({ length: 20 }, () => nextChance(copy, 4)).join() !== rest.join()) return false
      if (words.subarray(0, 4).some((w) => w !== 0) || words.subarray(8).some((w) => w !== 0)) return false
      return draws(seed, stream, 40).join() === [...before, ...rest].join()
    }),
    { seed: 2, numRuns: 300 },
  )
  t.not(draws(1, 1, 40).join(), draws(1, 2, 40).join())
})

t.test('64 streams of a seed are all different, at any shift of up to 100 draws', async (t) => {
  for (const seed of [0, 1, 42, -1]) {
    const seen = new Map<string, string>()
    for (let stream = 0; stream < 64; stream++) {
      const all = draws(seed, stream, 104)
      for (let shift = 0; shift < 100; shift++) {
        const window = all.slice(shift, shift + 4).join()
        const other = seen.get(window)
        if (other !== undefined) t.fail(`seed ${seed}: stream ${stream} at ${shift} is ${other}`)
        seen.set(window, `stream ${stream} at ${shift}`)
      }
    }
    t.equal(seen.size, 6_400)
  }
})

t.test('neighbouring seeds and neighbouring streams agree in half of their bits', async (t) => {
  const bitsInCommon = (a: readonly number[], b: readonly number[]) =>
    a.reduce((sum, draw, i) => sum + 32 - popCount(draw ^ (b[i] as number)), 0)
  for (const [one, other] of [
    [draws(1, 0, 2000), draws(2, 0, 2000)],
    [draws(1, 0, 2000), draws(1, 1, 2000)],
    [draws(0, 2, 2000), draws(0, 4, 2000)],
  ] as const) {
    const bits = 2000 * 32
    t.ok(Math.abs(bitsInCommon(one, other) - bits / 2) < 5 * Math.sqrt(bits / 4), `${bitsInCommon(one, other)} of ${bits}`)
  }
})

function popCount(word: number): number {
  let bits = 0
  for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) bits++
  return bits
}

t.test('draws below a bound are in it and fair (chi-square)', async (t) => {
  for (const bound of [2, 3, 10, 64, 100, 4096]) {
    const words = new Int32Array(CHANCE_WORDS)
    seedChance(words, 0, 7, bound)
    const values = Array.from({ length: bound * 50 + 50_000 }, () => nextBelow(words, 0, bound))
    t.ok(values.every((value) => Number.isInteger(value) && value >= 0 && value < bound))
    const sum = chiSquare(values, bound)
    t.ok(sum < limit(bound), `${bound}: ${sum.toFixed(1)} below ${limit(bound).toFixed(1)}`)
  }
})

t.test('the check can fail: a die that shows six too often is noticed', async (t) => {
  const words = new Int32Array(CHANCE_WORDS)
  seedChance(words, 0, 7, 6)
  const loaded = Array.from({ length: 50_000 }, () => Math.min(5, nextBelow(words, 0, 120) % 7))
  t.ok(chiSquare(loaded, 6) > limit(6))
})

t.test('pairs of successive draws are fair too', async (t) => {
  const all = draws(3, 3, 200_000)
  const pairs = all.slice(1).map((draw, i) => ((all[i] as number) >>> 28) * 16 + (draw >>> 28))
  t.ok(chiSquare(pairs, 256) < limit(256))
})

t.test('every actor of a machine has two streams of its own, the same in every machine of the seed', async (t) => {
  const streams = (seed: number) => {
    const { task, other } = solo({ cpus: 8, seed })
    return Array.from({ length: 8 }, (_, id) => [CHANCE, NOISE_CHANCE].map((at) => nextChance(task.words, other(id).record + at)))
  }
  t.same(streams(5), streams(5))
  t.equal(new Set(streams(5).flat()).size, 16)
  t.notSame(streams(5), streams(6))
})
