/**
 * Interleavings on one thread: what if, in front of the n-th shared access of one actor, another one runs from its beginning
 * to its end? `everyPreemption` tries every n, each on a machine of its own. A race of two threads that needs a few
 * nanoseconds of luck on two cores is met here for certain, every time.
 *
 *     const schedules = everyPreemption(() => {
 *       const { task, other } = solo()
 *       ...
 *       return { first: task, run: () => ..., second: other(1), meanwhile: () => ..., check: () => ... }
 *     })
 */
import { PARK, PHASE, PHASE_WAITING } from '../../shared/seam/actors.ts'
import { PARK_TOKEN } from '../../shared/seam/parkword.ts'
import type { Task } from '../../shared/seam/task.ts'

export interface Encounter {
  readonly first: Task
  /** What the first actor does; it is interrupted once. */
  run(): void
  readonly second: Task
  /** What the second one does meanwhile, without being interrupted. */
  meanwhile(): void
  /** Looks at the outcome. */
  check(): void
}

/** Calls `hook` with 0, 1, 2 ... in front of every shared access of `task`: a task's gate is read there, and only there. */
export function atEveryPoint(task: Task, hook: (point: number) => void): void {
  let points = 0
  Object.defineProperty(task, 'gate', {
    configurable: true,
    get() {
      hook(points++)
      return 0
    },
    set() {},
  })
}

/**
 * Runs every schedule in which `second` preempts `first` once. Schedules in which `second` would have to sleep until `first`
 * goes on are none of this kind and are left out; when `first` sleeps before its turn came, there are no more of them. Returns
 * how many ran to their end. An error says where it happened.
 */
export function everyPreemption(make: () => Encounter): number {
  let schedules = 0
  for (let at = 0; ; at++) {
    const encounter = make()
    try {
      const ended = runOne(encounter, at)
      if (ended === 'too short') return schedules
      if (ended === 'blocked') continue
      encounter.check()
      schedules++
    } catch (thrown) {
      throw new Error(`preempted at access ${at}: ${describe(thrown)}`, { cause: thrown })
    }
  }
}

/** Also inside a driver, whose errors come wrapped. */
function wouldSleep(thrown: unknown): boolean {
  return thrown instanceof WouldSleep || (thrown instanceof Error && wouldSleep(thrown.cause))
}

/** `too short`: `first` was done, or asleep, before its access number `at`. */
function runOne(encounter: Encounter, at: number): 'ran' | 'blocked' | 'too short' {
  const { first, second } = encounter
  let interrupted = false
  atEveryPoint(second, () => {
    if (sleeps(second)) throw new WouldSleep()
  })
  atEveryPoint(first, (point) => {
    if (point === at) {
      interrupted = true
      encounter.meanwhile()
    }
    if (!sleeps(first)) return
    if (interrupted) throw new Error('the interrupted actor goes to sleep, and nobody is left to wake it')
    throw new WouldSleep()
  })
  try {
    encounter.run()
  } catch (thrown) {
    if (!wouldSleep(thrown)) throw thrown
    return interrupted ? 'blocked' : 'too short'
  }
  for (const task of [first, second]) Object.defineProperty(task, 'gate', { configurable: true, writable: true, value: 0 })
  return interrupted ? 'ran' : 'too short'
}

/** Unwinds an actor that is about to sleep; its machine is not used any more. */
class WouldSleep extends Error {}

/** Is the actor about to sleep, and no wake-up came yet? */
export function sleeps(task: Task): boolean {
  return task.words[task.record + PHASE] === PHASE_WAITING && task.words[task.record + PARK] !== PARK_TOKEN
}

function describe(thrown: unknown): string {
  const { violation } = thrown as { violation?: { oracle: string; message: string } }
  return violation === undefined ? String(thrown) : `${violation.oracle}: ${violation.message}`
}
