/**
 * `demo`: what this is for, in seconds and without any setting. A race that real drivers had is put into a driver and found; the same
 * scenario with the driver as it must be is clean in every schedule with as many preemptions as the race needs; then the driver runs on
 * real threads under load.
 */
import { fileURLToPath } from 'node:url'
import { type ExploreResult, explore } from './explore.ts'
import { raceById } from './races/index.ts'
import { driversWithout, type Race } from './races/race.ts'
import { type StressResult, stress } from './stress.ts'
import type { StressProgress } from './stressfigures.ts'
import { packageUrl } from './version.ts'

/** How the demo is run. */
export interface DemoOptions {
  readonly seed?: number
  /** Seconds under load. Default 4. */
  readonly seconds?: number
  /** Called before the first part, and after each with what came of it. */
  readonly onRace?: (race: Race) => void
  readonly onFound?: (result: ExploreResult) => void
  readonly onFixed?: (result: ExploreResult) => void
  readonly onLoad?: (result: StressResult) => void
  /** About once a second under load. */
  readonly onProgress?: (progress: StressProgress) => void
  /** Ends the demo early when aborted: what was not begun is not in the result. */
  readonly signal?: AbortSignal
}

/** What `hmm demo --json` prints, apart from the frame that every document has. */
export interface DemoResult {
  /** Id of the race that is put in. */
  readonly bug: string
  readonly found?: ExploreResult
  /** The same scenario without the race. */
  readonly fixed?: ExploreResult
  readonly load?: StressResult
  /** It was ended early from outside. */
  readonly interrupted: boolean
}

const BUG = 'recheck-outside-lock'
/** Found within some hundred, whatever the seed (docs/races.md): over ten times that. */
const SCHEDULES = 5000
/** What the find is shrunk to. All schedules with so many take a second. */
const PREEMPTIONS = 1
const SECONDS = 4

/** Runs the demo. Throws RunFailure when a run itself failed. */
export async function demo(options: DemoOptions = {}): Promise<DemoResult> {
  const { seed = 1, seconds = SECONDS, signal } = options
  const scenario = fileURLToPath(packageUrl('src/demo/scenario.scn'))
  const race = await raceById(BUG)
  const common = { scenario, seed, jobs: 1, ...(signal === undefined ? {} : { signal }) }
  options.onRace?.(race)
  const found = await explore({ ...common, bug: BUG, schedules: SCHEDULES })
  options.onFound?.(found)
  if (stopped(found, signal)) return { bug: BUG, found, interrupted: true }
  const fixed = await explore({ ...common, drivers: driversWithout(race), strategy: 'dfs', preemptions: PREEMPTIONS })
  options.onFixed?.(fixed)
  if (stopped(fixed, signal)) return { bug: BUG, found, fixed, interrupted: true }
  const load = await stress({
    seed,
    seconds,
    ...(signal === undefined ? {} : { signal }),
    ...(options.onProgress === undefined ? {} : { onProgress: options.onProgress }),
  })
  options.onLoad?.(load)
  return { bug: BUG, found, fixed, load, interrupted: load.interrupted }
}

function stopped(result: ExploreResult, signal: AbortSignal | undefined): boolean {
  return result.interrupted || signal?.aborted === true
}
