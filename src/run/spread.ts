/**
 * Spreads scenarios over run workers, each with a machine of its own. What comes out does not depend on how many there are:
 * chunks are dealt in the order of the files, results are passed on in that order, and when several files have an error, the
 * first of them is the one that is thrown.
 *
 * An error in a file stops the dealing; chunks that are dealt are finished, because a file in front of it may have one too.
 * A worker that dies ends the run at once: the others are ended with it.
 */
import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { RunFailure } from '../failure.ts'
import { workerFlags } from '../remote.ts'
import type { LaneSetup, Runnable } from './lane.ts'
import { errorOf, type FromDealer, type FromWorker, type WorkerTask } from './protocol.ts'
import type { FileResult } from './result.ts'

export interface SpreadOptions {
  readonly jobs: number
  readonly setup: LaneSetup
  /** Called for each file, in the order of the files. */
  readonly onResult: (result: FileResult, index: number) => void
  /** Ends the dealing: what has been dealt is finished. */
  readonly signal?: AbortSignal | undefined
  /** Module of the workers. */
  readonly worker?: URL
}

/** Scenarios dealt at once: about 50 ms of work, so that asking for them costs nothing and the lanes end together. */
export const CHUNK = 8

const WORKER = new URL(`./worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

/** Returns when every scenario has its result, or the signal ended the dealing. Throws InputError, or RunFailure. */
export async function spread(scenarios: readonly Runnable[], options: SpreadOptions): Promise<void> {
  const { jobs } = options
  const pool = new Piscina({
    filename: (options.worker ?? WORKER).href,
    minThreads: jobs,
    maxThreads: jobs,
    // A machine needs its worker's event loop; it must not be parked for the pool's own messages.
    atomics: 'disabled',
    execArgv: workerFlags(),
  })
  // Said of a worker that has no task (any more). Each worker has one from start to end, and its task says what is wrong.
  pool.on('error', () => {})
  const deal = new Deal(scenarios, options)
  const lanes = Array.from({ length: jobs }, () => serveLane(pool, deal, options.setup))
  try {
    await Promise.all(lanes)
  } finally {
    await pool.destroy()
    await Promise.allSettled(lanes)
  }
  deal.throwFirstFault()
}

/** Starts a run worker and serves it until it has ended. Rejects if it died, or if a result could not be passed on. */
async function serveLane(pool: Piscina, deal: Deal, setup: LaneSetup): Promise<void> {
  const { port1, port2 } = new MessageChannel()
  /** Indexes of the files that this worker has been dealt and has not answered. */
  let open: number[] = []
  const closed = new Promise<void>((resolve) => port1.once('close', resolve))
  const broken = new Promise<never>((_, reject) => {
    port1.on('message', (message: FromWorker) => {
      try {
        if (message.say === 'result') deal.put(open.shift() as number, message.result)
        else if (message.say === 'fault') deal.fault(open[0] as number, errorOf(message.fault))
        else {
          open = deal.next()
          port1.postMessage((open.length === 0 ? null : open.map((i) => deal.scenario(i))) satisfies FromDealer)
        }
      } catch (error) {
        reject(error)
      }
    })
  })
  try {
    const task: WorkerTask = { port: port2, setup }
    const ended = pool.run(task, { transferList: [port2] }).catch(async (error: Error) => {
      port2.close() // of use only if it was never handed over: the worker died before it had its task
      await closed // what it said before it died has been heard
      const file = open[0] === undefined ? 'before its first file' : `in ${deal.scenario(open[0]).file}`
      throw new RunFailure('HMM_ERR_DIED', `a run worker died ${file}: ${error.message}`, { cause: error })
    })
    await Promise.race([ended, broken])
  } finally {
    port1.close()
  }
}

/** Who runs what, and what has come of it. */
class Deal {
  private readonly scenarios: readonly Runnable[]
  private readonly options: SpreadOptions
  private readonly results = new Map<number, FileResult>()
  private readonly faults = new Map<number, Error>()
  private dealt = 0
  private passedOn = 0

  constructor(scenarios: readonly Runnable[], options: SpreadOptions) {
    this.scenarios = scenarios
    this.options = options
  }

  scenario(index: number): Runnable {
    const { file, lines } = this.scenarios[index] as Runnable
    return { file, lines }
  }

  /** Indexes of the next chunk: none when all are dealt, or no more shall be. */
  next(): number[] {
    if (this.faults.size > 0 || this.options.signal?.aborted === true) return []
    const first = this.dealt
    this.dealt = Math.min(first + CHUNK, this.scenarios.length)
    return Array.from({ length: this.dealt - first }, (_, i) => first + i)
  }

  /** Passes on what can be: a result waits for those of all files before it. */
  put(index: number, result: FileResult): void {
    this.results.set(index, result)
    for (;;) {
      const next = this.results.get(this.passedOn)
      if (next === undefined) return
      this.results.delete(this.passedOn)
      this.options.onResult(next, this.passedOn++)
    }
  }

  fault(index: number, error: Error): void {
    this.faults.set(index, error)
  }

  throwFirstFault(): void {
    if (this.faults.size > 0) throw this.faults.get(Math.min(...this.faults.keys()))
  }
}
