/**
 * Calls to a worker: comlink behind an interface of our own. comlink never settles a call whose worker is gone; here every
 * call ends, with its result, with the worker's death, or with its deadline.
 */
import { MessageChannel, type Worker } from 'node:worker_threads'
import { type Remote as ComlinkRemote, releaseProxy, wrap } from 'comlink'
import { HmmError } from '../shared/seam/error.ts'

/** The calls of `T`, each answered by a promise. No comlink type leaves this module. */
export type Remote<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<Awaited<R>> : never
}

export interface RemoteWorker<T> {
  readonly worker: Worker
  readonly calls: Remote<T>
  /** Settles when the worker has ended, however it came about: the sentence says how. */
  readonly ended: Promise<string>
  /** Ends the worker; waits for it at most `deadlineMs`. */
  terminate(deadlineMs?: number): Promise<void>
}

/** Flags a worker may inherit. Anything else in process.execArgv slows its start down or makes it fail. */
const INHERITED_FLAGS = [
  /^--enable-source-maps$/,
  /^--conditions=/,
  /^--no-warnings$/,
  /^--experimental-strip-types$/,
  /^--cpu-prof/,
]

export function workerFlags(flags: readonly string[] = process.execArgv): string[] {
  return flags.filter((flag) => INHERITED_FLAGS.some((pattern) => pattern.test(flag)))
}

/** Starts a worker with `create(port)` and wraps what it exposes on that port. */
export function startRemote<T>(
  name: string,
  create: (port: import('node:worker_threads').MessagePort) => Worker,
): RemoteWorker<T> {
  const { port1, port2 } = new MessageChannel()
  const worker = create(port2)
  // A MessagePort of node is an EventTarget with postMessage and start: all that comlink needs.
  const proxy = wrap<T>(port1 as unknown as Parameters<typeof wrap>[0]) as ComlinkRemote<object>
  const ended = new Promise<string>((resolve) => {
    worker.once('error', (error: Error) => resolve(`${name} died of an uncaught error: ${error.message}`))
    worker.once('exit', (code) => resolve(`${name} died: its thread ended with code ${code}`))
  })
  const died = ended.then((sentence) => {
    port1.close()
    throw new HmmError('HMM_ERR_DIED', sentence)
  })
  died.catch(() => {}) // observed by the calls that are pending; nobody else has to
  const calls = new Proxy({} as Remote<T>, {
    get:
      (_target, method) =>
      (...args: unknown[]) => {
        const call = (proxy as unknown as Record<PropertyKey, (...args: unknown[]) => Promise<unknown>>)[method]
        return Promise.race([call?.(...args), died])
      },
  })
  let released = false
  return {
    worker,
    calls,
    ended,
    async terminate(deadlineMs = 1000) {
      if (!released) (proxy as unknown as { [releaseProxy]?: () => void })[releaseProxy]?.()
      released = true
      port1.close() // a worker that is back at its event loop has nothing left to listen to, and ends by itself
      await Promise.race([ended, after(GRACE_MS)])
      await Promise.race([worker.terminate(), after(deadlineMs)])
    },
  }
}

/** How long a worker may take to end by itself before it is terminated: its exit handlers (coverage, profiles) run then. */
const GRACE_MS = 250

function after(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref())
}
