/**
 * Spreads scenarios over run workers, each with a machine of its own. What comes out does not depend on how many there are:
 * chunks are dealt in the order of the files, results are passed on in that order, and when several files have an error, the
 * first of them is the one that is thrown.
 *
 * An error in a file stops the dealing; chunks that are dealt are finished, because a file in front of it may have one too.
 */
import { type Dealer, deal } from '../pool/dealing.ts'
import type { LaneSetup, Runnable } from './lane.ts'
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
  const { jobs, setup, worker = WORKER } = options
  const files = new Files(scenarios, options)
  await deal(files, { worker, jobs, setup: () => setup })
  files.throwFirstFault()
}

/** A scenario and its place among the files; a lane takes no notice of the place. */
type File = Runnable & { readonly place: number }

/** Who runs what, and what has come of it. */
class Files implements Dealer<File, FileResult> {
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

  /** The next chunk: nothing when all are dealt, or no more shall be. */
  next(): File[] {
    if (this.faults.size > 0 || this.options.signal?.aborted === true) return []
    const first = this.dealt
    this.dealt = Math.min(first + CHUNK, this.scenarios.length)
    return this.scenarios.slice(first, this.dealt).map(({ file, lines }, i) => ({ file, lines, place: first + i }))
  }

  /** Passes on what can be: a result waits for those of all files before it. */
  result(_lane: number, { place }: File, result: FileResult): void {
    this.results.set(place, result)
    for (;;) {
      const next = this.results.get(this.passedOn)
      if (next === undefined) return
      this.results.delete(this.passedOn)
      this.options.onResult(next, this.passedOn++)
    }
  }

  fault(_lane: number, { place }: File, error: Error): void {
    this.faults.set(place, error)
  }

  where(file: File | undefined): string {
    return file === undefined ? 'before its first file' : `in ${file.file}`
  }

  throwFirstFault(): void {
    if (this.faults.size > 0) throw this.faults.get(Math.min(...this.faults.keys()))
  }
}
