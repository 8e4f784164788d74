/**
 * `replay`: runs one recorded schedule again, to the byte, and tells it. A recording made with another build or driver is not
 * run: the schedule would mean something else.
 */
import { resolve } from 'node:path'
import { answerOf } from '../shared/actor/stage.ts'
import { MOST_STEPS } from '../shared/sched/limits.ts'
import { actorAt, PHASE, PHASE_WAITING, WAIT_KIND } from '../shared/seam/actors.ts'
import { HmmError } from '../shared/seam/error.ts'
import { WAIT_NAMES } from '../shared/seam/park.ts'
import { StepLog } from '../shared/seam/steplog.ts'
import { describeActor } from '../shared/seam/trace.ts'
import type { Violation } from '../shared/seam/violation.ts'
import { replaySchedule, type Telling, telling } from './explore/find.ts'
import { hashOf, type Recording, readRecording, toToken } from './explore/recording.ts'
import { Runs } from './explore/runs.ts'
import { type Prepared, prepareActors, prepareScenario, readScenario } from './explore/subjects.ts'
import { interleaving } from './explore/table.ts'
import { raceById } from './races/index.ts'
import type { Race } from './races/race.ts'
import { parseConcurrent } from './scenario/concurrent.ts'
import { version } from './version.ts'

/** What a replay needs beside its recording, and how much it shows. */
export interface ReplayOptions {
  /** The scenario, where a token carries only its hash. */
  readonly scenario?: string
  /** Show the interleaving up to this step only. */
  readonly until?: number
}

/** What the recorded schedule did this time. */
export interface ReplayResult {
  readonly file: string
  readonly name: string
  readonly steps: number
  readonly trace: string
  /** The run was the recorded one: the same trace, the same finding. */
  readonly same: boolean
  readonly violation: Violation | null
  readonly table: string
  /** The recording, to paste: without the text of a long scenario. */
  readonly token: string
  /** Each actor at the end: what it does, and what it waits for. */
  readonly state: readonly string[]
  /** Answers of the operations, by label or line. */
  readonly answers: readonly { readonly operation: string; readonly answer: string | null }[]
}

/** Runs a replay file or token again. Throws HmmError when it cannot be the same run. */
export async function replay(fileOrToken: string, options: ReplayOptions = {}): Promise<ReplayResult> {
  return (await retell(fileOrToken, options)).result
}

/** As replay, with the steps of the run: for who tells them in another way than as a table. */
export async function retell(
  fileOrToken: string,
  options: ReplayOptions = {},
): Promise<{ readonly result: ReplayResult; readonly told: Telling }> {
  const recording = readRecording(fileOrToken)
  if (recording.version !== version())
    throw new HmmError(
      'HMM_ERR_INPUT',
      `this recording was made with version ${recording.version}, here is ${version()}: its schedule would mean something else`,
    )
  const bug = recording.bug === undefined ? null : await raceById(recording.bug)
  const prepared = prepareRecording(recording, options.scenario, bug)
  if (prepared.recorded.build !== recording.build)
    throw new HmmError(
      'HMM_ERR_INPUT',
      `this recording was made with another build or driver (${recording.build}, here is ${prepared.recorded.build}): its schedule would mean something else`,
    )
  const runs = new Runs(prepared.stage)
  try {
    const log = new SharedArrayBuffer(StepLog.bytes(MOST_STEPS))
    const { subject } = prepared.stage
    const report = await replaySchedule(runs, subject, recording, log)
    if (report.divergedAt !== null)
      throw new HmmError('HMM_ERR_INPUT', `this schedule does not fit its scenario: they part at step ${report.divergedAt}`)
    const { words } = runs.task
    const told = telling(runs, subject, report, log, options.until)
    const result = {
      file: prepared.file,
      name: prepared.name,
      steps: report.scheduleSteps,
      trace: report.hash,
      same: report.hash === recording.trace && (report.violation?.oracle ?? null) === recording.oracle,
      violation: report.violation,
      table: interleaving(told),
      token: toToken(recording),
      state: runs.actorNames.map((_, id) => {
        const record = actorAt(words, id)
        const waits =
          words[record + PHASE] === PHASE_WAITING ? `, waits for ${WAIT_NAMES[words[record + WAIT_KIND] as number]}` : ''
        return `${describeActor(words, id)}${waits}`
      }),
      answers:
        subject.kind === 'module'
          ? []
          : subject.threads.flatMap(({ name, lines }) =>
              lines
                .filter(({ op }) => op.op !== 'after')
                .map(({ label, line, index }) => ({
                  operation: `${name} ${label ?? `line ${line}`}`,
                  answer: answerOf(words, index),
                })),
            ),
    }
    return { result, told }
  } finally {
    await runs.close()
  }
}

function prepareRecording({ subject }: Recording, scenarioFile: string | undefined, bug: Race | null): Prepared {
  if (subject.kind === 'actors') {
    const { module, threads, setup, check, words } = subject
    return prepareActors(
      {
        module,
        threads,
        words,
        ...(setup === undefined ? {} : { setup }),
        ...(check === undefined ? {} : { check }),
      },
      bug,
    )
  }
  if (subject.text !== undefined)
    return prepareScenario(parseConcurrent(resolve(subject.file), subject.text), subject.drivers, bug)
  if (scenarioFile === undefined)
    throw new HmmError(
      'HMM_ERR_USAGE',
      `this token has only the hash of its scenario (${subject.file}): give the file with --scenario`,
    )
  const scenario = readScenario(scenarioFile)
  if (hashOf(scenario.text) !== subject.hash)
    throw new HmmError('HMM_ERR_INPUT', `${scenarioFile} is not the scenario that this token was made with`)
  return prepareScenario(scenario, subject.drivers, bug)
}
