/**
 * Is a rate of hits worse than a bound? One-sided, and exact: how likely are so few hits in so many schedules if each hit with a
 * probability of the bound?
 */

/** Below this the rate counts as worse than the bound. */
export const SIGNIFICANCE = 0.05

/** The probability of at most `hits` hits in `trials` trials that each hit with probability `p`. */
export function atMost(hits: number, trials: number, p: number): number {
  if (hits < 0) return 0
  if (hits >= trials || p <= 0) return 1
  if (p >= 1) return 0
  let sum = 0
  // In logarithms: (1 - p)^trials is 0 as a number long before it is as a fact.
  let term = trials * Math.log1p(-p)
  for (let i = 0; i <= hits; i++) {
    sum += Math.exp(term)
    term += Math.log((trials - i) / (i + 1)) + Math.log(p) - Math.log1p(-p)
  }
  return Math.min(1, sum)
}

/**
 * The same for a search that went on until `hits` hits were there: the last schedule is a hit by design, so it says nothing.
 * `missed` searches ended without one.
 */
export function soFewHits(hits: number, schedules: number, missed: number, bound: number): number {
  return missed === 0 ? atMost(hits - 1, schedules - 1, bound) : atMost(hits, schedules, bound)
}

/** The value at or below which a share of `q` of `values` lies (nearest rank). Infinity stands for a search that found nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] as number
}
