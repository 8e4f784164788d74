/**
 * PCT, probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi and Nagarakatte, "A randomized scheduler with
 * probabilistic guarantees of finding bugs", ASPLOS 2010). Every actor has a priority drawn at random, and the highest one that
 * can move moves. At d - 1 steps drawn at random among k, the actor that would move falls below all others. A bug that needs
 * d ordering constraints is found by one schedule with a probability of at least 1 / (n * k^(d-1)).
 *
 *   strategy's words
 *   word   0          1 .. 30         31        32 ...
 *        +----------+---------------+---------+------------------------------------+
 *        | NEXT     | PRIORITY[i]   | LOWEST  | CHANGES: d - 1 steps in order      |
 *        +----------+---------------+---------+------------------------------------+
 *
 * k is the length of the schedule without preemptions, which is always run first: so a schedule depends on seed and number
 * alone, not on those before it.
 */
import { regionAt } from '../memory/regions.ts'
import type { Words } from '../memory/words.ts'
import { BASE_STEPS, RUN_CHANCE, SCHEDULE, STEP, strategyAt } from '../seam/batonword.ts'
import { nextBelow } from '../seam/chance.ts'
import type { Scheduler } from '../seam/control.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import { stay } from './bits.ts'

/** Number of the schedule without preemptions, which is run before all others. */
export const BASELINE = -1

const NEXT = 0
const PRIORITY = 1
const LOWEST = 31
const CHANGES = 32

/** Makes a scheduler of depth `depth`, at least 1. */
export function pctScheduler(words: Words, depth: number): Scheduler {
  const header = regionAt(words, 'scheduler')
  const own = strategyAt(words)
  const chance = header + RUN_CHANCE
  const actors = (words[ACTOR_COUNT_AT] as number) - 1
  const changes = depth - 1

  function highest(enabled: number): number {
    let best = -1
    let priority = -(2 ** 31)
    for (let rest = enabled; rest !== 0; rest &= rest - 1) {
      const actor = 31 - Math.clz32(rest & -rest)
      if ((words[own + PRIORITY + actor] as number) <= priority) continue
      best = actor
      priority = words[own + PRIORITY + actor] as number
    }
    return best
  }

  return {
    begin() {
      words[own + NEXT] = 0
      words[own + LOWEST] = 0
      // A random order of d, d + 1, ... : above all that a change point gives.
      for (let i = 0; i < actors; i++) words[own + PRIORITY + i] = depth + i
      for (let i = actors - 1; i > 0; i--) {
        const j = nextBelow(words, chance, i + 1)
        const other = words[own + PRIORITY + j] as number
        words[own + PRIORITY + j] = words[own + PRIORITY + i] as number
        words[own + PRIORITY + i] = other
      }
      const steps = Math.max(1, words[header + BASE_STEPS] as number)
      for (let i = 0; i < changes; i++) words[own + CHANGES + i] = nextBelow(words, chance, steps)
      words.subarray(own + CHANGES, own + CHANGES + changes).sort()
    },
    giveWay(actor) {
      words[own + LOWEST] = (words[own + LOWEST] as number) - 1
      words[own + PRIORITY + actor] = words[own + LOWEST] as number
    },
    choose(enabled, current) {
      if (words[header + SCHEDULE] === BASELINE) return stay(enabled, current)
      let best = highest(enabled)
      // The paper's change points are numbered: the i-th gives priority d - i, so a later one falls lower.
      while ((words[own + NEXT] as number) < changes) {
        const next = words[own + NEXT] as number
        if ((words[own + CHANGES + next] as number) > (words[header + STEP] as number)) break
        words[own + NEXT] = next + 1
        words[own + PRIORITY + best] = changes - next
        best = highest(enabled)
      }
      return best
    },
  }
}

/** Change points that the schedule met: the others lay behind its end. */
export function pctChanges(words: Words): number {
  return words[strategyAt(words) + NEXT] as number
}

/** The paper's bound: the least probability that one schedule finds a bug of depth `depth`. */
export function pctBound(actors: number, steps: number, depth: number): number {
  return 1 / (actors * steps ** (depth - 1))
}
