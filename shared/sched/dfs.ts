/**
 * Depth-first search with a bound on preemptions (Musuvathi and Qadeer, "Iterative context bounding for systematic testing of
 * multithreaded programs", PLDI 2007). Every schedule with at most that many switches away from an actor that could have gone
 * on is run once; when all were, the search says so. Most bugs need one or two preemptions.
 *
 *   strategy's words: a stack with one entry for each decision that had more than one outcome
 *   word   0        1        2 ...
 *        +--------+--------+-----------------------------------------+
 *        | DEPTH  | PLACE  | entries: UNTRIED bits, CHOSEN actor      |
 *        +--------+--------+-----------------------------------------+
 *
 *   DEPTH     entries on the stack. Kept from one schedule to the next.
 *   PLACE     decisions taken in the running schedule. Below DEPTH the stack is followed, from there on it grows.
 *   UNTRIED   actors that were enabled there, affordable, and have not been chosen yet.
 *
 * A decision with one outcome is not on the stack. Going on with the actor that moves is always tried first.
 */
import { regionAt } from '../memory/regions.ts'
import type { Words } from '../memory/words.ts'
import { EXHAUSTED, PREEMPTIONS, STRATEGY_WORDS, strategyAt } from '../seam/batonword.ts'
import type { Scheduler } from '../seam/control.ts'
import { InvariantError } from '../seam/error.ts'
import { has, lowest, stay } from './bits.ts'

const DEPTH = 0
const PLACE = 1
const ENTRIES = 2
const MAX_DEPTH = (STRATEGY_WORDS - ENTRIES) >>> 1

/** Makes the search with at most `bound` preemptions a schedule. */
export function dfsScheduler(words: Words, bound: number): Scheduler {
  const header = regionAt(words, 'scheduler')
  const own = strategyAt(words)

  /** What may be chosen here: staying is free, leaving an actor that could go on costs a preemption. */
  function affordable(enabled: number, current: number): number {
    if (!has(enabled, current)) return enabled
    return (words[header + PREEMPTIONS] as number) < bound ? enabled : 1 << current
  }

  return {
    begin() {
      words[own + PLACE] = 0
    },
    choose(enabled, current) {
      const options = affordable(enabled, current)
      if ((options & (options - 1)) === 0) return lowest(options)
      const place = words[own + PLACE] as number
      const entry = own + ENTRIES + place * 2
      words[own + PLACE] = place + 1
      if (place < (words[own + DEPTH] as number)) return words[entry + 1] as number
      if (place >= MAX_DEPTH) throw new InvariantError(`a depth-first search has at most ${MAX_DEPTH} decisions in a schedule`)
      const chosen = stay(options, current)
      words[entry] = options & ~(1 << chosen)
      words[entry + 1] = chosen
      words[own + DEPTH] = place + 1
      return chosen
    },
  }
}

/** Decisions of the schedule that is over. */
export function dfsDepth(words: Words): number {
  return words[strategyAt(words) + PLACE] as number
}

/** Goes to the next schedule: the last decision with something left untried takes it. Conductor, between two schedules. */
export function dfsAdvance(words: Words): void {
  const own = strategyAt(words)
  for (let depth = words[own + DEPTH] as number; depth > 0; depth--) {
    const entry = own + ENTRIES + (depth - 1) * 2
    const untried = words[entry] as number
    if (untried === 0) continue
    const chosen = lowest(untried)
    words[entry] = untried & ~(1 << chosen)
    words[entry + 1] = chosen
    words[own + DEPTH] = depth
    return
  }
  words[own + DEPTH] = 0
  words[regionAt(words, 'scheduler') + EXHAUSTED] = 1
}
