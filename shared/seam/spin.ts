/**
 * Spinning before sleeping: for as long as it has lately paid. Who falls asleep and is woken has lost 5 to 10 us, and so has its waker;
 * who looks for that long and is answered in time has saved them. But where the awaited thread needs this very core, because the host
 * has given the others away, every look only keeps the answer from coming. The number of actors that are awake cannot tell that; how
 * it went the last times can.
 *
 *   answered while it looked      the budget becomes four times what that took, at least what it was, at most MOST_NS
 *   not answered                  the budget is halved; below LEAST_NS it is none
 *   every TRIAL-th such time      MOST_NS once: the host may have a core to spare again
 *
 * Each kind of wait (seam/park.ts) has a budget of its own: for work one waits longer than for an answer. Budgets are the thread's, not
 * the machine's: nothing depends on them but time. In a controlled run no core is ever free, and nobody spins.
 */
import type { WordAt } from '../memory/words.ts'
import { AWAKE_AT, CORES_AT } from './superblock.ts'
import type { Task } from './task.ts'

/** About two spin round trips between two threads: who may look for less than that need not look. */
const LEAST_NS = 1_000
/** An answer from a thread that has to be woken on another core, which sleeps too: 20 us on a virtual machine, and some work. */
const MOST_NS = 40_000
const ANSWER_SHARE = 4
/** MOST_NS every so many misses is a third of a microsecond for each of them. */
const TRIAL = 128
/** Looks at a word between two looks at the clock, which takes as long as ten of them. */
const LOOKS = 16

/** How long a thread spins in one kind of wait. */
export interface SpinBudget {
  ns: number
  misses: number
}

/** A budget for each kind of wait. */
export function spinBudgets(kinds: number): SpinBudget[] {
  return Array.from({ length: kinds }, () => ({ ns: MOST_NS, misses: 0 }))
}

/** True while no more actors are awake than there are cores, so that spinning takes time from no other actor. */
export function coreIsFree(task: Task): boolean {
  return Atomics.load(task.words, AWAKE_AT) <= (task.words[CORES_AT] as number)
}

/** Looks at a word while it is `value` and a core is free, for as long as that pays in this kind of wait. True: it is not any more. */
export function spinWhile(task: Task, kind: number, at: WordAt, value: number): boolean {
  if (Atomics.load(task.words, at) !== value) return true
  const budget = task.spins[kind]
  if (budget === undefined || !coreIsFree(task)) return false
  const most = budget.misses % TRIAL === TRIAL - 1 ? MOST_NS : budget.ns
  if (most >= LEAST_NS && answered(task, at, value, budget, most)) return true
  budget.ns = budget.ns < LEAST_NS ? 0 : budget.ns / 2
  budget.misses++
  return false
}

function answered(task: Task, at: WordAt, value: number, budget: SpinBudget, most: number): boolean {
  const since = task.nowNs()
  for (let passed = 0; passed < most && coreIsFree(task); passed = task.nowNs() - since) {
    for (let looks = 0; looks < LOOKS; looks++) {
      if (Atomics.load(task.words, at) === value) continue
      budget.ns = Math.min(MOST_NS, Math.max(budget.ns, LEAST_NS, ANSWER_SHARE * (task.nowNs() - since)))
      budget.misses = 0
      return true
    }
  }
  return false
}
