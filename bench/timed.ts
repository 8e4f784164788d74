/**
 * Samples that are timed one by one: because something has to be undone between two operations that does not count, or because an
 * operation is so short that a sample is a loop of its own over many of them.
 */
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { type BenchResult, ofSamples } from './measure.ts'

export interface TimedOptions {
  readonly name: string
  /** Pages that one operation is about. */
  readonly pages: number
  /** Seconds to measure for, undoing included, after a warm-up of a quarter of that. */
  readonly seconds: number
}

export interface LoopOptions {
  readonly name: string
  readonly seconds: number
  /** Operations of one loop. */
  readonly repeat: number
  /** What a loop that has done its work returns. */
  readonly expected: number
}

/** Repeats `operation`, with `undo` after each. Only the operation is in the figures. */
export function measureTimed({ name, pages, seconds }: TimedOptions, operation: () => void, undo: () => void): BenchResult {
  const samples = sample(seconds, () => {
    const before = hostNowNs()
    operation()
    const ns = hostNowNs() - before
    undo()
    return ns
  })
  const result = ofSamples(name, samples)
  return { ...result, pages, ns_per_page: result.p50_ns / pages }
}

/** Times a loop of `repeat` operations. Throws HmmError when one returns something else than it must: it was not run. */
export function measureLoop({ name, seconds, repeat, expected }: LoopOptions, loop: () => number): BenchResult {
  const samples = sample(seconds, () => {
    const before = hostNowNs()
    const left = loop()
    const ns = hostNowNs() - before
    if (left !== expected)
      throw new HmmError('HMM_ERR_BENCH', `${name}: ${repeat} operations left ${left} behind, not ${expected}`)
    return ns
  })
  return ofSamples(name, samples, repeat)
}

/** As many samples as fit, 20 at least; those of the first quarter of `seconds` are not kept. */
function sample(seconds: number, once: () => number): number[] {
  const samples: number[] = []
  const began = performance.now()
  const warmUntil = began + seconds * 250
  while (performance.now() < warmUntil) once()
  while (samples.length < 20 || performance.now() < warmUntil + seconds * 1000) samples.push(once())
  return samples
}
