/** Does the map of the buffer hold every region once, in order, aligned, and refuse what does not fit? */
import fc from 'fast-check'
import t from 'tap'
import {
  createBuffer,
  createRegions,
  hasRegions,
  REGION,
  type RegionName,
  type RegionSizes,
  RUN_AT,
  RUN_WORDS,
  regionAt,
  regionWords,
  SUPER_WORDS,
  wordsNeeded,
} from '../../shared/memory/regions.ts'
import { count, LINE_WORDS, lineAligned, PAGE_BYTES, PAGE_WORDS, WORD_BYTES } from '../../shared/memory/words.ts'

const NAMES = Object.keys(REGION) as RegionName[]

/** Sizes with `words(i)` words in region i. */
function sizes(words: (index: number) => number): RegionSizes {
  return Object.fromEntries(NAMES.map((name, i) => [name, words(i)])) as Record<RegionName, number>
}

function laidOut(of: RegionSizes): Int32Array {
  const words = new Int32Array(new SharedArrayBuffer(wordsNeeded(of) * WORD_BYTES))
  createRegions(words, of)
  return words
}

t.test('regions lie in the order of their numbers, on whole lines, without overlap, behind the superblock', async (t) => {
  t.same(
    NAMES.map((name) => REGION[name]),
    NAMES.map((_, i) => i),
  )
  fc.assert(
    fc.property(fc.array(fc.nat(5000), { minLength: NAMES.length, maxLength: NAMES.length }), (amounts) => {
      const of = sizes((i) => amounts[i] as number)
      const words = laidOut(of)
      let end = SUPER_WORDS
      for (const name of NAMES) {
        const at = regionAt(words, name)
        if (at < end || at % LINE_WORDS !== 0) throw new Error(`${name} at ${at}, the one before ends at ${end}`)
        if (name !== 'bytes' && at - end >= LINE_WORDS) throw new Error(`${name} leaves a hole of ${at - end} words`)
        if (regionWords(words, name) !== of[name]) throw new Error(`${name} has ${regionWords(words, name)} words`)
        end = at + of[name]
      }
      return end <= wordsNeeded(of) && wordsNeeded(of) - end < LINE_WORDS && regionAt(words, 'bytes') % PAGE_WORDS === 0
    }),
    { seed: 1, numRuns: 200 },
  )
})

t.test('a buffer one word too small is refused, with both sizes in the message', async (t) => {
  const of = sizes((i) => 16 * (i + 1))
  const needed = wordsNeeded(of)
  t.doesNotThrow(() => createRegions(new Int32Array(needed), of))
  const short = new Int32Array(needed - 1)
  t.throws(() => createRegions(short, of), {
    name: 'RangeError',
    message: `regions need ${needed * 4} bytes, the buffer has ${needed * 4 - 4}`,
  })
  t.equal(hasRegions(short), false, 'and nothing was written to it')
})

t.test('only a buffer with a superblock has regions', async (t) => {
  const words = new Int32Array(wordsNeeded(sizes(() => 0)))
  t.equal(hasRegions(words), false)
  createRegions(
    words,
    sizes(() => 0),
  )
  t.equal(hasRegions(words), true)
})

t.test('the table of regions ends before the words that a run may change', async (t) => {
  const words = laidOut(sizes(() => LINE_WORDS))
  t.ok(words.subarray(0, RUN_AT).some((word) => word !== 0))
  t.ok(words.subarray(RUN_AT).every((word) => word === 0))
  t.equal(RUN_AT % LINE_WORDS, 0)
  t.equal(SUPER_WORDS, RUN_AT + RUN_WORDS)
})

t.test('empty regions take no room and still have a place', async (t) => {
  const words = laidOut(sizes((i) => (i === REGION.heap ? 100 : 0)))
  t.equal(regionWords(words, 'histograms'), 0)
  t.equal(regionAt(words, 'heap'), SUPER_WORDS)
  t.equal(regionAt(words, 'frames'), SUPER_WORDS + lineAligned(100))
})

t.test('a buffer is shared, zeroed, and at least as large as asked for', async (t) => {
  for (const bytes of [256 * 1024, 256 * 1024 + 1, 1024 * 1024]) {
    const buffer = createBuffer(bytes)
    t.ok(buffer instanceof SharedArrayBuffer)
    t.ok(buffer.byteLength >= bytes && buffer.byteLength < bytes + 65536)
    t.ok(new Int32Array(buffer).every((word) => word === 0))
  }
})

t.test('units: lines, pages and counts', async (t) => {
  t.same([0, 1, 16, 17].map(lineAligned), [0, 16, 16, 32])
  t.equal(LINE_WORDS * WORD_BYTES, 64)
  t.equal(PAGE_WORDS * WORD_BYTES, PAGE_BYTES)
  t.same(count(3, 6), [3, 4, 5])
  t.same(count(3, 3), [])
  t.same(count(3, 1), [])
})
