/**
 * `explore`: schedules of a five-actor scenario (two cpus, dispatcher, engine, service) per second in worker mode, and what one
 * step costs when nobody is switched to.
 *
 *   explore/pct, explore/random, explore/dfs   one operation is a schedule: going back, its steps and switches, its audits, and
 *                                              for every sixteenth taking everything down and counting it
 *   explore/step                               one operation is a point at which the actor that moves goes on
 *
 * A cpu drops a page, which the dispatcher tells the driver; another stores beside it; the device reads a page that is not mapped,
 * faults, and its service says so. The workers compile what they run in their first thousand schedules or two: these are run
 * first and told apart, as `cold_schedules_per_s`.
 *
 * Its actors are kept on one core, where the host can do that, as those of each lane of `hmm explore` are: one of them moves at a
 * time, and waking a core that sleeps costs more than the switch.
 *
 * The work is checked: each schedule's answers by the scenario's `expect` lines and the audits, then the number of schedules, of
 * their points and of different traces.
 */
import { fileURLToPath } from 'node:url'
import { Journal, type JournalEntry } from '../shared/actor/journal.ts'
import type { Era } from '../shared/hmm/era.ts'
import { HmmError } from '../shared/seam/error.ts'
import { usableCores } from '../src/cores.ts'
import { type RunReport, Runs, type Stage } from '../src/explore/runs.ts'
import { type Prepared, prepareActors, prepareScenario } from '../src/explore/subjects.ts'
import { inEra, parseConcurrent } from '../src/scenario/concurrent.ts'
import { type BenchResult, ofSamples, relativeTo } from './measure.ts'

/** The last core: the first is where hosts put what interrupts. */
function onOneCore(): Pick<Stage, 'core'> {
  const core = usableCores().at(-1)
  return core === undefined ? {} : { core }
}

/** The scenario that is explored. */
export const FIVE_ACTORS = `scenario five-actors
notifier dispatcher
device 0 svm
setup
  mmap A 2 rw private
  store A 0 7
  store A 1 7
  mmap B 1 rw private
  munmap B 0 1
thread dropper cpu
  drop: madvise A 0 1 dontneed
thread writer cpu
  write: store A 1 8
thread gpu dev 0
  read: dread 0 B 0 1
expect
  drop is ok
  write is ok
  read is EFAULT
  final load A 1 is 8
`

/** Fewest and most points of the median schedule: what the figures are stated for. */
const MEDIAN_STEPS = [60, 140] as const
const STRATEGIES = ['pct', 'random', 'dfs'] as const
/** Steps of one actor in a schedule of bench/steps.ts, and how many actors it has. */
const STEP_THREADS = ['step', 'step']

export interface ExploreBenchOptions {
  /** Schedules measured of each strategy. Default 5000. */
  readonly schedules?: number
  /** Schedules run before those. Default 2000. */
  readonly warmUp?: number
  /** In the place of the benchmark's own scenario. */
  readonly scenario?: string
  /** Default: what the scenario says. */
  readonly era?: Era
}

/** Runs the benchmark. Throws HmmError where it was not what it should be. */
export async function exploreBench(options: ExploreBenchOptions = {}): Promise<BenchResult[]> {
  const { schedules = 5000, warmUp = 2000, scenario = FIVE_ACTORS } = options
  const parsed = parseConcurrent('bench/explore.ts', scenario)
  const prepared = prepareScenario(options.era === undefined ? parsed : inEra(parsed, options.era))
  const results: BenchResult[] = []
  for (const strategy of STRATEGIES) results.push(await strategyResult(prepared, strategy, schedules, warmUp))
  const [first, ...others] = results as [BenchResult, ...BenchResult[]]
  return [first, ...others.map((one) => relativeTo(one, first)), await stepResult(Math.ceil(schedules / 10))]
}

async function strategyResult(
  prepared: Prepared,
  strategy: (typeof STRATEGIES)[number],
  schedules: number,
  warmUp: number,
): Promise<BenchResult> {
  const name = `explore/${strategy}`
  const runs = new Runs({ ...prepared.stage, ...onOneCore() })
  try {
    const cold = await journalled(runs, name, strategy, warmUp)
    const { report, entries } = await journalled(runs, name, strategy, schedules)
    if (runs.actorNames.length !== 5) throw failed(name, `the scenario has ${runs.actorNames.length} actors, not 5`)
    const median = middle(entries.map(({ steps }) => steps))
    if (median < MEDIAN_STEPS[0] || median > MEDIAN_STEPS[1])
      throw failed(name, `the median schedule has ${median} points, not ${MEDIAN_STEPS.join(' to ')}`)
    const traces = new Set(entries.map(({ trace }) => trace)).size
    if (traces < Math.sqrt(entries.length))
      throw failed(name, `${entries.length} schedules made ${traces} different traces: this is no exploration`)
    const seconds = total(entries) / 1e9
    return {
      ...ofSamples(
        name,
        entries.map(({ ns }) => ns),
      ),
      actors: runs.actorNames.length,
      steps_per_s: Math.round(report.steps / seconds),
      median_steps: median,
      switches_per_schedule: round(report.switches / report.schedules, 1),
      distinct_traces: traces,
      cold_schedules_per_s: Math.round((cold.entries.length / total(cold.entries)) * 1e9),
    }
  } finally {
    await runs.close()
  }
}

/** Two actors that only step, one after the other: a schedule has one switch and thousands of steps. */
async function stepResult(schedules: number): Promise<BenchResult> {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const module = fileURLToPath(new URL(`./steps${extension}`, import.meta.url))
  const runs = new Runs({ ...prepareActors({ module, threads: STEP_THREADS }).stage, teardown: false })
  const name = 'explore/step'
  try {
    await journalled(runs, name, 'pct', Math.ceil(schedules / 5), 1)
    const { report, entries } = await journalled(runs, name, 'pct', schedules, 1)
    const steps = middle(entries.map((one) => one.steps))
    if (steps < 1000 || report.steps !== steps * report.schedules)
      throw failed(name, `its schedules have ${steps} points, ${report.steps} in all`)
    const times = entries.map(({ ns }) => ns)
    return { ...ofSamples(name, times, steps), ns_per_step: round(middle(times) / steps, 1) }
  } finally {
    await runs.close()
  }
}

async function journalled(
  runs: Runs,
  name: string,
  strategy: (typeof STRATEGIES)[number],
  count: number,
  depth = 3,
): Promise<{ report: RunReport; entries: JournalEntry[] }> {
  const journal = new SharedArrayBuffer(Journal.bytes(count))
  const report = await runs.run({
    strategy: { name: strategy, seed: 1, depth, preemptions: 2, loose: false },
    count,
    teardownEvery: 16,
    journal,
  })
  const entries = new Journal(journal).entries()
  if (report.violation !== null) throw failed(name, `schedule ${report.number}: ${report.violation.message}`)
  if (report.cutOff || report.schedules !== count || entries.length !== count)
    throw failed(name, `${entries.length} of ${count} schedules ran to their end`)
  return { report, entries }
}

function failed(name: string, why: string): HmmError {
  return new HmmError('HMM_ERR_BENCH', `${name}: ${why}`)
}

function total(entries: readonly JournalEntry[]): number {
  return entries.reduce((sum, { ns }) => sum + ns, 0)
}

function middle(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] as number
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits))
}
