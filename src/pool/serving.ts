/**
 * The worker's end of a pool: one task from start to end. It owns a lane, asks for units until there are none, and leaves nothing
 * running when its task ends.
 */
import type { FromDealer, FromWorker, WorkerTask } from './protocol.ts'
import { faultOf } from './protocol.ts'

/** What works in a pool worker, one unit after the other. */
export interface PoolLane<Unit, Result, News> {
  /** Throws what the dealer shall hear. An aborted signal ends the unit early, with what there is. */
  run(unit: Unit, signal: AbortSignal, tell: (news: News) => void): Promise<Result>
  close(): Promise<void>
}

/** Serves the dealer on the port of `task` with `lane`. */
export async function serve<Unit, Result, News>(
  { port }: Pick<WorkerTask<unknown>, 'port'>,
  lane: PoolLane<Unit, Result, News>,
): Promise<void> {
  const say = (message: FromWorker<Result, News>) => port.postMessage(message)
  let stop = new AbortController()
  let dealt: (units: readonly Unit[]) => void = () => {}
  port.on('message', (message: FromDealer<Unit>) => {
    if (message.say === 'stop') return stop.abort()
    // A stop that was meant for what is over has come before this.
    stop = new AbortController()
    dealt(message.units)
  })
  try {
    for (;;) {
      const next = new Promise<readonly Unit[]>((resolve) => {
        dealt = resolve
      })
      say({ say: 'ready' })
      const units = await next
      if (units.length === 0) return
      try {
        for (const unit of units)
          say({ say: 'result', result: await lane.run(unit, stop.signal, (news) => say({ say: 'news', news })) })
      } catch (error) {
        say({ say: 'fault', fault: faultOf(error) })
      }
    }
  } finally {
    await lane.close()
    port.close()
  }
}
