/** What a reader of the figures has to know: sentences for the text and for the document. */
import type { CombinedResult } from './combine.ts'

export interface Circumstances {
  readonly cores: number
  readonly quick: boolean
  /** Share of the cores' time that other processes used, for each repetition, where the host tells. */
  readonly others: readonly number[]
}

/** Others with more than this share of the cores are told of. */
const BUSY = 0.1
/** Repetitions that differ by more than this are told of. */
const UNEVEN = 0.25

export function notesOf(benchmark: string, results: readonly CombinedResult[], circumstances: Circumstances): string[] {
  const { cores, quick, others } = circumstances
  const notes: string[] = []
  if (quick) notes.push(`${benchmark}: a quick run shows that it works; its figures are not to be quoted`)
  const crowded = results.filter(({ actors = 1 }) => actors > cores)
  if (crowded.length > 0) {
    const most = Math.max(...crowded.map(({ actors = 1 }) => actors))
    const which = crowded.length === results.length ? benchmark : crowded.map(({ name }) => name).join(', ')
    notes.push(
      `${which}: up to ${most} actors share ${cores} ${cores === 1 ? 'core' : 'cores'}: the host's scheduler is in the figures`,
    )
  }
  const busiest = Math.max(0, ...others)
  if (busiest > BUSY)
    notes.push(`${benchmark}: other processes used up to ${percent(busiest)} of the cores' time during a repetition`)
  const uneven = results.filter(({ spread }) => spread > UNEVEN)
  if (uneven.length > 0)
    notes.push(
      `${benchmark}: repetitions differ by more than ${percent(UNEVEN)} in ${uneven.map(({ name, spread }) => `${name} (${percent(spread)})`).join(', ')}`,
    )
  return notes
}

function percent(share: number): string {
  return `${Math.round(100 * share)} %`
}
