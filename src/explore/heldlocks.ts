/**
 * Who holds which locks after each step. The log notes a lock where the book of held locks is kept (sync/held.ts), which is a moment
 * after the access that took it and a moment before the one that drops it; here each is moved to the access that it belongs to.
 *
 *     step 7    compare-and-exchange of the lock word                          held from here on
 *               noted: taken
 *     step 9    ...
 *               noted: dropped
 *     step 10   exchange of the lock word                                      free from here on
 */
import type { WordAt } from '../../shared/memory/words.ts'
import type { LoggedHold, LoggedStep } from '../../shared/seam/steplog.ts'
import { className } from '../../shared/sync/classes.ts'
import { HELD_CLASS_MASK, HELD_SHARED } from '../../shared/sync/held.ts'

export class HeldLocks {
  /** Taken and dropped, by the step that does it. */
  private readonly byStep = new Map<number, LoggedHold[]>()
  /** Entries of each actor's stack. */
  private readonly stacks = new Map<number, number[]>()

  constructor(steps: readonly LoggedStep[], holds: readonly LoggedHold[]) {
    const changes = changesOf(steps)
    for (const [i, hold] of holds.entries()) {
      const { actor, lock, after, taken } = hold
      const made = changes.get(keyOf(actor, lock)) ?? []
      let step = after
      if (taken) step = made.findLast((one) => one <= after) ?? after
      else {
        // A lock that is not one word, as a grace period, has no change of its own: it counts as dropped at once.
        const again = holds.find((one, j) => j > i && one.taken && one.actor === actor && one.lock === lock)
        const drop = made.find((one) => one > after)
        if (drop !== undefined && (again === undefined || drop <= again.after)) step = drop
      }
      const there = this.byStep.get(step) ?? []
      this.byStep.set(step, there)
      there.push(hold)
    }
  }

  /** The step has been made. True when anybody holds something else than before it. */
  follow(step: number): boolean {
    const holds = this.byStep.get(step)
    if (holds === undefined) return false
    for (const { actor, held, taken } of holds) {
      const stack = this.stacks.get(actor) ?? []
      this.stacks.set(actor, stack)
      if (taken) stack.push(held)
      else if (stack.includes(held)) stack.splice(stack.lastIndexOf(held), 1)
    }
    return true
  }

  /** What an actor holds: `mmap_sem (shared), page-table lock`. */
  inWords(actor: number): string {
    const stack = this.stacks.get(actor) ?? []
    if (stack.length === 0) return 'none'
    return stack.map((held) => `${className(held & HELD_CLASS_MASK)}${(held & HELD_SHARED) === 0 ? '' : ' (shared)'}`).join(', ')
  }
}

function keyOf(actor: number, at: WordAt): string {
  return `${actor} ${at}`
}

/** Steps by which each actor changed each word. */
function changesOf(steps: readonly LoggedStep[]): ReadonlyMap<string, readonly number[]> {
  const changes = new Map<string, number[]>()
  for (const { step, actor, at, before, after } of steps) {
    if (before === after) continue
    const key = keyOf(actor, at)
    const made = changes.get(key)
    if (made === undefined) changes.set(key, [step])
    else made.push(step)
  }
  return changes
}
