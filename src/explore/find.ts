/**
 * A find, from the schedule that shows it to what is told of it: it is replayed once to be sure, shrunk, printed as a table, and
 * recorded so that it can be run again to the byte.
 */
import type { Subject } from '../../shared/actor/subject.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { MOST_STEPS } from '../../shared/sched/limits.ts'
import type { Segment } from '../../shared/sched/replay.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { PHASE_OF_RUN } from '../../shared/seam/batonword.ts'
import { RUN_PHASE } from '../../shared/seam/control.ts'
import { type LoggedHold, StepLog } from '../../shared/seam/steplog.ts'
import { HALT_AT } from '../../shared/seam/superblock.ts'
import { Task } from '../../shared/seam/task.ts'
import type { Oracle, Violation } from '../../shared/seam/violation.ts'
import { RunFailure } from '../failure.ts'
import type { ConcurrentScenario } from '../scenario/concurrent.ts'
import { version } from '../version.ts'
import { Names } from './names.ts'
import { hashOf, type Recording, toToken } from './recording.ts'
import type { RunReport, Runs } from './runs.ts'
import { shrink } from './shrink.ts'
import type { Prepared } from './subjects.ts'
import { interleaving, type TableInput } from './table.ts'

/** A violation that was found, confirmed and shrunk. */
export interface Find {
  readonly oracle: Oracle
  readonly message: string
  /** Switches away from an actor that could have gone on, and points passed, in the shrunk schedule. */
  readonly preemptions: number
  readonly steps: number
  readonly token: string
  readonly table: string
  /** The schedule as it was found, before it was shrunk. */
  readonly found: { readonly number: number; readonly preemptions: number; readonly steps: number; readonly operations: number }
  readonly operations: number
  readonly recording: Recording
  readonly violation: Violation
}

/** What confirming a find depends on. */
export interface Confirming {
  readonly seed: number
  readonly shrink: boolean
  /** Id of the known race that was put in. */
  readonly bug?: string | undefined
}

/** Replays a find, shrinks it, and tells it. */
export async function confirm(runs: Runs, prepared: Prepared, found: RunReport, asked: Confirming): Promise<Find> {
  const violation = found.violation as Violation
  if (!found.recorded)
    throw new RunFailure(
      'HMM_ERR_REPLAY',
      `${violation.oracle}: ${violation.message}; but its schedule is too long to be recorded`,
    )
  const subject = prepared.stage.subject
  const again = await replaySchedule(runs, subject, found)
  mustBeSame(found, again)
  const whole = { subject, scenario: prepared.scenario, report: again }
  const shrunk = asked.shrink ? await shrink(runs, whole, asked.seed) : whole
  const log = new SharedArrayBuffer(StepLog.bytes(MOST_STEPS))
  const told = await replaySchedule(runs, shrunk.subject, shrunk.report, log)
  mustBeSame(shrunk.report, told)
  const recording = recordingOf(prepared, shrunk.scenario, told, asked.bug)
  return {
    oracle: told.violation?.oracle as Oracle,
    message: told.violation?.message as string,
    preemptions: told.preemptions,
    steps: told.scheduleSteps,
    token: toToken(recording),
    table: interleaving(telling(runs, shrunk.subject, told, log)),
    found: {
      number: found.number,
      preemptions: found.preemptions,
      steps: found.scheduleSteps,
      operations: operationsOf(subject),
    },
    operations: operationsOf(shrunk.subject),
    recording,
    violation: told.violation as Violation,
  }
}

/** Runs the schedule of a report again, strictly. */
export function replaySchedule(
  runs: Runs,
  subject: Subject,
  { schedule, number, limits }: Pick<Recording, 'limits'> & { readonly schedule: readonly Segment[]; readonly number: number },
  log?: SharedArrayBuffer,
): Promise<RunReport> {
  const strategy: Strategy = { name: 'replay', seed: 0, depth: 1, preemptions: 0, loose: false }
  return runs.run({ strategy, count: 1, first: number, schedule, limits, ...(log === undefined ? {} : { log }) }, subject)
}

/** Steps of the fair part of a livelock that are told: one round of it, mostly. What comes then is the same again. */
const TOLD_OF_LIVELOCK = 40

/** A logged run in a form that can be told: by the table (table.ts), or by the stage of the report page (scene.ts). */
export type Telling = TableInput & {
  readonly holds: readonly LoggedHold[]
}

/** A logged run up to step `until`: of a livelock, unless that is said, what leads to it and how it goes. */
export function telling(runs: Runs, subject: Subject, report: RunReport, log: SharedArrayBuffer, until?: number): Telling {
  const { words, id } = runs.task
  // A teardown has freed what the names are about; how it was before is in the reel.
  const over = words[regionAt(words, 'scheduler') + PHASE_OF_RUN] !== RUN_PHASE.schedule
  const buffers = [runs.reelBuffer, ...(over ? [] : [words.buffer as SharedArrayBuffer])]
  const states = buffers.map((buffer) => stillView(buffer, id))
  const told = report.limits.fairFrom + TOLD_OF_LIVELOCK
  const isLong = until === undefined && report.violation?.oracle === 'PROG' && report.scheduleSteps > told
  const last = isLong ? told : (until ?? Number.POSITIVE_INFINITY) // a teardown's steps come after the schedule's
  const steps = new StepLog(log)
  return {
    steps: steps.steps().filter(({ step }) => step <= last),
    holds: steps.holds().filter(({ after }) => after <= last),
    goesOnTo: isLong ? report.scheduleSteps : undefined,
    names: new Names(states, subject.kind === 'module'),
    actorNames: columnNames(runs, subject),
    violation: report.violation,
  }
}

/** A copy of a machine to look around in, as if it had not been halted. */
function stillView(buffer: SharedArrayBuffer, actor: number): Task {
  const copy = new SharedArrayBuffer(buffer.byteLength)
  const words = new Int32Array(copy)
  words.set(new Int32Array(buffer))
  words[HALT_AT] = 0
  const task = new Task({ buffer: copy, actor, nowNs: () => 0 })
  task.checked = false // looking at what is dead is the point
  return task
}

/** A column is headed by the actor, and the thread that it runs. */
function columnNames(runs: Runs, subject: Subject): string[] {
  return runs.actorNames.map((name) => {
    const [kind, index] = name.split(' ') as [string, string]
    if (subject.kind === 'module') return subject.threads[Number(index)] ?? name
    const on = kind === 'cpu' ? 'cpu' : kind === 'engine' ? 'dev' : null
    const thread = subject.threads.find((one) => one.on === on && one.index === Number(index))
    return thread === undefined ? name : `${thread.name} (${name})`
  })
}

function mustBeSame(first: RunReport, second: RunReport): void {
  if (first.hash === second.hash && first.violation?.oracle === second.violation?.oracle) return
  const what =
    second.divergedAt === null
      ? `its trace is ${second.hash}, not ${first.hash}`
      : `it left the schedule at step ${second.divergedAt}`
  throw new RunFailure(
    'HMM_ERR_REPLAY',
    `${first.violation?.oracle}: ${first.violation?.message}; but the replay was not the same run: ${what}`,
  )
}

function recordingOf(
  { recorded }: Prepared,
  scenario: ConcurrentScenario | null,
  report: RunReport,
  bug: string | undefined,
): Recording {
  return {
    schema: 'hmm-runtime/replay/1',
    version: version(),
    build: recorded.build,
    subject:
      scenario === null || recorded.subject.kind !== 'scenario'
        ? recorded.subject
        : { ...recorded.subject, text: scenario.text, hash: hashOf(scenario.text) },
    ...(bug === undefined ? {} : { bug }),
    oracle: report.violation?.oracle ?? null,
    number: report.number,
    limits: report.limits,
    trace: report.hash,
    schedule: report.schedule.map(([actor, passes]) => [actor, passes]),
  }
}

function operationsOf(subject: Subject): number {
  return subject.kind === 'module' ? subject.threads.length : subject.threads.reduce((sum, { lines }) => sum + lines.length, 0)
}
