/** A worker that runs one repetition of a benchmark, and the loop that is always the same before and after it. */
import { hostLoop } from '../../bench/hostloop.ts'
import { type BenchmarkName, type RunBenchOptions, TABLE } from '../../bench/index.ts'
import type { BenchResult } from '../../bench/measure.ts'
import type { WorkerTask } from '../pool/protocol.ts'
import { serve } from '../pool/serving.ts'
import { median } from './median.ts'

export interface RepetitionUnit extends RunBenchOptions {
  readonly name: BenchmarkName
}

export interface Repeated {
  readonly results: readonly BenchResult[]
  /** The loop that is always the same: median of its times before and after. */
  readonly loop_ns: number
}

/** Loops before, and as many after: some ten milliseconds. */
const LOOPS = 41

export default function benchLane(task: WorkerTask<null>): Promise<void> {
  return serve<RepetitionUnit, Repeated, never>(task, {
    async run({ name, ...options }) {
      const before = hostLoop(LOOPS)
      const results = await TABLE[name].run(options)
      return { results, loop_ns: Math.round(median([...before, ...hostLoop(LOOPS)])) }
    },
    close: async () => {},
  })
}
