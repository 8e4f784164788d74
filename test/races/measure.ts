/**
 * Measures one known race: schedules to the first hit for each of some seeds, and the same search on the variant without the race.
 * One machine is booted for a race and one for its fixed variant; all seeds and strategies share them.
 */
import { pctBound } from '../../shared/sched/pct.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { Runs } from '../../src/explore/runs.ts'
import { prepareActors, prepareScenario, readScenario } from '../../src/explore/subjects.ts'
import { subjectOf } from '../../src/races/index.ts'
import { driversWithout, type Race, searchOf } from '../../src/races/race.ts'
import { quantile, SIGNIFICANCE, soFewHits } from './binomial.ts'

/** Schedules between two teardowns, where a race does not say. */
const TEARDOWN_EVERY = 16

export interface Asked {
  readonly seeds: number
  /** Most schedules of one seed. */
  readonly most: number
  /** Most schedules of a depth-first search. */
  readonly mostDfs: number
}

/** What one strategy needs. A median or percentile is null when that many seeds found nothing. */
export interface SearchResult {
  readonly strategy: 'random' | 'pct' | 'dfs'
  /** Seeds that hit, of how many. */
  readonly found: number
  readonly seeds: number
  readonly median: number | null
  readonly p95: number | null
  readonly schedules: number
  readonly cut_off: number
  /** By which oracles, most often first. */
  readonly oracles: readonly string[]
  readonly fixed: FixedResult
}

/** The same search on the variant without the race. */
export interface FixedResult {
  readonly schedules: number
  /** Every schedule within the bound was seen (dfs). */
  readonly complete: boolean
  readonly violation: string | null
}

/** PCT's hits per schedule beside its bound 1 / (n * k^(d-1)). */
export interface BoundResult {
  readonly actors: number
  readonly steps: number
  readonly rate: number
  readonly bound: number
  /** How likely so few hits are, if each schedule hits with the probability of the bound. */
  readonly p: number
  readonly holds: boolean
}

export interface Measured {
  readonly id: string
  readonly depth: number
  readonly searches: readonly SearchResult[]
  readonly bound: BoundResult
  /** Oracles that reported it, and that its folder does not name. */
  readonly unexpected: readonly string[]
}

/** Is it found in most seeds by PCT or its own search, by an oracle that it names, not worse than the bound, and clean when fixed? */
export function passes({ searches, bound, unexpected }: Measured): boolean {
  const found = searches.some(({ strategy, median }) => strategy !== 'random' && median !== null)
  return found && bound.holds && unexpected.length === 0 && searches.every(({ fixed }) => fixed.violation === null)
}

/** Measures `race`. Takes minutes where a strategy finds it rarely. */
export async function measure(race: Race, asked: Asked): Promise<Measured> {
  const faulty = runsOf(race, race)
  const fixed = runsOf(race, null)
  try {
    const own = searchOf(race)
    const { teardownEvery = TEARDOWN_EVERY } = own
    const strategies: Strategy['name'][] = ['random', 'pct', ...(own.strategy === 'dfs' ? (['dfs'] as const) : [])]
    const searches: SearchResult[] = []
    let bound: BoundResult | null = null
    for (const name of strategies) {
      const strategy = { name, seed: 1, loose: false, depth: own.depth, preemptions: own.preemptions }
      const seeds = name === 'dfs' ? 1 : asked.seeds
      const most = name === 'dfs' ? asked.mostDfs : asked.most
      const hits = await firstHits(faulty, strategy, teardownEvery, seeds, most)
      const found = hits.firsts.filter(Number.isFinite).length
      const { baseSteps, ...without } = await exploreFixed(fixed, strategy, teardownEvery, most)
      searches.push({
        strategy: name as SearchResult['strategy'],
        found,
        seeds,
        median: finite(quantile(hits.firsts, 0.5)),
        p95: finite(quantile(hits.firsts, 0.95)),
        schedules: hits.schedules,
        cut_off: hits.cutOff,
        oracles: byFrequency(hits.oracles),
        fixed: without,
      })
      if (name !== 'pct') continue
      const actors = faulty.actorNames.length
      const steps = hits.baseSteps || baseSteps // of a find in the first schedule the steps are not known
      const least = pctBound(actors, steps, own.depth)
      const p = soFewHits(found, hits.schedules, seeds - found, least)
      bound = { actors, steps, rate: found / hits.schedules, bound: least, p, holds: p >= SIGNIFICANCE }
    }
    const seen = new Set(searches.flatMap(({ oracles }) => oracles))
    const unexpected = [...seen].filter((oracle) => !(race.oracles as readonly string[]).includes(oracle))
    return { id: race.id, depth: own.depth, searches, bound: bound as BoundResult, unexpected }
  } finally {
    await faulty.close()
    await fixed.close()
  }
}

function runsOf(race: Race, bug: Race | null): Runs {
  const subject = subjectOf(race)
  const prepared =
    'actors' in subject
      ? prepareActors(subject.actors, bug)
      : prepareScenario(readScenario(subject.scenario), bug === null ? driversWithout(race) : {}, bug)
  return new Runs(prepared.stage)
}

interface Hits {
  /** One for each seed; Infinity where it found nothing. */
  readonly firsts: readonly number[]
  readonly schedules: number
  readonly cutOff: number
  readonly oracles: readonly string[]
  readonly baseSteps: number
}

async function firstHits(runs: Runs, strategy: Strategy, teardownEvery: number, seeds: number, most: number): Promise<Hits> {
  const firsts: number[] = []
  const oracles: string[] = []
  let schedules = 0
  let cutOff = 0
  let baseSteps = 0
  for (let seed = 1; seed <= seeds; seed++) {
    const one = await search(runs, { ...strategy, seed }, teardownEvery, most)
    firsts.push(one.oracle === null ? Number.POSITIVE_INFINITY : one.schedules)
    if (one.oracle !== null) oracles.push(one.oracle)
    schedules += one.schedules
    cutOff += one.cutOff
    baseSteps = one.baseSteps
  }
  return { firsts, schedules, cutOff, oracles, baseSteps }
}

async function exploreFixed(
  runs: Runs,
  strategy: Strategy,
  teardownEvery: number,
  most: number,
): Promise<FixedResult & { readonly baseSteps: number }> {
  const { schedules, complete, oracle, message, baseSteps } = await search(runs, strategy, teardownEvery, most)
  return { schedules, complete, baseSteps, violation: oracle === null ? null : `${oracle}: ${message}` }
}

/** Schedules of one seed until one shows a violation, all were seen, or `most` were run. One that is cut off tells nothing. */
async function search(runs: Runs, strategy: Strategy, teardownEvery: number, most: number) {
  let schedules = 0
  let cutOff = 0
  let first = 0
  let baseSteps = 0
  for (;;) {
    const report = await runs.run({ strategy, first, count: most - schedules, teardownEvery })
    if (baseSteps === 0) baseSteps = report.baseSteps
    schedules += report.schedules + (report.cutOff ? 1 : 0)
    if (report.cutOff) cutOff++
    first = report.number + 1
    const { violation } = report
    if (violation !== null || !report.cutOff || schedules >= most) {
      const oracle = violation?.oracle ?? null
      if (violation !== null) schedules = Math.max(schedules, 1) // the first one, by which pct measures the steps, is not counted there
      return { schedules, cutOff, baseSteps, complete: report.exhausted, oracle, message: violation?.message ?? '' }
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
