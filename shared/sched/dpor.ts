/**
 * Dynamic partial-order reduction (Flanagan and Godefroid, "Dynamic partial-order reduction for model checking software", POPL
 * 2005), with sleep sets (Godefroid, 1996): a depth-first search over all schedules that leaves out those which differ only in
 * the order of accesses that do not meet. When it is exhausted, every behaviour was seen, whatever the number of preemptions.
 *
 * Two accesses meet when they are to the same word and one of them writes. An actor that sleeps stands in front of an access to its
 * park word, one that spins in front of a read of the word it waits for. Plain accesses are taken to be what they claim:
 * ordered by a lock or behind a point.
 *
 *   strategy's words: a stack with one entry for each decision
 *   word   0        1        2         3          4 ...
 *        +--------+--------+---------+----------+-------------------------------------------------------+
 *        | DEPTH  | PLACE  | ASLEEP  | REDUNDANT| entries: ENABLED CHOSEN KIND AT BACKTRACK DONE SLEEP   |
 *        +--------+--------+---------+----------+-------------------------------------------------------+
 *
 *   DEPTH      entries that are followed. PLACE: decisions taken in the running schedule.
 *   ASLEEP     the sleep set of the next decision: what was explored before, and met nothing since.
 *   REDUNDANT  1: all that could move was asleep: this schedule ends like one that was seen. It runs on, and counts for nothing.
 *   KIND, AT   the access that the chosen actor stood in front of.
 *   BACKTRACK  actors to be tried there; DONE: those that were. SLEEP: the sleep set on arrival.
 */
import { regionAt } from '../memory/regions.ts'
import { LINE_WORDS, type Words } from '../memory/words.ts'
import { actorLineAt, EXHAUSTED, NEXT_AT, NEXT_KIND, STRATEGY_WORDS, strategyAt } from '../seam/batonword.ts'
import type { Scheduler } from '../seam/control.ts'
import { InvariantError } from '../seam/error.ts'
import { POINT_LOAD } from '../seam/point.ts'
import { has, lowest, stay } from './bits.ts'

const DEPTH = 0
const PLACE = 1
const ASLEEP = 2
const REDUNDANT = 3
const ENTRIES = 4

const ENABLED = 0
const CHOSEN = 1
const KIND = 2
const AT = 3
const BACKTRACK = 4
const DONE = 5
const SLEEP = 6
const ENTRY_WORDS = 7
const MAX_DEPTH = Math.floor((STRATEGY_WORDS - ENTRIES) / ENTRY_WORDS)

/** Makes the search. */
export function dporScheduler(words: Words): Scheduler {
  const own = strategyAt(words)
  const lines = actorLineAt(words, 0)

  /** Those of `actors` whose next access does not meet the next access of `chosen`. */
  function undisturbed(actors: number, chosen: number): number {
    const line = lines + chosen * LINE_WORDS
    let rest = actors & ~(1 << chosen)
    for (let set = rest; set !== 0; set &= set - 1) {
      const other = lowest(set)
      const theirs = lines + other * LINE_WORDS
      if (meet(words[line + NEXT_KIND], words[line + NEXT_AT], words[theirs + NEXT_KIND], words[theirs + NEXT_AT]))
        rest &= ~(1 << other)
    }
    return rest
  }

  return {
    begin() {
      words[own + PLACE] = 0
      words[own + ASLEEP] = 0
      words[own + REDUNDANT] = 0
    },
    choose(enabled, current) {
      if (words[own + REDUNDANT] === 1) return stay(enabled, current)
      const place = words[own + PLACE] as number
      if (place >= MAX_DEPTH) throw new InvariantError(`a search with reduction has at most ${MAX_DEPTH} decisions in a schedule`)
      const entry = own + ENTRIES + place * ENTRY_WORDS
      if (place >= (words[own + DEPTH] as number)) {
        const sleep = words[own + ASLEEP] as number
        const options = enabled & ~sleep
        if (options === 0) {
          words[own + REDUNDANT] = 1
          return stay(enabled, current)
        }
        const first = stay(options, current)
        words[entry + CHOSEN] = first
        words[entry + BACKTRACK] = 1 << first
        words[entry + DONE] = 0
        words[entry + SLEEP] = sleep
        words[own + DEPTH] = place + 1
      }
      const chosen = words[entry + CHOSEN] as number
      const line = lines + chosen * LINE_WORDS
      words[entry + ENABLED] = enabled
      words[entry + KIND] = words[line + NEXT_KIND] as number
      words[entry + AT] = words[line + NEXT_AT] as number
      words[own + PLACE] = place + 1
      words[own + ASLEEP] = undisturbed((words[entry + SLEEP] as number) | (words[entry + DONE] as number), chosen)
      return chosen
    },
  }
}

/** Decisions of the schedule that is over. */
export function dporDepth(words: Words): number {
  return words[strategyAt(words) + PLACE] as number
}

/** Looks for accesses that met in the schedule that is over, and goes to the next one. Conductor, between two schedules. */
export function dporAdvance(words: Words): void {
  const own = strategyAt(words)
  addBacktracks(words)
  for (let depth = words[own + DEPTH] as number; depth > 0; depth--) {
    const entry = own + ENTRIES + (depth - 1) * ENTRY_WORDS
    const done = (words[entry + DONE] as number) | (1 << (words[entry + CHOSEN] as number))
    words[entry + DONE] = done
    const left = (words[entry + BACKTRACK] as number) & ~done & ~(words[entry + SLEEP] as number)
    if (left === 0) continue
    words[entry + CHOSEN] = lowest(left)
    words[own + DEPTH] = depth
    return
  }
  words[own + DEPTH] = 0
  words[regionAt(words, 'scheduler') + EXHAUSTED] = 1
}

function meet(
  kind: number | undefined,
  at: number | undefined,
  otherKind: number | undefined,
  otherAt: number | undefined,
): boolean {
  return at === otherAt && kind !== 0 && otherKind !== 0 && !(kind === POINT_LOAD && otherKind === POINT_LOAD)
}

/**
 * For every two accesses that met and that nothing else put in order, the other order has to be tried: the later actor is to move
 * where the earlier one did. Order is told by vector clocks: for each actor, how much of every other's past it has seen.
 */
function addBacktracks(words: Words): void {
  const own = strategyAt(words)
  const clocks: number[][] = []
  const latest = new Map<number, number[]>()
  const byWord = new Map<number, number[]>()
  for (let i = 0; i < (words[own + DEPTH] as number); i++) {
    const entry = own + ENTRIES + i * ENTRY_WORDS
    const actor = words[entry + CHOSEN] as number
    const kind = words[entry + KIND] as number
    const at = words[entry + AT] as number
    const clock = [...(latest.get(actor) ?? [])]
    const before = byWord.get(at) ?? []
    byWord.set(at, before)
    for (let n = before.length - 1; n >= 0; n--) {
      const j = before[n] as number
      const earlier = own + ENTRIES + j * ENTRY_WORDS
      if (!meet(kind, at, words[earlier + KIND], words[earlier + AT])) continue
      const other = words[earlier + CHOSEN] as number
      // Where it could not move, it was waiting for just this: there is no other order.
      if (other !== actor && (clock[other] ?? -1) < j && has(words[earlier + ENABLED] as number, actor)) {
        words[earlier + BACKTRACK] = (words[earlier + BACKTRACK] as number) | (1 << actor)
      }
      join(clock, clocks[j] as number[])
    }
    clock[actor] = i
    clocks.push(clock)
    latest.set(actor, clock)
    before.push(i)
  }
}

function join(clock: number[], other: readonly number[]): void {
  for (let actor = 0; actor < other.length; actor++) clock[actor] = Math.max(clock[actor] ?? -1, other[actor] ?? -1)
}
