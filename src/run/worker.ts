/**
 * A run worker: one task of the pool. It owns a lane, asks for scenarios until there are none, and leaves nothing running
 * when its task ends.
 */
import { once } from 'node:events'
import type { MessagePort } from 'node:worker_threads'
import { Lane } from './lane.ts'
import { type FromDealer, type FromWorker, faultOf, type WorkerTask } from './protocol.ts'

export default async function runLane({ port, setup }: WorkerTask): Promise<void> {
  const lane = new Lane(setup)
  const say = (message: FromWorker) => port.postMessage(message)
  try {
    for (;;) {
      const chunk = await nextChunk(port)
      if (chunk === null) return
      try {
        for (const scenario of chunk) say({ say: 'result', result: await lane.run(scenario) })
      } catch (error) {
        say({ say: 'fault', fault: faultOf(error) })
      }
    }
  } finally {
    await lane.close()
    port.close()
  }
}

async function nextChunk(port: MessagePort): Promise<FromDealer> {
  const answer = once(port, 'message')
  port.postMessage({ say: 'ready' } satisfies FromWorker)
  const [chunk] = (await answer) as [FromDealer]
  return chunk
}
