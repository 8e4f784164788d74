/**
 * DLK, the deadlock oracle of a free run: a cycle of published waits, seen twice with no step of any of its actors between.
 * The booting thread looks; it takes no part and stops nobody.
 *
 *   actor waits for        held by
 *   lock, rwsem            whoever has it on its stack of held locks; without checks, the owner word's actor
 *   invalidation end       actors with an open window on that address space
 *   dispatch               the dispatcher that serves the slot
 *   replay                 the device's service
 *   backoff                actors with a device fault in progress on that address space
 *   shootdown              the actor that is inside
 *   grace period           actors inside an rcu section, or an srcu section of that domain
 *
 * A dispatcher that serves a request holds what its origin holds: the origin waits for it, so the cycle closes through it.
 */
import { DEVICE_WORDS, deviceAt, deviceEngine, deviceService } from '../device/record.ts'
import { faultActors } from '../hmm/activefault.ts'
import type { Hmm } from '../hmm/eventhmm.ts'
import { dispatcherOf } from '../notifier/dispatch.ts'
import { mmSubscriptions } from '../notifier/mmhead.ts'
import { rangeMm, windowsOf } from '../notifier/windows.ts'
import { ACTOR_WORDS, actorAt, HELD, HELD_COUNT, PHASE, PHASE_WAITING, RCU, STEPS, WAIT_KIND, WAIT_ON } from '../seam/actors.ts'
import { quietLoad } from '../seam/atomics.ts'
import { WAIT, WAIT_NAMES } from '../seam/park.ts'
import { ACTOR_COUNT_AT, RCU_EPOCH_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { describeActor } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'
import { ownerOf } from '../sync/ownerword.ts'

/** Actors in one cycle, with their heartbeat when it was seen. */
export interface WaitCycle {
  readonly actors: readonly number[]
  readonly steps: readonly number[]
}

/** A cycle of waits as it is published now, or null. It may be over already: compare with a second look. */
export function findCycle(task: Task): WaitCycle | null {
  const count = task.words[ACTOR_COUNT_AT] as number
  const edges = Array.from({ length: count }, (_, id) => blockers(task, id))
  for (let start = 0; start < count; start++) {
    const actors = cycleThrough(edges, start, [start])
    if (actors !== null) return { actors, steps: actors.map((id) => task.words[actorAt(task.words, id) + STEPS] as number) }
  }
  return null
}

/** Is it the same cycle, with nobody having moved? */
export function sameCycle(a: WaitCycle, b: WaitCycle): boolean {
  return a.actors.join() === b.actors.join() && a.steps.join() === b.steps.join()
}

/** The report of a confirmed cycle. */
export function describeCycle(task: Task, cycle: WaitCycle): Violation {
  const lines = cycle.actors.map((id) => {
    const kind = WAIT_NAMES[task.words[actorAt(task.words, id) + WAIT_KIND] as number] ?? 'something'
    return `${describeActor(task.words, id)}, waits for ${kind}`
  })
  return { oracle: 'DLK', message: `deadlock: ${lines.join(' -> ')} -> and round again`, operations: lines }
}

function cycleThrough(edges: readonly (readonly number[])[], start: number, path: readonly number[]): number[] | null {
  const here = path[path.length - 1] as number
  for (const next of edges[here] as readonly number[]) {
    if (next === start) return [...path]
    if (next < start || path.includes(next)) continue // a cycle is found from its smallest member
    const found = cycleThrough(edges, start, [...path, next])
    if (found !== null) return found
  }
  return null
}

/** Actors that `id` waits for. */
function blockers(task: Task, id: number): number[] {
  const { words } = task
  const record = actorAt(words, id)
  if (words[record + PHASE] !== PHASE_WAITING) return []
  const on = words[record + WAIT_ON] as number
  switch (words[record + WAIT_KIND]) {
    case WAIT.lock:
    case WAIT.frameLock:
      return withoutSelf(id, [...holders(task, on), ownerOf(task, on)])
    case WAIT.rwsemRead:
    case WAIT.rwsemWrite:
      return withoutSelf(id, holders(task, on))
    case WAIT.invalidationEnd:
      return withoutSelf(id, openers(task, on))
    case WAIT.dispatch:
      return [dispatcherOf(task, on)]
    case WAIT.replay:
      return withoutSelf(id, [deviceService(task, deviceOf(task, on))])
    case WAIT.fence:
      return withoutSelf(id, [deviceEngine(task, deviceOf(task, on))])
    case WAIT.backoff:
      return withoutSelf(id, faultActors(task, on as Hmm))
    case WAIT.shootdown:
      // Over as soon as the word is even, even if the one who waits has not had a core to see it.
      return (quietLoad(task, on) & 1) === 1 ? [Math.floor((on - actorAt(words, 0)) / ACTOR_WORDS)] : []
    case WAIT.gracePeriod:
      return withoutSelf(id, on === RCU_EPOCH_AT ? insideRcu(task) : holders(task, on))
    default:
      return []
  }
}

/** The device whose record the word `at` is in. */
function deviceOf(task: Task, at: number): number {
  return Math.floor((at - deviceAt(task, 0)) / DEVICE_WORDS)
}

/** Actors with `lock` among their held locks; for a dispatcher at work, also the one it works for. */
function holders(task: Task, lock: number): number[] {
  const { words } = task
  const found: number[] = []
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number); id++) {
    const record = actorAt(words, id)
    for (let i = 0; i < (words[record + HELD_COUNT] as number); i++) if (words[record + HELD + i * 2 + 1] === lock) found.push(id)
  }
  return found
}

/** Actors with an open window on the address space whose subscriptions are at `subs`. */
function openers(task: Task, subs: number): number[] {
  return actorsOf(task).filter((id) => windowsOf(task, id).some((range) => mmSubscriptions(rangeMm(task, range)) === subs))
}

function actorsOf(task: Task): number[] {
  return Array.from({ length: task.words[ACTOR_COUNT_AT] as number }, (_, id) => id)
}

function insideRcu(task: Task): number[] {
  const { words } = task
  return Array.from({ length: words[ACTOR_COUNT_AT] as number }, (_, id) => id).filter(
    (id) => words[actorAt(words, id) + RCU] !== 0,
  )
}

function withoutSelf(id: number, actors: number[]): number[] {
  return [...new Set(actors)].filter((other) => other >= 0 && other !== id)
}
