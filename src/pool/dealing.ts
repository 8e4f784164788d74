/**
 * The dealer's end of a pool: starts workers, deals them units of work, and hears their results. What a unit is, which one is next,
 * and what becomes of a result is the dealer's; here is only that every worker is served and ended, however it went.
 *
 * There is one task for each worker, which asks for units, and not one for each unit: a machine is closed where it was booted, and
 * results arrive one by one. A worker that dies ends the whole at once: the others are ended with it.
 */
import { MessageChannel } from 'node:worker_threads'
import { Piscina } from 'piscina'
import { RunFailure } from '../failure.ts'
import { workerFlags } from '../remote.ts'
import { errorOf, type FromDealer, type FromWorker, type WorkerTask } from './protocol.ts'

/** Who decides what the workers do. What its calls throw ends the pool, and comes out of it. */
export interface Dealer<Unit, Result, News = never> {
  /** The next units for worker `lane`: none when it shall end. */
  next(lane: number): readonly Unit[]
  result(lane: number, unit: Unit, result: Result): void
  fault(lane: number, unit: Unit, error: Error): void
  news?(lane: number, unit: Unit, news: News): void
  /** `in FILE`, for the sentence about a worker that died; undefined: it had nothing to do yet. */
  where(unit: Unit | undefined): string
}

export interface PoolOptions<Setup> {
  /** Module of the workers; its default export takes a WorkerTask. */
  readonly worker: URL
  readonly jobs: number
  readonly setup: (lane: number) => Setup
  /** Is handed a function that tells worker `lane` to end its unit with what it has. */
  readonly onStop?: (stop: (lane: number) => void) => void
}

/** Deals until every worker has got no units. */
export async function deal<Setup, Unit, Result, News>(
  dealer: Dealer<Unit, Result, News>,
  options: PoolOptions<Setup>,
): Promise<void> {
  const { jobs, setup, worker } = options
  const pool = new Piscina({
    filename: worker.href,
    minThreads: jobs,
    maxThreads: jobs,
    // A machine needs its worker's event loop; it must not be parked for the pool's own messages.
    atomics: 'disabled',
    execArgv: workerFlags(),
  })
  // Said of a worker that has no task (any more). Each worker has one from start to end, and its task says what is wrong.
  pool.on('error', () => {})
  const channels = Array.from({ length: jobs }, () => new MessageChannel())
  options.onStop?.((lane) => channels[lane]?.port1.postMessage({ say: 'stop' } satisfies FromDealer<Unit>))
  const lanes = channels.map((channel, lane) => serveLane(pool, channel, lane, dealer, setup(lane)))
  try {
    await Promise.all(lanes)
  } finally {
    await pool.destroy()
    await Promise.allSettled(lanes)
  }
}

/** Starts a worker and serves it until it has ended. Rejects if it died, or if the dealer threw. */
async function serveLane<Setup, Unit, Result, News>(
  pool: Piscina,
  { port1, port2 }: MessageChannel,
  lane: number,
  dealer: Dealer<Unit, Result, News>,
  setup: Setup,
): Promise<void> {
  /** Units that this worker has been dealt and has not answered. */
  let open: Unit[] = []
  const closed = new Promise<void>((resolve) => port1.once('close', resolve))
  const hear = (message: FromWorker<Result, News>): void => {
    if (message.say === 'result') dealer.result(lane, open.shift() as Unit, message.result)
    else if (message.say === 'news') dealer.news?.(lane, open[0] as Unit, message.news)
    else if (message.say === 'fault') dealer.fault(lane, open[0] as Unit, errorOf(message.fault))
    else {
      const units = dealer.next(lane)
      open = [...units] // what followed a fault is not run
      port1.postMessage({ say: 'units', units } satisfies FromDealer<Unit>)
    }
  }
  const broken = new Promise<never>((_, reject) => {
    port1.on('message', (message: FromWorker<Result, News>) => {
      try {
        hear(message)
      } catch (error) {
        reject(error)
      }
    })
  })
  try {
    const task: WorkerTask<Setup> = { port: port2, setup }
    const ended = pool.run(task, { transferList: [port2] }).catch(async (error: Error) => {
      port2.close() // of use only if it was never handed over: the worker died before it had its task
      await closed // what it said before it died has been heard
      throw new RunFailure('HMM_ERR_DIED', `a run worker died ${dealer.where(open[0])}: ${error.message}`, { cause: error })
    })
    await Promise.race([ended, broken])
  } finally {
    port1.close()
  }
}
