/**
 * A campaign: subjects under one strategy, in chunks that are dealt to lanes in order. What comes out does not depend on how many
 * lanes there are: of each subject the find with the smallest place wins, what lies behind it counts for nothing, and the lanes
 * that are at it are told to stop. An error is treated like a find: it is thrown unless a chunk in front of it has one.
 *
 *     chunk     0    1    2    3    4          places 0 to 4 of one subject
 *               done done here find late       2 may still have a find of its own; 4 is stopped, 5 is never dealt
 */
import { type Counts, NO_COUNTS, sumOf } from '../../shared/actor/tally.ts'
import type { Dealer } from '../pool/dealing.ts'
import type { Find } from './find.ts'
import type { Portion, Unit, UnitResult } from './lane.ts'
import { type Part, piece, pieces } from './plan.ts'

/** What came of one subject. */
export interface Outcome extends Counts {
  readonly subject: number
  /** Schedules that were to be run here. */
  readonly asked: number
  readonly cutOff: number
  /** Of the lane that was at it longest. */
  readonly seconds: number
  readonly actors: number
  readonly exhausted: boolean
  /** It was ended early from outside. */
  readonly interrupted: boolean
  readonly find: (Find & { readonly place: number }) | null
}

export interface CampaignOptions {
  readonly parts: readonly Part[]
  /** Schedules in a chunk. */
  readonly chunk: number
  /** Called for each subject, in order. */
  readonly onOutcome: (outcome: Outcome) => void
  readonly onNews?: ((counts: Counts, subject: number) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

/** One subject's chunks, and what is known of them. */
interface Progress {
  readonly part: Part
  readonly chunks: number
  readonly portions: Map<number, Portion>
  readonly faults: Map<number, Error>
  /** Seconds of each lane. */
  readonly seconds: Map<number, number>
  dealt: number
  /** So many chunks, from the first on, have their portion or their fault. */
  done: number
  /** First chunk with a find or a fault: none behind it matters. */
  last: number
  confirming: boolean
  find: Find | null
}

export class Campaign implements Dealer<Unit, UnitResult, Counts> {
  /** Tells a lane to end its unit with what it has. */
  stop: (lane: number) => void = () => {}
  private readonly options: CampaignOptions
  private readonly subjects: readonly Progress[]
  /** What each lane is at, and what it has counted in it. */
  private readonly atWork = new Map<number, { readonly unit: Unit; counts: Counts | null }>()
  /** Of all portions. */
  private total = NO_COUNTS
  private passedOn = 0
  private failed: Error | null = null

  constructor(options: CampaignOptions) {
    this.options = options
    this.subjects = options.parts.map((part) => ({
      part,
      chunks: pieces(part, options.chunk),
      portions: new Map(),
      faults: new Map(),
      seconds: new Map(),
      dealt: 0,
      done: 0,
      last: Number.POSITIVE_INFINITY,
      confirming: false,
      find: null,
    }))
    options.signal?.addEventListener('abort', () => this.stopSearches(() => true))
  }

  next(lane: number): Unit[] {
    const unit = this.failed === null ? (this.toConfirm() ?? this.toSearch(lane)) : null
    if (unit === null) return []
    this.atWork.set(lane, { unit, counts: null })
    return [unit]
  }

  result(lane: number, unit: Unit, result: UnitResult): void {
    this.atWork.delete(lane)
    const one = this.progressOf(unit)
    if (result.kind === 'find') one.find = result.find
    else if (unit.do === 'search') {
      const chunk = this.chunkIn(one, unit)
      one.portions.set(chunk, result)
      one.seconds.set(lane, (one.seconds.get(lane) ?? 0) + result.seconds)
      this.total = sumOf(this.total, result)
      if (result.found !== null) this.endAt(one, chunk)
    }
    this.passOn()
  }

  fault(lane: number, unit: Unit, error: Error): void {
    this.atWork.delete(lane)
    const one = this.progressOf(unit)
    const chunk = unit.do === 'search' ? this.chunkIn(one, unit) : one.last
    one.faults.set(chunk, error)
    this.endAt(one, chunk)
    this.passOn()
  }

  news(lane: number, unit: Unit, counts: Counts): void {
    const work = this.atWork.get(lane)
    if (work === undefined || work.unit !== unit) return
    work.counts = counts
    this.options.onNews?.(this.counts(), this.progressOf(unit).part.subject)
  }

  where(unit: Unit | undefined): string {
    if (unit === undefined) return 'before its first schedule'
    return unit.do === 'search' ? `in schedules ${unit.part.first} and following` : 'while it shrank a find'
  }

  /** Once every lane has ended. */
  throwFault(): void {
    this.passOn()
    if (this.failed !== null) throw this.failed
  }

  private get aborted(): boolean {
    return this.options.signal?.aborted === true
  }

  /** A find is confirmed when no chunk in front of it can have another one any more. */
  private toConfirm(): Unit | null {
    for (const one of this.subjects) {
      const found = one.portions.get(one.last)?.found
      if (found === undefined || found === null || one.confirming || one.faults.has(one.last) || !this.isSearched(one)) continue
      one.confirming = true
      return { do: 'confirm', subject: one.part.subject, report: found.report }
    }
    return null
  }

  private toSearch(lane: number): Unit | null {
    const untouched = this.subjects[0]?.dealt === 0
    if (this.aborted && !untouched) return null
    const one = this.subjects.find(({ dealt, chunks, last }) => dealt < Math.min(chunks, last))
    if (one === undefined) return null
    // Even a campaign that is over before it began has a first result, which says so.
    if (this.aborted) setImmediate(() => this.stop(lane))
    return { do: 'search', part: piece(one.part, this.options.chunk, one.dealt++) }
  }

  /** Nothing more will come of the chunks that count. */
  private isSearched(one: Progress): boolean {
    while (one.portions.has(one.done) || one.faults.has(one.done)) one.done++
    if (one.done > Math.min(one.last, one.chunks - 1)) return true
    return this.aborted && !this.chunksAtWork(one).some((chunk) => chunk <= one.last)
  }

  private endAt(one: Progress, chunk: number): void {
    one.last = Math.min(one.last, chunk)
    this.stopSearches((other, at) => other === one && at > one.last)
  }

  private stopSearches(which: (one: Progress, chunk: number) => boolean): void {
    for (const [lane, { unit }] of this.atWork) {
      if (unit.do !== 'search') continue
      const one = this.progressOf(unit)
      if (which(one, this.chunkIn(one, unit))) this.stop(lane)
    }
  }

  /** Passes on what is complete: a subject waits for those before it. */
  private passOn(): void {
    for (let one = this.subjects[this.passedOn]; one !== undefined; one = this.subjects[this.passedOn]) {
      if (this.failed !== null || !this.isSearched(one)) return
      const fault = one.faults.get(one.last)
      if (fault !== undefined) {
        this.failed = fault
        this.stopSearches(() => true)
        return
      }
      if (one.portions.get(one.last)?.found && one.find === null) return
      this.passedOn++
      if (one.portions.size > 0) this.options.onOutcome(outcomeOf(one))
    }
  }

  private counts(): Counts {
    const current = [...this.atWork.values()].flatMap(({ counts }) => (counts === null ? [] : [counts]))
    return current.reduce(sumOf, this.total)
  }

  private progressOf(unit: Unit): Progress {
    const subject = unit.do === 'search' ? unit.part.subject : unit.subject
    // The parts of a shard are of subjects that follow each other.
    return this.subjects[subject - (this.subjects[0] as Progress).part.subject] as Progress
  }

  private chunkIn(one: Progress, { part }: Extract<Unit, { do: 'search' }>): number {
    return (part.first - one.part.first) / this.options.chunk
  }

  private chunksAtWork(one: Progress): number[] {
    return [...this.atWork.values()].flatMap(({ unit }) =>
      unit.do === 'search' && this.progressOf(unit) === one ? [this.chunkIn(one, unit)] : [],
    )
  }
}

function outcomeOf(one: Progress): Outcome {
  const counted = [...one.portions].filter(([chunk]) => chunk <= one.last).sort(([a], [b]) => a - b)
  const portions = counted.map(([, portion]) => portion)
  const place = one.portions.get(one.last)?.found?.place
  return {
    ...portions.reduce<Counts>(sumOf, NO_COUNTS),
    subject: one.part.subject,
    asked: one.part.count,
    cutOff: portions.reduce((sum, { cutOff }) => sum + cutOff, 0),
    seconds: Math.max(...one.seconds.values()),
    actors: portions[0]?.actors ?? 0,
    exhausted: portions.at(-1)?.exhausted === true,
    interrupted: place === undefined && (portions.length < one.chunks || portions.some(({ stopped }) => stopped)),
    find: one.find === null || place === undefined ? null : { ...one.find, place },
  }
}
