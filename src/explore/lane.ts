/**
 * A lane of a campaign: one machine at a time, on which schedules of one subject after the other are run. A schedule is a function
 * of the subject, the seed and its number, so it does not matter which lane runs it, or what that lane ran before.
 */
import { type Counts, NO_COUNTS, sumOf } from '../../shared/actor/tally.ts'
import { ENDLESS_BASE } from '../../shared/sched/limits.ts'
import { BASELINE } from '../../shared/sched/pct.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { RunFailure } from '../failure.ts'
import { raceById } from '../races/index.ts'
import type { ConcurrentScenario } from '../scenario/concurrent.ts'
import { confirm, type Find } from './find.ts'
import { isSearch, numberAt, type Part, placeOf } from './plan.ts'
import { type RunReport, Runs } from './runs.ts'
import { type ForeignActors, type Prepared, prepareActors, prepareScenario } from './subjects.ts'

/** One subject of a campaign. Plain data: it travels to pool workers. */
export type CampaignSubject = { readonly scenario: ConcurrentScenario } | { readonly actors: ForeignActors }

/** What a lane is told. */
export interface LaneSetup {
  readonly subjects: readonly CampaignSubject[]
  readonly strategy: Strategy
  readonly teardownEvery: number
  readonly shrink: boolean
  readonly bug?: string | undefined
  readonly drivers?: Readonly<Record<string, string>> | undefined
  /** The core that this lane's actors are kept on. */
  readonly core?: number | undefined
}

export type Unit =
  | { readonly do: 'search'; readonly part: Part }
  | { readonly do: 'confirm'; readonly subject: number; readonly report: RunReport }

/** What came of a part. */
export interface Portion extends Counts {
  readonly kind: 'portion'
  /** Schedules that were cut off at the step limit. They are not among those counted. */
  readonly cutOff: number
  readonly seconds: number
  readonly actors: number
  /** The search has seen every schedule there is for it. */
  readonly exhausted: boolean
  /** It was told to stop before its end. */
  readonly stopped: boolean
  /** What it ended with, if that was a find, and its place. */
  readonly found: { readonly report: RunReport; readonly place: number } | null
}

export type UnitResult = Portion | { readonly kind: 'find'; readonly find: Find }

export class Lane {
  private readonly setup: LaneSetup
  private subject = -1
  private prepared: Prepared | null = null
  private runs: Runs | null = null
  /** Points of the schedule without preemptions of the subject in hand, once known. */
  private baseSteps = 0

  constructor(setup: LaneSetup) {
    this.setup = setup
  }

  /** Throws InputError for what only running shows of a scenario, RunFailure for a run that failed. */
  async run(unit: Unit, signal: AbortSignal, tell: (news: Counts) => void): Promise<UnitResult> {
    if (unit.do === 'search') return this.search(await this.runsOf(unit.part.subject), unit.part, signal, tell)
    const runs = await this.runsOf(unit.subject)
    const { strategy, shrink, bug } = this.setup
    return {
      kind: 'find',
      find: await confirm(runs, this.prepared as Prepared, unit.report, { seed: strategy.seed, shrink, bug }),
    }
  }

  async close(): Promise<void> {
    await this.runs?.close()
    this.runs = null
  }

  private async runsOf(subject: number): Promise<Runs> {
    if (this.subject === subject && this.runs !== null) return this.runs
    await this.close()
    const { subjects, bug: id, drivers, teardownEvery, core } = this.setup
    const bug = id === undefined ? null : await raceById(id)
    const one = subjects[subject] as CampaignSubject
    this.prepared = 'actors' in one ? prepareActors(one.actors, bug) : prepareScenario(one.scenario, drivers, bug)
    this.runs = new Runs({
      ...this.prepared.stage,
      teardown: teardownEvery !== 0,
      ...(core === undefined ? {} : { core }),
    })
    this.subject = subject
    this.baseSteps = 0
    return this.runs
  }

  /** Runs the part until a schedule shows a violation, all were seen, or its end. A schedule that is cut off is left out. */
  private async search(runs: Runs, part: Part, signal: AbortSignal, tell: (news: Counts) => void): Promise<Portion> {
    const { strategy, teardownEvery } = this.setup
    const end = part.first + part.count
    let total = NO_COUNTS
    let cutOff = 0
    let seconds = 0
    for (let place = part.first; ; ) {
      const before = total
      const report = await runs.run({
        strategy,
        first: numberAt(strategy, place),
        count: end - place,
        baseSteps: this.baseSteps,
        teardownEvery,
        signal,
        onTick: (counts) => tell(sumOf(before, counts)),
      })
      total = sumOf(total, report)
      seconds += report.seconds
      if (strategy.name === 'pct') this.baseSteps = baseOf(report)
      const at = placeOf(strategy, report.number)
      if (report.cutOff) {
        if (isSearch(strategy))
          throw new RunFailure(
            'HMM_ERR_BOUND',
            `a schedule did not end within ${report.limits.steps} steps: a depth-first search cannot pass it`,
          )
        if (at >= place) cutOff++
        place = Math.max(place, at + 1)
        if (place < end && !signal.aborted) continue
      }
      return {
        kind: 'portion',
        ...total,
        cutOff,
        seconds,
        actors: runs.actorNames.length,
        exhausted: report.exhausted,
        stopped: report.violation === null && !report.exhausted && total.schedules + cutOff < part.count,
        found: report.violation === null ? null : { report, place: at },
      }
    }
  }
}

function baseOf(report: RunReport): number {
  return report.cutOff && report.number === BASELINE ? ENDLESS_BASE : report.baseSteps
}
