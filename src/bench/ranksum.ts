/**
 * The Mann-Whitney test, exact: could two samples have come from the same? It looks at ranks alone, so one odd value counts for no more
 * than its place, and it asks for no shape of a distribution.
 */

/**
 * Probability that ranks are parted at least as far as these are, either way, when nothing but chance deals them. Equal values share
 * their ranks, and the distribution is that of the ranks shared.
 */
export function rankSumP(a: readonly number[], b: readonly number[]): number {
  if (a.length === 0 || b.length === 0) return 1
  const ranks = doubledRanks([...a, ...b])
  const total = ranks.reduce((sum, rank) => sum + rank, 0)
  const observed = ranks.slice(0, a.length).reduce((sum, rank) => sum + rank, 0)
  // ways[k][s]: in how many ways k of the ranks have the sum s.
  const ways = Array.from({ length: a.length + 1 }, () => new Float64Array(total + 1))
  ;(ways[0] as Float64Array)[0] = 1
  for (const rank of ranks) {
    for (let k = a.length; k > 0; k--) {
      const [fewer, these] = [ways[k - 1] as Float64Array, ways[k] as Float64Array]
      for (let sum = rank; sum <= total; sum++) these[sum] = (these[sum] as number) + (fewer[sum - rank] as number)
    }
  }
  const expected = (total * a.length) / ranks.length
  let all = 0
  let far = 0
  for (const [sum, count] of (ways[a.length] as Float64Array).entries()) {
    all += count
    if (Math.abs(sum - expected) >= Math.abs(observed - expected) - 1e-9) far += count
  }
  return far / all
}

/** The smallest that rankSumP can be for samples of these sizes. */
export function smallestP(a: number, b: number): number {
  const values = Array.from({ length: a + b }, (_, i) => i)
  return rankSumP(values.slice(0, a), values.slice(a))
}

/** Twice the rank of each value, so that shared ranks are whole. */
function doubledRanks(values: readonly number[]): number[] {
  return values.map((value) => {
    const below = values.filter((one) => one < value).length
    const equal = values.filter((one) => one === value).length
    return 2 * below + equal + 1
  })
}
