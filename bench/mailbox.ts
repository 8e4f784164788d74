/**
 * `mailbox`: one message there and back between two cpus of a machine, over the ring that its data plane uses (shared/sync/ring.ts).
 *
 *   mailbox/awake    the receiver has just answered the message before, and still looks for the next one
 *   mailbox/parked   the receiver sleeps
 *
 * Beside MessagePort, and what two threads need at least: a futex round trip for two that sleep, a spin round trip for two awake. Each
 * answer is compared with what was sent.
 *
 * In all of them the two ends are kept on a core each, where the host can do that. Left alone, a busy host puts both on one core, as
 * they take turns: then nobody is awake while the other runs, and what is measured is the host's switch from one to the other.
 */
import { MAIL_BATCH } from '../shared/actor/bench/course.ts'
import { usableCores } from '../src/cores.ts'
import { courseRow, measureCourse, onMachine } from './courses.ts'
import { type BenchResult, relativeTo } from './measure.ts'
import { messagePortPeer, roundTripFloors } from './peers.ts'

export interface MailboxOptions {
  /** Seconds of each row. Default 0.5. */
  readonly seconds?: number
}

/** Runs the benchmark. */
export async function mailboxBench({ seconds = 0.5 }: MailboxOptions = {}): Promise<BenchResult[]> {
  const cores = usableCores().slice(0, 2)
  const { futex, spin } = await roundTripFloors(seconds, cores)
  const messageport = await messagePortPeer(seconds, cores)
  const rows = await onMachine({ cpus: 2, notify: 'inline', bytes: 2 ** 21, placing: cores }, async (machine) => {
    const rows: BenchResult[] = []
    for (const parked of [false, true]) {
      const name = parked ? 'mailbox/parked' : 'mailbox/awake'
      const batch = parked ? 1 : MAIL_BATCH
      if (rows.length > 0) machine.reset()
      const run = await measureCourse(machine, {
        name,
        seconds,
        course: (rounds) => ({ name: 'mailbox', parked, rounds }),
        least: 200 * batch,
        warm: 5000,
        timesPerUnit: 1 / batch,
      })
      rows.push(courseRow(name, run, batch))
    }
    return rows
  })
  return [futex, spin, messageport, ...rows.map((row) => [messageport, futex, spin].reduce(relativeTo, row))]
}
