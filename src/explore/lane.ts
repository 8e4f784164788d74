/**
 * A lane of a campaign: one machine at a time, on which schedules of one subject after the other are run. A schedule is a function
 * of the subject, the seed and its number, so it does not matter which lane runs it, or what that lane ran before.
 */
import type { Counts } from '../../shared/actor/tally.ts'
import { needsBaseline, type Strategy } from '../../shared/sched/strategy.ts'
import { raceById } from '../races/index.ts'
import type { ConcurrentScenario } from '../scenario/concurrent.ts'
import { confirm, type Find } from './find.ts'
import type { Part } from './plan.ts'
import { type RunReport, Runs } from './runs.ts'
import { type Searched, search } from './search.ts'
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
export interface Portion extends Searched {
  readonly kind: 'portion'
  readonly actors: number
  /** It was told to stop before its end. */
  readonly stopped: boolean
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

  /** Runs the part until a schedule shows a violation, all were seen, or its end. */
  private async search(runs: Runs, part: Part, signal: AbortSignal, tell: (news: Counts) => void): Promise<Portion> {
    const { strategy, teardownEvery } = this.setup
    const { baseSteps } = this
    const searched = await search(runs, { strategy, part, teardownEvery, baseSteps, signal, onTick: tell })
    if (needsBaseline(strategy)) this.baseSteps = searched.baseSteps
    const { found, exhausted, schedules, cutOff } = searched
    return {
      kind: 'portion',
      ...searched,
      actors: runs.actorNames.length,
      stopped: found === null && !exhausted && schedules + cutOff < part.count,
    }
  }
}
