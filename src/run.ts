/**
 * `run`: sequential scenario files on recycled machines, spread over the cores, each answer compared with what a real kernel
 * recorded, and after each file an audit that everything came back.
 */
import { availableParallelism } from 'node:os'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { readScenario, scenarioFiles } from './run/files.ts'
import { Lane, type LaneSetup, MAX_ENGINES, SCENARIO_DEVICES } from './run/lane.ts'
import { countFiles, type FileResult, inItsFile, type RunResult } from './run/result.ts'
import { CHUNK, spread } from './run/spread.ts'
import type { SequentialScenario } from './scenario/parse.ts'

/** On what machines recorded files are run. */
export interface RunOptions {
  readonly notify?: 'dispatcher' | 'inline'
  /** Which protocol the drivers run on. Default `sequence`; answers that a CPU sees are the same in all that the drivers run on. */
  readonly era?: Era
  /** Engine workers alive in each machine, 1 to 8. Default 2, one for each device that a scenario can name. */
  readonly engines?: number
  readonly seed?: number
  /** Machines at work at once, 1 to 256. Default: one for each core, if there are files enough. 1 runs all from this thread. */
  readonly jobs?: number
  /** Called for each file, in the order of the files. */
  readonly onFile?: (result: FileResult) => void
  /** Ends the run early: the result has the files that were run. */
  readonly signal?: AbortSignal
}

const MAX_JOBS = 256
const DEFAULT_ENGINES = SCENARIO_DEVICES
/** Files that are worth another machine: about as many run in the time in which one boots and warms up. */
const WORTH_A_MACHINE = 200

/** Runs scenario files. Every file is parsed before the first is run. Throws InputError, RunFailure, or HmmError for an option. */
export async function run(paths: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const began = hostNowNs()
  const cores = availableParallelism()
  const { notify = 'dispatcher', era = DEFAULT_ERA, engines = DEFAULT_ENGINES, seed = 1, signal } = options
  if (options.jobs !== undefined) checkWhole('jobs', options.jobs, MAX_JOBS)
  checkWhole('engines', engines, MAX_ENGINES)
  const scenarios = scenarioFiles(paths).map(readScenario)
  const jobs =
    options.jobs === undefined
      ? Math.max(1, Math.min(cores, Math.floor(scenarios.length / WORTH_A_MACHINE)))
      : Math.min(options.jobs, Math.ceil(scenarios.length / CHUNK))
  const setup: LaneSetup = { notify, era, engines, seed, cores: Math.max(1, Math.floor(cores / jobs)) }
  const files: FileResult[] = []
  const onResult = (bare: FileResult, index: number) => {
    const result = inItsFile(bare, scenarios[index] as SequentialScenario)
    files.push(result)
    options.onFile?.(result)
  }
  if (jobs === 1) await runHere(scenarios, setup, onResult, signal)
  else await spread(scenarios, { jobs, setup, onResult, signal })
  const seconds = Math.round((hostNowNs() - began) / 1e6) / 1e3
  return { notify, era, engines, seed, seconds, interrupted: files.length < scenarios.length, ...countFiles(files) }
}

async function runHere(
  scenarios: readonly SequentialScenario[],
  setup: LaneSetup,
  onResult: (result: FileResult, index: number) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const lane = new Lane(setup)
  try {
    for (const [index, scenario] of scenarios.entries()) {
      if (signal?.aborted === true) return
      onResult(await lane.run(scenario), index)
    }
  } finally {
    await lane.close()
  }
}

function checkWhole(name: string, value: number, max: number): void {
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new HmmError('HMM_ERR_CONFIG', `${name} is a whole number from 1 to ${max}, not ${value}`)
}
