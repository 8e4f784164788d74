/** Do all shards together have every schedule once? For any number of subjects, schedules and shards. */
import fc from 'fast-check'
import t from 'tap'
import { numberAt, type Part, partsOf, piece, pieces, placeOf } from '../../src/explore/plan.ts'

const RANDOM = { name: 'random' } as const

function places(parts: readonly Part[]): string[] {
  return parts.flatMap(({ subject, first, count }) => Array.from({ length: count }, (_, i) => `${subject}:${first + i}`))
}

t.test('the union of the shards is the whole, in order, and no shard has two schedules more than another', (t) => {
  const small = fc.integer({ min: 1, max: 12 })
  fc.assert(
    fc.property(small, small, small, (subjects, schedules, of) => {
      const whole = places(partsOf(subjects, schedules, RANDOM, { index: 0, of: 1 }))
      const shards = Array.from({ length: of }, (_, index) => places(partsOf(subjects, schedules, RANDOM, { index, of })))
      const sizes = shards.map(({ length }) => length)
      return (
        whole.length === subjects * schedules &&
        new Set(whole).size === whole.length &&
        shards.flat().join() === whole.join() &&
        Math.max(...sizes) - Math.min(...sizes) <= 1
      )
    }),
    { seed: 1 },
  )
  t.end()
})

t.test('a campaign of any size: nothing is lost to rounding', (t) => {
  const of = 999_983
  const last = partsOf(1000, 2 ** 31 - 1, RANDOM, { index: of - 1, of }).at(-1) as Part
  t.match(last, { subject: 999 })
  t.equal(last.first + last.count, 2 ** 31 - 1)
  t.end()
})

t.test('the pieces of a part are the part', (t) => {
  const part = { subject: 3, first: 7, count: 25 }
  const all = Array.from({ length: pieces(part, 10) }, (_, i) => piece(part, 10, i))
  t.same(places(all), places([part]))
  t.end()
})

t.test('a depth-first search is not split, its scenarios are', (t) => {
  t.throws(() => partsOf(1, 100, { name: 'dfs' }, { index: 0, of: 2 }), { code: 'HMM_ERR_USAGE' })
  const shards = [0, 1].flatMap((index) => partsOf(3, 100, { name: 'dpor' }, { index, of: 2 }))
  t.same(
    shards,
    [0, 1, 2].map((subject) => ({ subject, first: 0, count: 100 })),
  )
  t.end()
})

t.test('PCT begins with the schedule without preemptions, whose number is -1', (t) => {
  t.same(
    [0, 1].map((place) => numberAt({ name: 'pct' }, place)),
    [-1, 0],
  )
  for (const name of ['pct', 'random'] as const) t.equal(placeOf({ name }, numberAt({ name }, 41)), 41)
  t.end()
})
