/** A run worker that runs its first files as any other, and then ends its thread as a crash would. */
import type { MessagePort } from 'node:worker_threads'
import type { FromDealer, WorkerTask } from '../../src/run/protocol.ts'

const FILES_BEFORE = 3

export default function die({ port }: WorkerTask): Promise<void> {
  return new Promise(() => {
    port.on('message', (chunk: FromDealer) => answer(port, chunk))
    port.postMessage({ say: 'ready' })
  })
}

function answer(port: MessagePort, chunk: FromDealer): void {
  for (const { file } of chunk?.slice(0, FILES_BEFORE) ?? []) port.postMessage({ say: 'result', result: { file, ok: true } })
  process.exit(7)
}
