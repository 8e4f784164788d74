/** What a clean search is worth, in a sentence: it was bounded, and that is said wherever it is reported. */

/** `bound`: probability with which one schedule finds a bug of the depth that was searched for. */
export function boundInWords(bound: number): string {
  return `a bug of this depth is found by one schedule with a probability of at least ${bound.toExponential(1)}`
}

/** How likely it is that `schedules` of them miss one that is there. */
export function missedInWords(bound: number, schedules: number): string {
  return `one that is there was missed with at most ${((1 - bound) ** schedules).toPrecision(3)}`
}
