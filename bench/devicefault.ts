/**
 * `device-fault`: an engine writes to a page that is not there: the fault is raised, the service fills the mirror and replays, and the
 * write is done.
 *
 *   device-fault           the service sleeps: it is woken, and so is the engine, unless it still looks
 *   device-fault/stream    one such write after the other
 *
 * Engine and service are kept on a core each, where the host can do that, as are the two ends of a floor.
 *
 * Every write must have raised one fault, none may have been refused, and every page must hold what was written.
 */
import { FAULT_BATCH, WARM_UP_SHARE } from '../shared/actor/bench/course.ts'
import type { Era } from '../shared/hmm/era.ts'
import { HmmError } from '../shared/seam/error.ts'
import { usableCores } from '../src/cores.ts'
import { driverUrl } from '../src/drivers.ts'
import { courseRow, measureCourse, onMachine } from './courses.ts'
import { type BenchResult, relativeTo } from './measure.ts'
import { roundTripFloors } from './peers.ts'

export interface DeviceFaultOptions {
  /** Seconds of each row. Default 0.5. */
  readonly seconds?: number
  readonly era?: Era
}

/** Runs the benchmark. */
export async function deviceFaultBench({ seconds = 0.5, era }: DeviceFaultOptions = {}): Promise<BenchResult[]> {
  const placing = usableCores().slice(0, 2)
  const { futex, spin } = await roundTripFloors(seconds, placing)
  const boot = { cpus: 1, drivers: [driverUrl('svm')], placing, notify: 'inline', ...(era === undefined ? {} : { era }) } as const
  const rows = await onMachine(boot, async (machine) => {
    const rows: BenchResult[] = []
    for (const awake of [false, true]) {
      const name = awake ? 'device-fault/stream' : 'device-fault'
      if (rows.length > 0) machine.reset()
      const run = await measureCourse(machine, {
        name,
        seconds,
        course: (batches) => ({ name: 'fault', awake, batches }),
        least: WARM_UP_SHARE,
        warm: 50,
        timesPerUnit: FAULT_BATCH,
      })
      if (run.stat('cancelledFaults') > 0 || run.stat('faults') < run.ns.length)
        throw new HmmError('HMM_ERR_BENCH', `${name}: ${run.stat('faults')} faults for ${run.ns.length} writes`)
      rows.push(courseRow(name, run))
    }
    return rows
  })
  return [futex, spin, ...rows.map((row) => [futex, spin].reduce(relativeTo, row))]
}
