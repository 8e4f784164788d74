/**
 * The plan of a campaign: which schedules of which subjects there are to run, in an order, and who runs what. All of it is a pure
 * function of the options, so that shards and lanes need not talk to each other.
 *
 *     subject 0                    subject 1                    subject 2
 *   | 0 1 2 ...          n - 1 | 0 1 2 ...          n - 1 | 0 1 2 ...          n - 1 |     places of schedules
 *   |        shard 1 of 3        |        shard 2 of 3        |      shard 3 of 3      |
 *
 * A depth-first search goes from each schedule to the next one, so its subjects are dealt whole.
 */
import { BASELINE } from '../../shared/sched/pct.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { HmmError } from '../../shared/seam/error.ts'

/** Part `index` of `of`, from 0. */
export interface Shard {
  readonly index: number
  readonly of: number
}

/** Schedules of one subject, by their places: 0 is the first of the campaign. */
export interface Part {
  readonly subject: number
  readonly first: number
  readonly count: number
}

/** Schedules of a subject unless there is another number; a search goes on until it has seen all. */
export const DEFAULT_SCHEDULES = 1000
export const ALL_SCHEDULES = 2 ** 31 - 1

/** Depth-first: each schedule follows from the one before. */
export function isSearch({ name }: Pick<Strategy, 'name'>): boolean {
  return name === 'dfs' || name === 'dpor'
}

/** The number of the schedule at `place`: PCT begins with the one without preemptions. */
export function numberAt(strategy: Pick<Strategy, 'name'>, place: number): number {
  return strategy.name === 'pct' ? place + BASELINE : place
}

/** The place of the schedule with that number. */
export function placeOf(strategy: Pick<Strategy, 'name'>, number: number): number {
  return strategy.name === 'pct' ? number - BASELINE : number
}

/** What a shard runs: one part for each subject that it has anything of. All shards together have everything once. */
export function partsOf(subjects: number, schedules: number, strategy: Pick<Strategy, 'name'>, shard: Shard): Part[] {
  if (isSearch(strategy)) {
    if (subjects === 1 && shard.of > 1) throw new HmmError('HMM_ERR_USAGE', 'a depth-first search cannot be split into shards')
    const [from, to] = share(subjects, shard)
    return Array.from({ length: to - from }, (_, i) => ({ subject: from + i, first: 0, count: schedules }))
  }
  const [from, to] = share(subjects * schedules, shard)
  const parts: Part[] = []
  for (let at = from; at < to; ) {
    const subject = Math.floor(at / schedules)
    const first = at - subject * schedules
    const count = Math.min(schedules - first, to - at)
    parts.push({ subject, first, count })
    at += count
  }
  return parts
}

/** Pieces of `size` schedules in a part. */
export function pieces({ count }: Part, size: number): number {
  return Math.ceil(count / size)
}

/** One of them. */
export function piece({ subject, first, count }: Part, size: number, index: number): Part {
  return { subject, first: first + index * size, count: Math.min(size, count - index * size) }
}

/** A shard's share of `total`, from and to; the shares differ by one at most. */
function share(total: number, { index, of }: Shard): [number, number] {
  const least = Math.floor(total / of)
  const more = total % of
  const from = (i: number) => least * i + Math.min(i, more)
  return [from(index), from(index + 1)]
}
