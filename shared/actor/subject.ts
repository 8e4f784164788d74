/**
 * What an exploration is told: the subject, the strategy, how many schedules, and the buffers it needs beside the machine. Plain
 * data: it travels to every worker.
 */
import type { Words } from '../memory/words.ts'
import type { Limits } from '../sched/limits.ts'
import type { Strategy } from '../sched/strategy.ts'
import { ACTOR_KIND, actorAt, INDEX, KIND } from '../seam/actors.ts'
import { HmmError } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import type { Expectation } from './expectation.ts'
import type { ScenarioLine } from './ops.ts'
import type { ThreadLine } from './threadops.ts'

/** A thread of a scenario, on cpu actor `index`, or on the engine of device `index`. */
export interface ScenarioThread {
  readonly name: string
  readonly on: 'cpu' | 'dev'
  readonly index: number
  /** In which process. */
  readonly process: number
  readonly lines: readonly ThreadLine[]
}

/** What is explored. */
export type Subject = ScenarioSubject | ModuleSubject

/** A scenario of the machine. */
export interface ScenarioSubject {
  readonly kind: 'scenario'
  readonly setup: readonly ScenarioLine[]
  readonly threads: readonly ScenarioThread[]
  /** Devices that every process with a thread opens before the threads start. */
  readonly opens: readonly number[]
  readonly expect: readonly Expectation[]
}

/** A protocol of somebody else's. */
export interface ModuleSubject {
  readonly kind: 'module'
  /** Exports the functions below, each called with (task, at): at is the first of the protocol's own words. */
  readonly url: string
  readonly setup?: string
  readonly threads: readonly string[]
  /** Looks at the outcome of each schedule; what it throws is the finding. */
  readonly check?: string
}

export interface ExploreProgram {
  readonly kind: 'explore'
  readonly subject: Subject
  readonly strategy: Strategy
  /** Number of the first schedule, and how many. A schedule depends on its number, not on where a run begins. */
  readonly first: number
  readonly count: number
  /** Points of the schedule without preemptions, where they are known; else 0, and a strategy that needs them counts them first. */
  readonly baseSteps: number
  /** Limits of a schedule that is known (a replay); null: those of its strategy (sched/limits.ts). */
  readonly limits: Limits | null
  /** After schedules whose number is a multiple of this everything is taken down and counted; 0: never. */
  readonly teardownEvery: number
  /** A nap that ends because nothing else can move is a deadlock. */
  readonly timeoutsOff: boolean
  readonly devices: number
  /** Share of the threads' allocations that fail. */
  readonly allocFailures: number
  /** For the reel: as long as the machine. And for the log of steps, if there is to be one. */
  readonly reel: SharedArrayBuffer
  readonly log: SharedArrayBuffer | null
  /** For the journal of schedules, if it is to be kept (actor/journal.ts). */
  readonly journal: SharedArrayBuffer | null
  /** What there was before the run (check/references.ts). */
  readonly inventory: readonly (readonly [string, number])[]
}

/** Functions of a foreign protocol, loaded by the worker. */
export type ForeignFunctions = Readonly<Record<string, (task: Task, at: number) => unknown>>

/** The function of that name; a missing one is named. */
export function call(foreign: ForeignFunctions, name: string): (task: Task, at: number) => unknown {
  const one = foreign[name]
  if (typeof one !== 'function') throw new HmmError('HMM_ERR_USAGE', `the module under exploration exports no function ${name}`)
  return one
}

/** Cpu threads of a scenario; there is always a cpu 0. */
export function cpusOf(subject: ScenarioSubject): number {
  return Math.max(1, subject.threads.filter(({ on }) => on === 'cpu').length)
}

/** Processes that have a thread, and process 0. */
export function processesOf(subject: ScenarioSubject): number[] {
  return [...new Set([0, ...subject.threads.map(({ process }) => process)])]
}

/** Does actor `id` have a thread of the subject? */
export function hasThread(subject: Subject, words: Words, id: number): boolean {
  const record = actorAt(words, id)
  const index = words[record + INDEX] as number
  const kind = words[record + KIND]
  if (subject.kind === 'module') return kind === ACTOR_KIND.cpu && index < subject.threads.length
  const on = kind === ACTOR_KIND.cpu ? 'cpu' : kind === ACTOR_KIND.engine ? 'dev' : null
  return subject.threads.some((thread) => thread.on === on && thread.index === index)
}
