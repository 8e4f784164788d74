/** What a round trip between two threads costs here: a pool of two, one of which measures. */
import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import type { How, RoundTripTask } from '../../bench/roundtrip.ts'
import { median } from '../bench/median.ts'
import { workerFlags } from '../remote.ts'

export interface RoundTrips {
  /** null: the other thread did not answer. */
  readonly futex_ns: number | null
  readonly spin_ns: number | null
  readonly message_ns: number | null
}

const WORKER = new URL(`../../bench/roundtrip${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
/** Time that each is measured for. */
const FOR_MS = 200

/** Measures all three. Throws where no thread can be started. */
export async function roundTrips(): Promise<RoundTrips> {
  const pool = new Piscina({
    filename: WORKER.href,
    minThreads: 2,
    maxThreads: 2,
    // Messages are one of the things that are measured: a thread must be at its event loop, not parked for the pool's own.
    atomics: 'disabled',
    execArgv: workerFlags(),
  })
  pool.on('error', () => {}) // its tasks reject, and say what is wrong
  try {
    return {
      futex_ns: await roundTrip(pool, 'futex'),
      spin_ns: await roundTrip(pool, 'spin'),
      message_ns: await roundTrip(pool, 'message'),
    }
  } finally {
    await pool.destroy()
  }
}

async function roundTrip(pool: Piscina, how: How): Promise<number | null> {
  const { port1, port2 } = new MessageChannel()
  const words = new SharedArrayBuffer(8)
  const run = (role: RoundTripTask['role'], port: typeof port1): Promise<number[]> =>
    pool.run({ role, how, words, port, forMs: FOR_MS } satisfies RoundTripTask, { transferList: [port] })
  const [, times] = await Promise.all([run('pong', port1), run('ping', port2)])
  return times.length === 0 ? null : Math.round(median(times))
}
