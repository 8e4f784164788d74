/**
 * `invalidate`: a cpu unmaps one page that 1, 2 or 4 devices mirror: from munmap until it returns, when no engine reaches the page and
 * its frame is free.
 *
 *   invalidate/N/inline/...       the callbacks of the drivers run on the cpu that unmaps
 *   invalidate/N/dispatcher/...   they run on the dispatcher, which sleeps until then
 *   .../idle                      the engines sleep
 *   .../running                   they are at bursts of accesses to other pages
 *
 * `hop_futex_round_trips` is what the dispatcher adds to inline, in futex round trips of the same call. The machine has a cpu, an engine
 * and a service for each device, and maybe the dispatcher: `actors`. They are kept on two cores in turn, where the host can do that, and
 * so are the two ends of a floor: whether who is woken is on the waker's core makes a difference of three.
 *
 * The work is checked: the frames that come back, what engines read before, that they are refused afterwards (unmap.ts), and here the
 * number of invalidations, who ran their callbacks, and the accesses of engines that run.
 */
import { UNMAP_BATCH, WARM_UP_SHARE } from '../shared/actor/bench/course.ts'
import type { Era } from '../shared/hmm/era.ts'
import { HmmError } from '../shared/seam/error.ts'
import { usableCores } from '../src/cores.ts'
import { driverUrl } from '../src/drivers.ts'
import type { BootOptions } from '../src/machine.ts'
import { type CourseRun, courseRow, measureCourse, onMachine } from './courses.ts'
import { type BenchResult, relativeTo } from './measure.ts'
import { roundTripFloors } from './peers.ts'

export interface InvalidateOptions {
  /** Seconds of each row. Default 0.5. */
  readonly seconds?: number
  readonly era?: Era
  /** Default 1, 2 and 4. */
  readonly engines?: readonly number[]
  /** Module URL of a driver in the place of svm. */
  readonly driver?: string
}

const MODES = ['inline', 'dispatcher'] as const
type Mode = (typeof MODES)[number]

/** Runs the benchmark. */
export async function invalidateBench(options: InvalidateOptions = {}): Promise<BenchResult[]> {
  const { seconds = 0.5, engines = [1, 2, 4], driver = driverUrl('svm'), era } = options
  const placing = usableCores().slice(0, 2)
  const { futex, spin } = await roundTripFloors(seconds, placing)
  const results: BenchResult[] = []
  for (const devices of engines) {
    const drivers = new Array<string>(devices).fill(driver)
    const boot = { cpus: 1, drivers, placing, ...(era === undefined ? {} : { era }) }
    const inline = await rowsOf(boot, 'inline', seconds)
    const dispatcher = await rowsOf(boot, 'dispatcher', seconds)
    results.push(...inline)
    for (const [i, row] of dispatcher.entries()) {
      const base = inline[i] as BenchResult
      const hops = (row.p50_ns - base.p50_ns) / futex.p50_ns
      results.push({ ...relativeTo(row, base), hop_futex_round_trips: Number(hops.toFixed(2)) })
    }
  }
  return [futex, spin, ...results.map((row) => [futex, spin].reduce(relativeTo, row))]
}

/** Engines idle, engines running. */
function rowsOf(boot: BootOptions, mode: Mode, seconds: number): Promise<BenchResult[]> {
  return onMachine({ ...boot, notify: mode }, async (machine) => {
    const { devices } = machine.config
    const rows: BenchResult[] = []
    for (const running of [false, true]) {
      const name = `invalidate/${devices}/${mode}/${running ? 'running' : 'idle'}`
      if (rows.length > 0) machine.reset()
      const run = await measureCourse(machine, {
        name,
        seconds,
        course: (batches) => ({ name: 'unmap', devices, running, batches }),
        least: WARM_UP_SHARE,
        warm: 200,
        timesPerUnit: UNMAP_BATCH,
      })
      check(name, run, mode, devices, running)
      rows.push(courseRow(name, run))
    }
    return rows
  })
}

/** Throws where the machine did something else than the row says. */
function check(name: string, run: CourseRun, mode: Mode, devices: number, running: boolean): void {
  const invalidations = run.stat('invalidations')
  const dispatched = run.stat('dispatched')
  const accesses = run.stat('deviceAccesses')
  const problem =
    invalidations < run.ns.length
      ? `${run.ns.length} pages were unmapped with ${invalidations} invalidations`
      : dispatched !== (mode === 'dispatcher' ? invalidations : 0)
        ? `the dispatcher ran the callbacks of ${dispatched} of ${invalidations} invalidations`
        : running && accesses < 2 * run.ns.length * devices
          ? `the engines made ${accesses} accesses meanwhile`
          : null
  if (problem !== null) throw new HmmError('HMM_ERR_BENCH', `${name}: ${problem}`)
}
