/**
 * One repetition of a benchmark: on a thread that has run nothing before, so that what V8 made of one repetition, and where its memory
 * lies, is not the next one's.
 */
import type { BenchmarkName, RunBenchOptions } from '../../bench/index.ts'
import { RunFailure } from '../failure.ts'
import { type Dealer, deal } from '../pool/dealing.ts'
import { hostLoad, shareOfOthers } from './hostload.ts'
import type { Repeated, RepetitionUnit } from './worker.ts'

export interface Repetition extends Repeated {
  /** Share of the cores' time that other processes used meanwhile, where the host tells. */
  readonly others?: number
}

const WORKER = new URL(`./worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

/** Runs benchmark `name` once. Throws what it threw, with its code, and RunFailure when its thread died. */
export async function repetition(name: BenchmarkName, options: RunBenchOptions): Promise<Repetition> {
  const one = new One({ name, ...options })
  const before = hostLoad()
  await deal(one, { worker: WORKER, jobs: 1, setup: () => null })
  const others = shareOfOthers(before, hostLoad())
  if (one.repeated === undefined) throw new RunFailure('HMM_ERR_RUN', `${name} ended without a result`)
  return { ...one.repeated, ...(others === undefined ? {} : { others }) }
}

/** Deals one unit. */
class One implements Dealer<RepetitionUnit, Repeated> {
  repeated: Repeated | undefined
  private left: readonly RepetitionUnit[]
  private readonly name: string

  constructor(unit: RepetitionUnit) {
    this.left = [unit]
    this.name = unit.name
  }

  next(): readonly RepetitionUnit[] {
    const units = this.left
    this.left = []
    return units
  }

  result(_lane: number, _unit: RepetitionUnit, repeated: Repeated): void {
    this.repeated = repeated
  }

  fault(_lane: number, _unit: RepetitionUnit, error: Error): void {
    throw error
  }

  where(): string {
    return `in benchmark ${this.name}`
  }
}
