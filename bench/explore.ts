/**
 * `explore`: schedules of a five-actor scenario (two cpus, dispatcher, engine, service) per second, under PCT with d = 3 and under
 * the random walk, in worker mode; and what one step costs when nobody is switched to.
 *
 *   explore/pct, explore/random   one operation is a schedule, wound back, with its audits
 *   explore/step                  one operation is a point at which the actor that moves goes on
 */
import { fileURLToPath } from 'node:url'
import { type ExploreResult, explore } from '../src/explore.ts'
import { parseConcurrent } from '../src/scenario/concurrent.ts'

/** One figure of this benchmark. */
export interface ExploreFigure {
  readonly name: string
  /** Operations measured. */
  readonly n: number
  readonly mean_ns: number
  readonly ops_per_s: number
  /** Points and switches of a schedule, on average. */
  readonly steps: number
  readonly switches: number
}

const SCENARIO = `scenario five-actors
notifier dispatcher
device 0 svm
setup
  mmap A 1 rw private
  store A 0 7
thread dropper cpu
  madvise A 0 1 dontneed
thread reader cpu
  load A 0
thread gpu dev 0
  dread 0 A 0 1
`

/** Runs the benchmark: `schedules` of each strategy, after a tenth of that to warm up. */
export async function exploreFigures(schedules = 5000): Promise<ExploreFigure[]> {
  const scenario = parseConcurrent('bench/explore.ts', SCENARIO)
  const figures: ExploreFigure[] = []
  for (const strategy of ['pct', 'random'] as const) {
    const result = await explore({ scenario, strategy, depth: 3, schedules })
    figures.push(figure(`explore/${strategy}`, result, result.schedules))
  }
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const module = fileURLToPath(new URL(`./steps${extension}`, import.meta.url))
  const steps = await explore({ actors: { module, threads: ['step', 'step'] }, depth: 1, schedules: schedules / 5 })
  return [...figures, figure('explore/step', steps, steps.steps)]
}

function figure(name: string, result: ExploreResult, n: number): ExploreFigure {
  return {
    name,
    n,
    mean_ns: (result.seconds * 1e9) / n,
    ops_per_s: n / result.seconds,
    steps: result.steps / result.schedules,
    switches: result.switches / result.schedules,
  }
}
