/**
 * `bench`: runs benchmarks by name, one after the other, each in several repetitions on fresh threads. What each measures, and how it
 * makes sure that it did, is said in its own file in bench/.
 */
import { availableParallelism, cpus } from 'node:os'
import { type Clock, theClock } from '../bench/clock.ts'
import { type BenchmarkName, TABLE } from '../bench/index.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { type CombinedResult, combine } from './bench/combine.ts'
import { besideFloor, type FloorFigures, floorFigures, floorResults, hasFloor } from './bench/floorprogram.ts'
import { notesOf } from './bench/notes.ts'
import { type Repetition, repetition } from './bench/repetition.ts'

export type { BenchmarkName } from '../bench/index.ts'

/** Those that there are, in the order in which they are run. */
export const BENCHMARKS: readonly BenchmarkName[] = Object.keys(TABLE) as BenchmarkName[]

/** Which benchmarks, and how long. */
export interface BenchOptions {
  /** Default: all of them. */
  readonly names?: readonly string[]
  /** A tenth of the work, once: to see that it runs, not how fast. */
  readonly quick?: boolean
  /** Which protocol the drivers run on. Default `sequence`. */
  readonly era?: Era
  /** How often each is run, 1 to 50, each time on a thread of its own. Default 3, quick 1. */
  readonly repetitions?: number
  /** A program that prints the floor's figures, run in the same minute. */
  readonly floor?: string
  readonly onRepetition?: (name: BenchmarkName, number: number, of: number) => void
  readonly onResults?: (name: string, results: readonly CombinedResult[], notes: readonly string[]) => void
  /** No further repetition begins once it is aborted. */
  readonly signal?: AbortSignal
}

/** A benchmark as it went. */
export interface BenchmarkRun {
  readonly name: string
  readonly repetitions: number
  readonly seconds: number
  /** The loop that is always the same, beside each repetition. */
  readonly loop_ns: readonly number[]
  /** Share of the cores' time that other processes used during each repetition, where the host tells. */
  readonly others: readonly number[]
}

/** What was measured, and on what machine. */
export interface BenchReport {
  readonly era: Era
  readonly node: string
  readonly cpu: string
  readonly cores: number
  readonly clock: Clock
  readonly quick: boolean
  readonly interrupted: boolean
  readonly benchmarks: readonly BenchmarkRun[]
  readonly notes: readonly string[]
  readonly results: readonly CombinedResult[]
}

export const MOST_REPETITIONS = 50

/** Measures. Throws HmmError for a name that is none, and where a benchmark did not do what it is to measure. */
export async function bench(options: BenchOptions = {}): Promise<BenchReport> {
  const { quick = false, era = DEFAULT_ERA, signal } = options
  const names = options.names === undefined || options.names.length === 0 ? BENCHMARKS : options.names.map(known)
  const count = options.repetitions ?? (quick ? 1 : 3)
  if (!Number.isInteger(count) || count < 1 || count > MOST_REPETITIONS)
    throw new HmmError('HMM_ERR_CONFIG', `repetitions is a whole number from 1 to ${MOST_REPETITIONS}, not ${count}`)
  const cores = availableParallelism()
  const clock = theClock()
  const results: CombinedResult[] = []
  const notes: string[] = []
  const benchmarks: BenchmarkRun[] = []
  const floors = new Floors(options.floor, signal)
  const tell = (name: string, some: readonly CombinedResult[], about: readonly string[]) => {
    results.push(...some)
    notes.push(...about)
    options.onResults?.(name, some, about)
  }
  for (const name of new Set(names)) {
    const began = hostNowNs()
    await floors.before()
    const runs: Repetition[] = []
    while (runs.length < count && !aborted(signal)) {
      options.onRepetition?.(name, runs.length + 1, count)
      runs.push(await repetition(name, { era, quick }))
      await floors.after(runs.at(-1) as Repetition)
    }
    if (runs.length === 0) break
    const others = runs.flatMap((one) => one.others ?? [])
    const some = floors.beside(
      combine(
        name,
        runs.map((one) => one.results),
      ),
    )
    benchmarks.push({
      name,
      repetitions: runs.length,
      seconds: Math.round((hostNowNs() - began) / 1e6) / 1e3,
      loop_ns: runs.map((one) => one.loop_ns),
      others: others.map((share) => Math.round(share * 1000) / 1000),
    })
    tell(name, some, notesOf(name, some, { cores, quick, others }))
  }
  if (floors.runs.length > 0) tell('floor', floorResults(floors.runs), [])
  return {
    era,
    node: process.version,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores,
    clock,
    quick,
    interrupted: aborted(signal),
    benchmarks,
    notes,
    results,
  }
}

/** What the floor program said, and around which repetition of the benchmark in hand. */
class Floors {
  readonly runs: FloorFigures[] = []
  private readonly program: string | undefined
  private readonly signal: AbortSignal | undefined
  private around: FloorFigures[][] = []

  constructor(program: string | undefined, signal: AbortSignal | undefined) {
    this.program = program
    this.signal = signal
  }

  /** Before a benchmark. */
  async before(): Promise<void> {
    this.around = []
    await this.ask()
  }

  /** After a repetition. */
  async after(one: Repetition): Promise<void> {
    const last = this.runs.at(-1)
    if (last === undefined) return
    if (hasFloor(one, last)) await this.ask()
    this.around.push([last, this.runs.at(-1) ?? last])
  }

  /** The results of the benchmark in hand, with the ratios to their floors. */
  beside(results: readonly CombinedResult[]): CombinedResult[] {
    return results.map((one) => besideFloor(one, this.around))
  }

  private async ask(): Promise<void> {
    if (this.program === undefined || aborted(this.signal)) return
    try {
      this.runs.push(await floorFigures(this.program))
    } catch (error) {
      // Ctrl-C reaches the program too: what it had not measured is no mistake of its own.
      if (!aborted(this.signal)) throw error
    }
  }
}

function aborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

function known(name: string): BenchmarkName {
  const found = BENCHMARKS.find((one) => one === name)
  if (found === undefined)
    throw new HmmError('HMM_ERR_USAGE', `there is no benchmark ${JSON.stringify(name)}; there are ${BENCHMARKS.join(', ')}`)
  return found
}
