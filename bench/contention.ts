/**
 * `contention`: two devices fault on 16 pages that a cpu drops at a rising rate, in each era: contention/ERA/rate-N. One operation is a
 * write of an engine that faulted, from its first try until it is done.
 *
 *   drops_per_s           how often the pages were dropped indeed: the cpu does what it can
 *   retries_per_success   fills that an invalidation spoilt, for each fault that was served
 *   longest_chain         retries in a row for one fault
 *
 * `relative_to` is the same era at its lowest rate. The machine has six actors, of which five can be awake.
 */
import type { Era } from '../shared/hmm/era.ts'
import { ERAS_THERE } from '../shared/hmm/protocol.ts'
import { HmmError } from '../shared/seam/error.ts'
import { driverUrl } from '../src/drivers.ts'
import type { Machine } from '../src/machine.ts'
import { courseRow, onMachine, runCourse } from './courses.ts'
import { type BenchResult, relativeTo } from './measure.ts'

export interface ContentionOptions {
  /** Seconds of each row. Default 0.5. */
  readonly seconds?: number
  /** Default: all that this build has. */
  readonly eras?: readonly Era[]
  /** Drops a second. */
  readonly rates?: readonly number[]
}

const DEVICES = 2
/** No engine serves more faults in a second: a fault takes two hand-overs. */
const MOST_FAULTS_PER_S = 500_000
/** Seconds in which the workers compile what they run. */
const WARM_UP_S = 0.2

/** Runs the benchmark. */
export async function contentionBench(options: ContentionOptions = {}): Promise<BenchResult[]> {
  const { seconds = 0.5, eras = ERAS_THERE, rates = [500, 2000, 8000, 32000] } = options
  const results: BenchResult[] = []
  for (const era of eras) results.push(...(await curve(era, rates, seconds)))
  return results
}

function curve(era: Era, rates: readonly number[], seconds: number): Promise<BenchResult[]> {
  const drivers = new Array<string>(DEVICES).fill(driverUrl('svm'))
  return onMachine({ cpus: 1, drivers, era }, async (machine) => {
    const rows: BenchResult[] = []
    await contend(machine, `contention/${era}`, rates[0] ?? 0, Math.min(seconds, WARM_UP_S))
    for (const rate of rates) {
      machine.reset()
      const row = await contend(machine, `contention/${era}/rate-${rate}`, rate, seconds)
      rows.push(rows[0] === undefined ? row : relativeTo(row, rows[0]))
    }
    return rows
  })
}

async function contend(machine: Machine, name: string, dropsPerS: number, seconds: number): Promise<BenchResult> {
  const run = await runCourse(
    machine,
    {
      name,
      seconds,
      takers: DEVICES,
      course: () => ({ name: 'contention', devices: DEVICES, dropsPerS, seconds }),
      least: 1,
      warm: 1,
      timesPerUnit: MOST_FAULTS_PER_S * seconds,
    },
    1,
  )
  const faults = run.stat('faults')
  const drops = run.stat('invalidations')
  if (drops === 0 || faults < run.ns.length || run.stat('cancelledFaults') > 0)
    throw new HmmError('HMM_ERR_BENCH', `${name}: ${faults} faults under ${drops} drops`)
  return {
    ...courseRow(name, run),
    drops_per_s: Math.round(drops / seconds),
    retries_per_success: Number((run.stat('retries') / faults).toFixed(4)),
    longest_chain: run.stat('longestRetryChain'),
  }
}
