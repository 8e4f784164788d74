/**
 * `contended-locks`: two cpus at one lock, each taking and dropping it all the time; one operation is to take it, read or count up two
 * words, and drop it.
 *
 *   floor/atomics-contended    both add to one word: what moving its line between two cores costs
 *   locks/contended/...        the lock; rwsem-read-write, seqcount-read-write, rcu-read-retire: the times of a reader beside a writer
 *
 * The two words must be equal for whoever has the lock, and in the end as many as there were writers. The cpus are kept on a core each,
 * where the host can do that: left alone, a busy host puts both on one core, where they never meet.
 */
import { CONTENDED, LOCK_BATCH, WARM_UP_SHARE } from '../shared/actor/bench/course.ts'
import { usableCores } from '../src/cores.ts'
import { courseRow, measureCourse, onMachine } from './courses.ts'
import { type BenchResult, relativeTo } from './measure.ts'

export interface ContendedLocksOptions {
  /** Seconds of each row. Default 0.5. */
  readonly seconds?: number
}

/** Runs the benchmark. */
export function contendedLocksBench({ seconds = 0.5 }: ContendedLocksOptions = {}): Promise<BenchResult[]> {
  return onMachine({ cpus: 2, notify: 'inline', bytes: 2 ** 21, placing: usableCores().slice(0, 2) }, async (machine) => {
    const rows: BenchResult[] = []
    for (const lock of CONTENDED) {
      const name = lock === 'atomic' ? 'floor/atomics-contended' : `locks/contended/${lock}`
      if (rows.length > 0) machine.reset()
      const run = await measureCourse(machine, {
        name,
        seconds,
        course: (batches) => ({ name: 'locks', lock, batches }),
        least: 4 * WARM_UP_SHARE,
        warm: 20,
        timesPerUnit: 1,
      })
      const row = courseRow(name, run, LOCK_BATCH)
      rows.push(rows[0] === undefined ? row : relativeTo(row, rows[0]))
    }
    return rows
  })
}
