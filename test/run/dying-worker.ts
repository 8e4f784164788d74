/** A run worker that runs its first files as any other, and then ends its thread as a crash would. */
import type { MessagePort } from 'node:worker_threads'
import type { FromDealer, WorkerTask } from '../../src/pool/protocol.ts'
import type { Runnable } from '../../src/run/lane.ts'

const FILES_BEFORE = 3

export default function die({ port }: WorkerTask<unknown>): Promise<void> {
  return new Promise(() => {
    port.on('message', (message: FromDealer<Runnable>) => answer(port, message))
    port.postMessage({ say: 'ready' })
  })
}

function answer(port: MessagePort, message: FromDealer<Runnable>): void {
  const files = message.say === 'units' ? message.units : []
  for (const { file } of files.slice(0, FILES_BEFORE)) port.postMessage({ say: 'result', result: { file, ok: true } })
  process.exit(7)
}
