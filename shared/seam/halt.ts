/**
 * Halting. One word stops the machine: HALT. It is written once, by whoever finds the reason first; every other actor
 * notices it the next time it takes a step that can wait (`tick`, `park`, `relax`) and unwinds with HaltSignal, which only
 * the actor loop catches. A halted machine is never resumed: locks stay as they are and unlocking does nothing, so no
 * `finally` has to be written for it.
 *
 *   HALT   0 (running)  --cas-->  cause << 8 | actor + 1 (halted; never changes again)
 */

import type { Words } from '../memory/words.ts'
import { actorAt, PARK } from './actors.ts'
import { giveBaton, isControllable } from './batonword.ts'
import { PARK_TOKEN } from './parkword.ts'
import { ACTOR_COUNT_AT, HALT_AT } from './superblock.ts'

/** Why a machine stopped. `finished` is the ordinary end of a run: nothing went wrong. */
export const HALT_CAUSE = { finished: 1, violation: 2, failure: 3, died: 4, hung: 5, interrupted: 6 } as const
export type HaltCause = keyof typeof HALT_CAUSE
const CAUSES = Object.entries(HALT_CAUSE) as [HaltCause, number][]

/** Unwinds an actor of a halted machine. Not an error: nobody but the actor loop may catch it. */
export class HaltSignal {
  readonly name = 'HaltSignal'
}

/**
 * Stops the machine. Returns true for the caller that came first and so decided the cause; that one owes the report.
 * `actor` is the number of the actor at fault (or of the reporter), -1 when it is the booting thread.
 */
export function haltMachine(words: Words, cause: HaltCause, actor: number): boolean {
  const first = Atomics.compareExchange(words, HALT_AT, 0, (HALT_CAUSE[cause] << 8) | (actor + 1)) === 0
  // Whoever sleeps must see it: leave a token on every park word, then notify. Tokens are harmless to a halted machine.
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number); id++) {
    const park = actorAt(words, id) + PARK
    Atomics.store(words, park, PARK_TOKEN)
    Atomics.notify(words, park)
    if (isControllable(words)) giveBaton(words, id)
  }
  return first
}

/** The cause and the actor number of a halted machine, or null while it runs. */
export function haltState(words: Words): { cause: HaltCause; actor: number } | null {
  const word = Atomics.load(words, HALT_AT)
  if (word === 0) return null
  const cause = CAUSES.find(([, value]) => value === word >> 8)?.[0] ?? 'failure'
  return { cause, actor: (word & 255) - 1 }
}
