/**
 * One known race under every strategy: schedules to the first hit for each of some seeds, and the same searches on the variant
 * without the race. One machine is booted for the race and one for the variant; all seeds and strategies share them.
 */
import { pctBound } from '../../shared/sched/pct.ts'
import { needsBaseline, type Strategy } from '../../shared/sched/strategy.ts'
import { confirm } from '../explore/find.ts'
import { type RunReport, Runs } from '../explore/runs.ts'
import { search } from '../explore/search.ts'
import { type Prepared, prepareActors, prepareScenario, readScenario } from '../explore/subjects.ts'
import { RunFailure } from '../failure.ts'
import { subjectOf } from '../races/index.ts'
import { driversWithout, type Race, searchOf } from '../races/race.ts'
import { quantile, SIGNIFICANCE, soFewHits } from './binomial.ts'
import type { Asked, BoundResult, FixedResult, SearchName, SearchResult, TraceResult } from './document.ts'

/** Schedules between two teardowns, where a race does not say. */
const TEARDOWN_EVERY = 16
/** A depth-first search has no seeds; it gets this many times the schedules of one. */
export const DFS_TIMES = 5

const SEARCHES: readonly { readonly name: SearchName; readonly strategy: Strategy['name']; readonly depth: number }[] = [
  { name: 'random', strategy: 'random', depth: 1 },
  { name: 'pct1', strategy: 'pct', depth: 1 },
  { name: 'pct2', strategy: 'pct', depth: 2 },
  { name: 'pct3', strategy: 'pct', depth: 3 },
  { name: 'dfs', strategy: 'dfs', depth: 1 },
]

export interface RaceSearches {
  readonly depth: number
  readonly searches: SearchResult[]
  readonly bound: BoundResult
  readonly trace: TraceResult | null
}

/** Measures `race` with its machines on `core`. Throws RunFailure when a run itself failed. */
export async function searchRace(race: Race, asked: Asked, core: number | undefined): Promise<RaceSearches> {
  const faulty = new Side(race, race, core)
  const fixed = new Side(race, null, core)
  try {
    const own = searchOf(race)
    const searches: SearchResult[] = []
    let bound: BoundResult | null = null
    let first: RunReport | null = null
    for (const { name, strategy: kind, depth } of SEARCHES) {
      const strategy: Strategy = { name: kind, seed: 1, loose: false, depth, preemptions: own.preemptions }
      const hits = await faulty.firstHits(strategy, asked)
      first ??= hits.first
      const found = hits.firsts.filter(Number.isFinite).length
      searches.push({
        search: name,
        found,
        seeds: hits.firsts.length,
        median: finite(quantile(hits.firsts, 0.5)),
        p95: finite(quantile(hits.firsts, 0.95)),
        schedules: hits.schedules,
        cut_off: hits.cutOff,
        oracles: byFrequency(hits.oracles),
        endless: hits.endless,
        fixed: await fixed.clean(strategy, asked),
      })
      if (kind === 'pct' && depth === own.depth) bound = boundOf(faulty, hits, own.depth)
    }
    const trace = first === null ? null : await faulty.shrunk(first)
    return { depth: own.depth, searches, bound: bound as BoundResult, trace }
  } finally {
    await faulty.close()
    await fixed.close()
  }
}

/** PCT's hits beside what it promises. */
function boundOf({ runs, baseSteps }: Side, { firsts, schedules }: Hits, depth: number): BoundResult {
  const found = firsts.filter(Number.isFinite).length
  const actors = runs.actorNames.length
  const least = pctBound(actors, Math.max(1, baseSteps), depth)
  const p = soFewHits(found, schedules, firsts.length - found, least)
  return { actors, steps: baseSteps, rate: found / schedules, bound: least, p, holds: p >= SIGNIFICANCE }
}

interface Hits {
  /** One for each seed; Infinity where it found nothing. */
  readonly firsts: readonly number[]
  readonly schedules: number
  readonly cutOff: number
  readonly oracles: readonly string[]
  /** A depth-first search met a schedule that does not end. */
  readonly endless: boolean
  /** The first find. */
  readonly first: RunReport | null
}

/** The race's subject with the race in it, or without. */
class Side {
  readonly runs: Runs
  /** Of the schedule without preemptions, once it is known. */
  baseSteps = 0
  private readonly prepared: Prepared
  private readonly race: Race
  private readonly teardownEvery: number

  constructor(race: Race, bug: Race | null, core: number | undefined) {
    const subject = subjectOf(race)
    this.race = race
    this.prepared =
      'actors' in subject
        ? prepareActors(subject.actors, bug)
        : prepareScenario(readScenario(subject.scenario), bug === null ? driversWithout(race) : {}, bug)
    this.runs = new Runs({ ...this.prepared.stage, ...(core === undefined ? {} : { core }) })
    this.teardownEvery = searchOf(race).teardownEvery ?? TEARDOWN_EVERY
  }

  async firstHits(strategy: Strategy, { seeds, most }: Asked): Promise<Hits> {
    const firsts: number[] = []
    const oracles: string[] = []
    let schedules = 0
    let cutOff = 0
    let endless = false
    let first: RunReport | null = null
    for (let seed = 1; seed <= (strategy.name === 'dfs' ? 1 : seeds); seed++) {
      const one = await this.search({ ...strategy, seed }, most)
      firsts.push(one.place === null ? Number.POSITIVE_INFINITY : one.place + 1)
      if (one.report?.violation != null) oracles.push(one.report.violation.oracle)
      first ??= one.report
      schedules += one.schedules
      cutOff += one.cutOff
      endless ||= one.endless
    }
    return { firsts, schedules, cutOff, oracles, endless, first }
  }

  async clean(strategy: Strategy, { most }: Asked): Promise<FixedResult> {
    const { schedules, complete, report } = await this.search(strategy, most)
    const violation = report?.violation ?? null
    return { schedules, complete, violation: violation === null ? null : `${violation.oracle}: ${violation.message}` }
  }

  /** What is left of a find when it is shrunk. */
  async shrunk(report: RunReport): Promise<TraceResult> {
    const find = await confirm(this.runs, this.prepared, report, { seed: 1, shrink: true, bug: this.race.id })
    const { operations, preemptions, steps, token, table } = find
    return { operations, preemptions, steps, lines: table.split('\n').length, token }
  }

  async close(): Promise<void> {
    await this.runs.close()
  }

  private async search(strategy: Strategy, most: number) {
    const { teardownEvery, baseSteps } = this
    const count = strategy.name === 'dfs' ? most * DFS_TIMES : most
    try {
      const one = await search(this.runs, { strategy, part: { first: 0, count }, teardownEvery, baseSteps })
      if (needsBaseline(strategy)) this.baseSteps = one.baseSteps
      const { found, cutOff, exhausted: complete } = one
      // With a find in the schedule without preemptions the steps are not known, and none was counted.
      const schedules = Math.max(1, one.schedules + cutOff)
      return { schedules, cutOff, complete, endless: false, place: found?.place ?? null, report: found?.report ?? null }
    } catch (error) {
      if (!(error instanceof RunFailure && error.code === 'HMM_ERR_BOUND')) throw error
      return { schedules: 0, cutOff: 1, complete: false, endless: true, place: null, report: null }
    }
  }
}

function byFrequency(names: readonly string[]): string[] {
  const times = (name: string) => names.filter((other) => other === name).length
  return [...new Set(names)].sort((a, b) => times(b) - times(a))
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null
}
