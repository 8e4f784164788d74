/** What shrinking made of a find, in figures. */
import type { Find } from '../../src/index.ts'
import type { Source } from './finds.ts'

export interface Shrinkage {
  readonly random: boolean
  readonly preemptionsAboveDepth: number
  /** Part of the steps that is left. */
  readonly stepsLeft: number
}

export function shrinkageOf({ depth, random }: Source, { found, preemptions, steps }: Find): Shrinkage {
  return { random, preemptionsAboveDepth: preemptions - depth, stepsLeft: steps / found.steps }
}

/** The middle one; of two, the larger. */
export function median(numbers: readonly number[]): number {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number
}
