/** Is a rate that is worse than PCT's bound told from one that is not, and do the figures of the table mean what they say? */
import t from 'tap'
import { atMost, quantile, SIGNIFICANCE, soFewHits } from '../../src/bugtable/binomial.ts'

t.test('the probability of so few hits is the sum of its cases', async (t) => {
  t.ok(Math.abs(atMost(0, 3, 0.5) - 1 / 8) < 1e-12)
  t.ok(Math.abs(atMost(1, 3, 0.5) - 4 / 8) < 1e-12)
  t.equal(atMost(3, 3, 0.5), 1)
  t.ok(Math.abs(atMost(0, 100_000, 1e-5) - Math.exp(-1)) < 1e-5, 'also where (1 - p)^n needs logarithms')
})

t.test('a rate at the bound passes, one at a third of it does not', async (t) => {
  const bound = 1 / 1000
  t.ok(soFewHits(20, 20_000, 0, bound) > SIGNIFICANCE)
  t.ok(soFewHits(20, 60_000, 0, bound) < SIGNIFICANCE)
  t.ok(soFewHits(0, 5_000, 20, bound) < SIGNIFICANCE, 'and never found is worse, if it was looked for long enough')
  t.ok(soFewHits(0, 500, 20, bound) > SIGNIFICANCE, 'which 500 schedules are not')
})

t.test('the last schedule of a search that went on until it hit is no evidence', async (t) => {
  t.equal(soFewHits(1, 1, 0, 0.25), 0 + atMost(0, 0, 0.25))
  t.ok(soFewHits(3, 30, 0, 0.25) < atMost(3, 30, 0.25))
})

t.test('a median of 20 seeds is the 10th, a 95th percentile the 19th', async (t) => {
  const values = Array.from({ length: 20 }, (_, i) => 20 - i)
  t.equal(quantile(values, 0.5), 10)
  t.equal(quantile(values, 0.95), 19)
  t.equal(quantile([3, Number.POSITIVE_INFINITY], 0.95), Number.POSITIVE_INFINITY)
})
