/**
 * `peers`: what a number there and back costs between two threads, by other means than the runtime's.
 *
 *   floor/futex-round-trip   two workers, each in Atomics.wait until the other notifies it: what two sleeps and two wake-ups cost
 *   floor/spin-round-trip    two workers that look at a word all the time: what two cores need to tell each other
 *   peer/messageport         a MessageChannel between two workers
 *   peer/comlink             a call over one, between two workers
 *   peer/piscina             a task for a pool of one worker
 *
 * Every number that comes back is compared with the one that was sent; the waits of the futex round trip must have slept.
 *
 * The other benchmarks of several threads measure the floors themselves, in the same call as what they compare with them.
 */
import { fileURLToPath } from 'node:url'
import { MessageChannel, Worker } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { placeOnCores } from '../src/cores.ts'
import { type BenchResult, ofSamples, relativeTo } from './measure.ts'
import type { PeerSetup, PeerStarted, PeerTimes } from './peer.ts'

export interface PeersOptions {
  /** Seconds of each. Default 0.5. */
  readonly seconds?: number
}

const FUTEX = 'floor/futex-round-trip'
const SPIN = 'floor/spin-round-trip'
/** A spin round trip takes not much more than reading the clock: so many are timed as one. */
const SPIN_BATCH = 2048
/** Share of the asker's waits that must have slept for a futex round trip to be one. */
const LEAST_SLEPT = 0.5
/** What a pair may take beyond its time: two workers have to start, and each trip of a spin may take a time slice. */
const DEADLINE_MS = 20_000

/** Runs the benchmark. */
export async function peersBench({ seconds = 0.5 }: PeersOptions = {}): Promise<BenchResult[]> {
  const { futex, spin } = await roundTripFloors(seconds)
  const messageport = await messagePortPeer(seconds)
  const comlink = await pair('peer/comlink', { means: 'comlink', seconds, batch: 1 })
  const others = [messageport, comlink, await piscinaRow(seconds)]
  return [futex, spin, ...others.map((one) => [messageport, futex, spin].filter((base) => base !== one).reduce(relativeTo, one))]
}

/** What two threads that tell each other something cost at least: asleep, and awake. `cores`: each end on one of them. */
export async function roundTripFloors(
  seconds = 0.5,
  cores?: readonly number[],
): Promise<{ futex: BenchResult; spin: BenchResult }> {
  return { futex: await futexFloor(seconds, cores), spin: await spinFloor(seconds, cores) }
}

/** Two threads that wake each other. */
export function futexFloor(seconds = 0.5, cores?: readonly number[], deadlineMs?: number): Promise<BenchResult> {
  return pair(FUTEX, { means: 'futex', seconds, batch: 1 }, cores, deadlineMs)
}

/** Two threads that look at a word all the time. */
export function spinFloor(seconds = 0.5, cores?: readonly number[], deadlineMs?: number): Promise<BenchResult> {
  return pair(SPIN, { means: 'spin', seconds, batch: SPIN_BATCH }, cores, deadlineMs)
}

/** A number there and back by postMessage. */
export function messagePortPeer(seconds = 0.5, cores?: readonly number[], deadlineMs?: number): Promise<BenchResult> {
  return pair('peer/messageport', { means: 'messageport', seconds, batch: 1 }, cores, deadlineMs)
}

type Way = Pick<PeerSetup, 'means' | 'seconds' | 'batch'>

/** Throws HmmError: HMM_ERR_HUNG when a thread does not answer within `deadlineMs` beyond the time, HMM_ERR_BENCH for anything else. */
async function pair(name: string, way: Way, cores: readonly number[] = [], deadlineMs = DEADLINE_MS): Promise<BenchResult> {
  const words = new Int32Array(new SharedArrayBuffer(128))
  const { port1, port2 } = new MessageChannel()
  const workers = [startPeer({ ...way, asks: true, words, port: port1 }), startPeer({ ...way, asks: false, words, port: port2 })]
  let timer: NodeJS.Timeout | undefined
  try {
    const failed = new Promise<never>((_, reject) => {
      const late = new HmmError('HMM_ERR_HUNG', `${name}: no round trip came to its end`)
      timer = setTimeout(() => reject(late), way.seconds * 2000 + deadlineMs)
      for (const worker of workers) worker.once('error', reject)
    })
    const started = await Promise.race([failed, Promise.all(workers.map((worker) => messageOf<PeerStarted>(worker)))])
    await placeOnCores(
      started.map(({ thread }) => thread),
      cores,
    )
    workers[0]?.postMessage('begin')
    const times = await Promise.race([failed, messageOf<PeerTimes>(workers[0] as Worker)])
    if (way.means === 'futex' && times.slept < times.waits * LEAST_SLEPT)
      throw new Error(`of ${times.waits} waits only ${times.slept} slept`)
    return ofSamples(name, times.ns, way.batch)
  } catch (error) {
    if (error instanceof HmmError) throw error
    throw new HmmError('HMM_ERR_BENCH', `${name}: ${error instanceof Error ? error.message : String(error)}`)
  } finally {
    clearTimeout(timer)
    await Promise.all(workers.map((worker) => worker.terminate()))
  }
}

function messageOf<T>(worker: Worker): Promise<T> {
  return new Promise((resolve) => worker.once('message', resolve))
}

function startPeer(setup: PeerSetup): Worker {
  return new Worker(sibling('peer'), { workerData: setup, transferList: [setup.port], execArgv: [], stdout: true, stderr: true })
}

async function piscinaRow(seconds: number): Promise<BenchResult> {
  const name = 'peer/piscina'
  const pool = new Piscina({ filename: fileURLToPath(sibling('echo')), minThreads: 1, maxThreads: 1 })
  try {
    const ns: number[] = []
    let value = 0
    await pool.run(value) // by now its worker has started
    const from = hostNowNs() + seconds * 0.25e9
    const until = from + seconds * 1e9
    for (let last = hostNowNs(); ns.length < 20 || last < until; ) {
      const back = (await pool.run(++value)) as number
      if (back !== value) throw new HmmError('HMM_ERR_BENCH', `${name}: ${value} was sent, and ${back} came back`)
      const now = hostNowNs()
      if (now >= from) ns.push(now - last)
      last = now
    }
    return ofSamples(name, ns)
  } finally {
    await pool.destroy()
  }
}

/** Another module of this folder, with the extension that this one runs with. */
function sibling(name: string): URL {
  return new URL(`./${name}${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)
}
