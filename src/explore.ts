/**
 * `explore`: runs a subject under a scheduler that chooses every interleaving. What is found is replayed once to be sure, shrunk,
 * printed as a table, and recorded so that it can be run again to the byte.
 */
import type { Subject } from '../shared/actor/subject.ts'
import { regionAt } from '../shared/memory/regions.ts'
import { pctBound } from '../shared/sched/pct.ts'
import type { Segment } from '../shared/sched/replay.ts'
import type { Strategy } from '../shared/sched/strategy.ts'
import { PHASE_OF_RUN } from '../shared/seam/batonword.ts'
import { RUN_PHASE } from '../shared/seam/control.ts'
import { HmmError } from '../shared/seam/error.ts'
import { StepLog } from '../shared/seam/steplog.ts'
import { HALT_AT } from '../shared/seam/superblock.ts'
import { Task } from '../shared/seam/task.ts'
import type { Oracle, Violation } from '../shared/seam/violation.ts'
import { Names } from './explore/names.ts'
import { hashOf, type Recording, toToken } from './explore/recording.ts'
import { type Counts, type RunReport, Runs, STEP_LIMIT } from './explore/runs.ts'
import { shrink } from './explore/shrink.ts'
import {
  type ForeignActors,
  type Prepared,
  prepareActors,
  prepareScenario,
  readScenario,
  shrunkText,
} from './explore/subjects.ts'
import { interleaving } from './explore/table.ts'
import { RunFailure } from './failure.ts'
import { raceById, subjectOf } from './races/index.ts'
import type { Race } from './races/race.ts'
import type { ConcurrentScenario } from './scenario/concurrent.ts'
import { version } from './version.ts'

export interface ExploreOptions {
  /** A concurrent scenario: its file, or parsed already. */
  readonly scenario?: string | ConcurrentScenario
  /** Or a protocol of your own. */
  readonly actors?: ForeignActors
  /** A known race to put in: its driver, or its edit of the core. Without a subject its own is explored. */
  readonly bug?: string
  /** Default pct. */
  readonly strategy?: 'random' | 'pct' | 'dfs' | 'dpor'
  /** pct: ordering constraints of the bugs it looks for. Default 3. */
  readonly depth?: number
  /** dfs: most preemptions of a schedule. Default 2. */
  readonly preemptions?: number
  /** Most schedules. Default 1000; dfs and dpor: until all were seen. */
  readonly schedules?: number
  readonly seed?: number
  /** Modules in the place of device families. */
  readonly drivers?: Readonly<Record<string, string>>
  /** Part `index` of `of`: every of-th schedule, from the index-th on. Not for dfs. */
  readonly shard?: { readonly index: number; readonly of: number }
  /** Shrink a find. Default true. */
  readonly shrink?: boolean
  /** Every how many schedules everything is closed and counted. Default 16; 0: never. */
  readonly teardownEvery?: number
  readonly onProgress?: (progress: Counts & { readonly seconds: number }) => void
  /** Ends the search early when aborted; the result says what there was until then. */
  readonly signal?: AbortSignal
}

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

export interface ExploreResult {
  readonly file: string
  readonly name: string
  readonly strategy: 'random' | 'pct' | 'dfs' | 'dpor'
  readonly seed: number
  readonly schedules: number
  /** Every schedule within the bound was seen (dfs), or one for each behaviour (dpor). */
  readonly complete: boolean
  readonly steps: number
  readonly switches: number
  readonly seconds: number
  readonly schedules_per_second: number
  /** Points of the schedule without preemptions, and of the longest one. */
  readonly base_steps: number
  readonly max_steps: number
  readonly actors: number
  /** pct: the least probability that one schedule finds a bug of that depth. */
  readonly bound?: number
  /** Schedules that were cut off at the step limit: nothing can be said about them. */
  readonly cut_off: number
  /** Schedules up to the first find, that one included. */
  readonly first_hit?: number
  readonly violation?: Find
}

/** Explores one subject. Throws HmmError for bad options, InputError for a bad scenario, RunFailure when a run itself failed. */
export async function explore(asked: ExploreOptions): Promise<ExploreResult> {
  const bug = asked.bug === undefined ? null : await raceById(asked.bug)
  const options = bug === null ? asked : withBug(asked, bug)
  const prepared = prepare(options, bug)
  const strategy = strategyOf(options)
  const runs = new Runs({ ...prepared.stage, teardown: options.teardownEvery !== 0 })
  try {
    const { reports, cutOff } = await search(runs, strategy, options)
    const last = reports.at(-1) as RunReport
    const sum = (of: (report: RunReport) => number) => reports.reduce((total, report) => total + of(report), 0)
    const schedules = sum((report) => report.schedules)
    const seconds = sum((report) => report.seconds)
    const find = last.violation === null ? null : await confirm(runs, prepared, last, options)
    const actors = runs.actorNames.length
    const maxSteps = Math.max(...reports.map((report) => report.maxSteps))
    return {
      file: prepared.file,
      name: prepared.name,
      strategy: options.strategy ?? 'pct',
      seed: strategy.seed,
      schedules,
      complete: last.exhausted && cutOff === 0,
      steps: sum((report) => report.steps),
      switches: sum((report) => report.switches),
      seconds: Math.round(seconds * 1000) / 1000,
      schedules_per_second: Math.round(schedules / seconds),
      base_steps: reports[0]?.baseSteps ?? 0,
      max_steps: maxSteps,
      actors,
      ...(strategy.name === 'pct' ? { bound: pctBound(actors, maxSteps, strategy.depth) } : {}),
      cut_off: cutOff,
      ...(find === null ? {} : { first_hit: schedules, violation: find }),
    }
  } finally {
    await runs.close()
  }
}

/** What is not asked for otherwise is the race's own: its subject, and the search that suits it. */
function withBug(asked: ExploreOptions, bug: Race): ExploreOptions {
  const own = asked.scenario !== undefined || asked.actors !== undefined ? {} : subjectOf(bug)
  return { strategy: 'pct', depth: bug.depth, ...bug.search, ...asked, ...own }
}

function prepare(options: ExploreOptions, bug: Race | null): Prepared {
  const { scenario, actors } = options
  if ((scenario === undefined) === (actors === undefined))
    throw new HmmError('HMM_ERR_USAGE', 'explore takes either a scenario or actors')
  if (actors !== undefined) return prepareActors(actors, bug)
  const parsed = typeof scenario === 'string' ? readScenario(scenario) : (scenario as ConcurrentScenario)
  return prepareScenario(parsed, options.drivers, bug)
}

function strategyOf(options: ExploreOptions): Strategy {
  const { strategy = 'pct', depth = 3, preemptions = 2, seed = 1, shard } = options
  const whole = (value: number, name: string, min: number, max: number) => {
    if (!Number.isInteger(value) || value < min || value > max)
      throw new HmmError('HMM_ERR_USAGE', `${name} is a whole number from ${min} to ${max}, not ${value}`)
  }
  if (!['random', 'pct', 'dfs', 'dpor'].includes(strategy))
    throw new HmmError('HMM_ERR_USAGE', `there is no strategy ${strategy}; there are random, pct, dfs and dpor`)
  whole(depth, 'the depth of pct', 1, 16)
  whole(preemptions, 'the number of preemptions', 0, 1000)
  if (shard !== undefined) {
    if (strategy === 'dfs' || strategy === 'dpor')
      throw new HmmError('HMM_ERR_USAGE', 'a depth-first search cannot be split into shards')
    whole(shard.of, 'the number of shards', 1, 1_000_000)
    whole(shard.index, 'a shard', 0, shard.of - 1)
  }
  return { name: strategy, seed, depth, preemptions, loose: false }
}

const DEFAULT_SCHEDULES = 1000

function isSearch({ name }: Strategy): boolean {
  return name === 'dfs' || name === 'dpor'
}

/** Every how many schedules everything is taken down and counted. */
const TEARDOWN_EVERY = 16

/** Runs schedules until one shows a violation, all were seen, or there were enough. A cut-off one is left out. */
async function search(
  runs: Runs,
  strategy: Strategy,
  options: ExploreOptions,
): Promise<{ reports: RunReport[]; cutOff: number }> {
  const stride = options.shard?.of ?? 1
  const wanted = options.schedules ?? (isSearch(strategy) ? 2 ** 31 - 1 : DEFAULT_SCHEDULES)
  const reports: RunReport[] = []
  let first = options.shard?.index ?? 0
  let done = 0
  let cutOff = 0
  const began = performance.now()
  for (;;) {
    const report = await runs.run({
      strategy,
      first,
      stride,
      count: wanted - done,
      teardownEvery: options.teardownEvery ?? TEARDOWN_EVERY,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onTick: (counts) => options.onProgress?.({ ...counts, seconds: (performance.now() - began) / 1000 }),
    })
    reports.push(report)
    done += report.schedules
    if (!report.cutOff || options.signal?.aborted === true) return { reports, cutOff }
    cutOff++
    if (isSearch(strategy))
      throw new RunFailure(
        'HMM_ERR_BOUND',
        `a schedule did not end within ${STEP_LIMIT} steps: a depth-first search cannot pass it`,
      )
    done++
    first = report.number < 0 ? first : report.number + stride
    if (done >= wanted) return { reports, cutOff }
  }
}

/** Replays a find, shrinks it, and tells it. */
async function confirm(runs: Runs, prepared: Prepared, found: RunReport, options: ExploreOptions): Promise<Find> {
  const violation = found.violation as Violation
  if (!found.recorded)
    throw new RunFailure(
      'HMM_ERR_REPLAY',
      `${violation.oracle}: ${violation.message}; but its schedule is too long to be recorded`,
    )
  const subject = prepared.stage.subject
  const again = await replaySchedule(runs, subject, found)
  mustBeSame(found, again)
  const shrunk = options.shrink === false ? { subject, report: again } : await shrink(runs, subject, again, options.seed ?? 1)
  const log = new SharedArrayBuffer(StepLog.bytes(STEP_LIMIT))
  const told = await replaySchedule(runs, shrunk.subject, shrunk.report, log)
  mustBeSame(shrunk.report, told)
  const recording = recordingOf(prepared, shrunk.subject, told, options.bug)
  return {
    oracle: told.violation?.oracle as Oracle,
    message: told.violation?.message as string,
    preemptions: told.preemptions,
    steps: told.scheduleSteps,
    token: toToken(recording),
    table: tell(runs, shrunk.subject, told, log),
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
  { schedule, number }: { readonly schedule: readonly Segment[]; readonly number: number },
  log?: SharedArrayBuffer,
): Promise<RunReport> {
  const strategy: Strategy = { name: 'replay', seed: 0, depth: 1, preemptions: 0, loose: false }
  return runs.run({ strategy, count: 1, first: number, schedule, ...(log === undefined ? {} : { log }) }, subject)
}

/** The table of a logged run. */
export function tell(runs: Runs, subject: Subject, report: RunReport, log: SharedArrayBuffer, until?: number): string {
  const { words, id } = runs.task
  // A teardown has freed what the names are about; how it was before is in the reel.
  const over = words[regionAt(words, 'scheduler') + PHASE_OF_RUN] !== RUN_PHASE.schedule
  const buffers = [runs.reelBuffer, ...(over ? [] : [words.buffer as SharedArrayBuffer])]
  const states = buffers.map((buffer) => stillView(buffer, id))
  return interleaving({
    steps: new StepLog(log).steps().filter(({ step }) => until === undefined || step <= until),
    names: new Names(states, subject.kind === 'module'),
    actorNames: columnNames(runs, subject),
    violation: report.violation,
  })
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

function recordingOf(prepared: Prepared, subject: Subject, report: RunReport, bug: string | undefined): Recording {
  const { recorded, scenario } = prepared
  const text = scenario === null || subject.kind !== 'scenario' ? null : shrunkText(scenario, subject)
  return {
    schema: 'hmm-runtime/replay/1',
    version: version(),
    build: recorded.build,
    subject:
      text === null || recorded.subject.kind !== 'scenario'
        ? recorded.subject
        : { ...recorded.subject, text, hash: hashOf(text) },
    ...(bug === undefined ? {} : { bug }),
    oracle: report.violation?.oracle ?? null,
    number: report.number,
    trace: report.hash,
    schedule: report.schedule.map(([actor, passes]) => [actor, passes]),
  }
}

function operationsOf(subject: Subject): number {
  return subject.kind === 'module' ? subject.threads.length : subject.threads.reduce((sum, { lines }) => sum + lines.length, 0)
}
