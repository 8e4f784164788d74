/**
 * Replay: follows a recorded schedule, segment by segment. A segment is an actor and the number of points that it passes.
 *
 *   strict   every segment must fit; the first that does not sets DIVERGED, and the rest runs without preemptions
 *   loose    for shrinking, where operations or switches were taken out: a segment whose actor cannot move is skipped, one whose
 *            actor stops early ends early; after the last, no preemptions
 *
 *   strategy's words
 *   word   0       1        2 ...
 *        +-------+--------+--------------------------------+
 *        | COUNT | NEXT   | segments x (ACTOR, PASSES)     |
 *        +-------+--------+--------------------------------+
 */
import { regionAt } from '../memory/regions.ts'
import type { Words } from '../memory/words.ts'
import { DIVERGED, PASSES, STEP, STRATEGY_WORDS, strategyAt } from '../seam/batonword.ts'
import type { Scheduler } from '../seam/control.ts'
import { assert } from '../seam/error.ts'
import { has, stay } from './bits.ts'

const COUNT = 0
const NEXT = 1
const SEGMENTS = 2

/** Who moves, and for how many points. */
export type Segment = readonly [actor: number, passes: number]

/** Most segments a replay can follow. */
export const MAX_REPLAY = (STRATEGY_WORDS - SEGMENTS) >>> 1

/** Puts the schedule to follow in its place: before the run, by the booting thread. */
export function loadSchedule(words: Words, schedule: readonly Segment[]): void {
  assert(schedule.length <= MAX_REPLAY, `a schedule to replay has at most ${MAX_REPLAY} segments`)
  const own = strategyAt(words)
  words[own + COUNT] = schedule.length
  schedule.forEach(([actor, passes], i) => {
    words[own + SEGMENTS + i * 2] = actor
    words[own + SEGMENTS + i * 2 + 1] = passes
  })
}

/** Makes the scheduler that follows what loadSchedule left. */
export function replayScheduler(words: Words, loose: boolean): Scheduler {
  const header = regionAt(words, 'scheduler')
  const own = strategyAt(words)

  /** The next segment whose actor can move; in a strict replay it has to be the very next one. */
  function turn(enabled: number, current: number): number {
    for (;;) {
      const next = (words[own + NEXT] as number) + 1
      if (next >= (words[own + COUNT] as number)) {
        words[own + NEXT] = words[own + COUNT] as number
        if (!loose) diverge()
        return stay(enabled, current)
      }
      words[own + NEXT] = next
      const actor = words[own + SEGMENTS + next * 2] as number
      if (has(enabled, actor)) return actor
      if (!loose) {
        diverge()
        return stay(enabled, current)
      }
    }
  }

  function diverge(): void {
    if (words[header + DIVERGED] === 0) words[header + DIVERGED] = (words[header + STEP] as number) + 1
    words[own + NEXT] = words[own + COUNT] as number
  }

  return {
    begin() {
      words[own + NEXT] = -1
    },
    choose(enabled, current) {
      const next = words[own + NEXT] as number
      if (next >= (words[own + COUNT] as number)) return stay(enabled, current)
      if (next < 0) return turn(enabled, current)
      if ((words[header + PASSES] as number) < (words[own + SEGMENTS + next * 2 + 1] as number)) {
        if (has(enabled, current)) return current
        if (!loose) {
          diverge() // it stopped before the recorded schedule did
          return stay(enabled, current)
        }
      }
      return turn(enabled, current)
    },
  }
}
