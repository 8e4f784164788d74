/**
 * Strategies by name, and what each is told. A strategy is made anew in every worker; all it knows between two decisions is
 * in the buffer, in the scheduler region.
 */
import type { Words } from '../memory/words.ts'
import type { Scheduler } from '../seam/control.ts'
import { dfsAdvance, dfsDepth, dfsScheduler } from './dfs.ts'
import { dporAdvance, dporDepth, dporScheduler } from './dpor.ts'
import { pctChanges, pctScheduler } from './pct.ts'
import { randomScheduler } from './random.ts'
import { replayScheduler } from './replay.ts'

export type StrategyName = 'random' | 'pct' | 'dfs' | 'dpor' | 'replay'

export interface Strategy {
  readonly name: StrategyName
  /** Of all chance; with the number of a schedule it decides that schedule. */
  readonly seed: number
  /** pct: ordering constraints that a schedule can meet. */
  readonly depth: number
  /** dfs: most switches away from an actor that could have gone on. */
  readonly preemptions: number
  /** replay: follow the segments loosely, going on without preemption where they do not fit. */
  readonly loose: boolean
}

/**
 * Is the schedule without preemptions run before all others? A depth-first search begins with it anyway; a replay is one schedule, whose
 * limits are known.
 */
export function needsBaseline({ name }: Strategy): boolean {
  return name === 'pct' || name === 'random'
}

/** The scheduler of a strategy, over the state in `words`. */
export function makeScheduler(words: Words, strategy: Strategy): Scheduler {
  switch (strategy.name) {
    case 'random':
      return randomScheduler(words)
    case 'pct':
      return pctScheduler(words, strategy.depth)
    case 'dfs':
      return dfsScheduler(words, strategy.preemptions)
    case 'dpor':
      return dporScheduler(words)
    case 'replay':
      return replayScheduler(words, strategy.loose)
  }
}

/** Between two schedules: a search goes on to the next one, or says that there is none. */
export function advance(words: Words, strategy: Strategy): void {
  if (strategy.name === 'dfs') dfsAdvance(words)
  else if (strategy.name === 'dpor') dporAdvance(words)
}

/** How deep the schedule that is over went: change points met (pct), decisions with more than one outcome (dfs, dpor). */
export function depthReached(words: Words, strategy: Strategy): number {
  if (strategy.name === 'pct') return pctChanges(words)
  if (strategy.name === 'dfs') return dfsDepth(words)
  return strategy.name === 'dpor' ? dporDepth(words) : 0
}
