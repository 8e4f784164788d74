/**
 * What a pool worker and the thread that deals say to each other, all on one port, so that nothing overtakes anything.
 *
 *   worker: ready -> dealer: units -> worker: result (one for each unit) -> ready -> ... -> dealer: no units -> worker ends
 *                                             or fault, instead of a result; then it asks again
 *   worker: news, at any time while it is at a unit          dealer: stop: the unit shall end with what it has
 */
import type { MessagePort } from 'node:worker_threads'
import { HmmError } from '../../shared/seam/error.ts'
import { RunFailure } from '../failure.ts'
import { InputError } from '../scenario/error.ts'

/** What a pool worker is started with. */
export interface WorkerTask<Setup> {
  readonly port: MessagePort
  readonly setup: Setup
}

export type FromWorker<Result, News = never> =
  | { readonly say: 'ready' }
  | { readonly say: 'result'; readonly result: Result }
  | { readonly say: 'news'; readonly news: News }
  | { readonly say: 'fault'; readonly fault: Fault }

export type FromDealer<Unit> = { readonly say: 'units'; readonly units: readonly Unit[] } | { readonly say: 'stop' }

/** An error as plain data: a message between threads keeps neither class nor code of one. */
export interface Fault {
  readonly kind: 'input' | 'run' | 'other'
  readonly code: string
  readonly message: string
  readonly file: string
  readonly line: number
  readonly cause: unknown
}

export function faultOf(error: unknown): Fault {
  const base = {
    code: 'HMM_ERR_RUN',
    file: '',
    line: 0,
    cause: error instanceof Error && error.cause instanceof Error ? error.cause : undefined,
  }
  if (error instanceof InputError)
    return { ...base, kind: 'input', code: error.code, message: error.problem, file: error.file, line: error.line }
  if (error instanceof RunFailure) return { ...base, kind: 'run', code: error.code, message: error.message }
  if (error instanceof HmmError) return { ...base, kind: 'other', code: error.code, message: error.message }
  return { ...base, kind: 'run', message: error instanceof Error ? (error.stack ?? error.message) : String(error) }
}

export function errorOf({ kind, code, message, file, line, cause }: Fault): HmmError {
  if (kind === 'input') return new InputError(file, line, message)
  return kind === 'run' ? new RunFailure(code, message, { cause }) : new HmmError(code, message, { cause })
}
