/**
 * `explore`: runs subjects under a scheduler that chooses every interleaving. Schedules are dealt to lanes, each a machine on a core
 * of its own; what comes out is the same with one lane or many. What is found is replayed once to be sure, shrunk, printed as a
 * table, and recorded so that it can be run again to the byte.
 */
import { availableParallelism } from 'node:os'
import type { Counts } from '../shared/actor/tally.ts'
import type { Era } from '../shared/hmm/era.ts'
import { pctBound } from '../shared/sched/pct.ts'
import type { Strategy } from '../shared/sched/strategy.ts'
import { HmmError } from '../shared/seam/error.ts'
import { usableCores } from './cores.ts'
import { Campaign, type Outcome } from './explore/campaign.ts'
import type { Find } from './explore/find.ts'
import { campaignHash } from './explore/identity.ts'
import { type CampaignSubject, Lane, type LaneSetup, type Unit, type UnitResult } from './explore/lane.ts'
import { ALL_SCHEDULES, DEFAULT_SCHEDULES, isSearch, type Part, partsOf, pieces, type Shard } from './explore/plan.ts'
import { type ForeignActors, readScenario } from './explore/subjects.ts'
import { deal } from './pool/dealing.ts'
import { raceById, subjectOf } from './races/index.ts'
import { searchOf } from './races/race.ts'
import { type ConcurrentScenario, inEra } from './scenario/concurrent.ts'

/** How to explore, whatever the subject. */
export interface SearchOptions {
  /** A known race to put in: its driver, or its edit of the core. Without a subject its own is explored. */
  readonly bug?: string
  /** Which protocol the drivers run on, whatever the scenarios say. */
  readonly era?: Era
  /** Default pct. */
  readonly strategy?: 'random' | 'pct' | 'dfs' | 'dpor'
  /** pct: ordering constraints of the bugs it looks for. Default 3. */
  readonly depth?: number
  /** dfs: most preemptions of a schedule. Default 2. */
  readonly preemptions?: number
  /** Most schedules of a subject. Default 1000; dfs and dpor: until all were seen. */
  readonly schedules?: number
  readonly seed?: number
  /** Modules in the place of device families. */
  readonly drivers?: Readonly<Record<string, string>>
  /** Part `index` of `of`, from 0. A depth-first search of one subject cannot be split. */
  readonly shard?: Shard
  /** Machines at work at once, 1 to 256. Default: one for each core, if there is work enough. 1 runs all from this thread. */
  readonly jobs?: number
  /** Shrink a find. Default true. */
  readonly shrink?: boolean
  /** After every how many schedules everything is closed and counted. Default 16; 0: never. */
  readonly teardownEvery?: number
  /** Called now and then while schedules run. */
  readonly onProgress?: (progress: ExploreProgress) => void
  /** Ends the search early when aborted; the result says what there was until then. */
  readonly signal?: AbortSignal
}

/** One subject: a scenario or a protocol of your own, and how to explore it. */
export interface ExploreOptions extends SearchOptions {
  /** A concurrent scenario: its file, or parsed already. */
  readonly scenario?: string | ConcurrentScenario
  /** Or a protocol of your own. */
  readonly actors?: ForeignActors
}

/** Several subjects, and how to explore them. */
export interface CampaignOptions extends SearchOptions {
  /** Concurrent scenarios: files, or parsed already. None with `bug`: the race's own. */
  readonly scenarios: readonly (string | ConcurrentScenario)[]
  /** Called for each subject, in order. */
  readonly onResult?: (result: ExploreResult) => void
}

/** How far an exploration is: a line a second. */
export interface ExploreProgress extends Counts {
  /** Schedules that there are to run; undefined when nobody knows before the end. */
  readonly asked: number | undefined
  readonly seconds: number
  /** Name of the subject that was heard of last. */
  readonly name: string
  readonly strategy: 'random' | 'pct' | 'dfs' | 'dpor'
  /** pct: the depth that was asked for. */
  readonly depth: number
}

/** What came of one subject. */
export interface ExploreResult {
  readonly file: string
  readonly name: string
  /** Place of the subject in its campaign. */
  readonly subject: number
  readonly strategy: 'random' | 'pct' | 'dfs' | 'dpor'
  readonly seed: number
  /** pct: the depth that was asked for. */
  readonly depth?: number
  readonly schedules: number
  /** Every schedule within the bound was seen (dfs), or one for each behaviour (dpor). */
  readonly complete: boolean
  /** It was ended early from outside. */
  readonly interrupted: boolean
  readonly steps: number
  readonly switches: number
  /** A stale entry was kept out by a retry, or a flush waited for an access in flight. */
  readonly close_calls: number
  /** Most change points that a schedule met (pct), or most decisions that one had (dfs, dpor). */
  readonly depth_reached: number
  readonly seconds: number
  readonly schedules_per_second: number
  /** Points of the schedule without preemptions, and of the longest one. */
  readonly base_steps: number
  readonly max_steps: number
  readonly actors: number
  /** pct: the least probability that one schedule finds a bug of that depth. */
  readonly bound?: number
  /** Schedules that were cut off at the step limit: nothing can be said about them. */
  readonly cut_off: number
  /** Which schedule shows the find, from 1, counted over the whole campaign. */
  readonly first_hit?: number
  readonly violation?: Find
}

/** What came of several subjects, or of a shard of them. */
export interface CampaignResult {
  /** Hash of all that decides what the campaign finds. Shards of one campaign have it in common. */
  readonly campaign: string
  /** Which shards are in here, from 1, of how many; and those that were ended early. */
  readonly shards: { readonly of: number; readonly parts: readonly number[]; readonly unfinished: readonly number[] }
  readonly scenarios: readonly ExploreResult[]
}

const MAX_JOBS = 256
/** Schedules that are worth another machine: fewer are run in the time in which one boots and warms up. */
const WORTH_A_MACHINE = 2000
/** Schedules dealt at once: some 100 ms of work, so that laying the machine out anew costs little and the lanes end together. */
const CHUNK = 200
const TEARDOWN_EVERY = 16
const WORKER = new URL(`./explore/worker${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url)

/** Explores one subject. Throws HmmError for bad options, InputError for a bad scenario, RunFailure when a run itself failed. */
export async function explore({ scenario, actors, ...options }: ExploreOptions): Promise<ExploreResult> {
  if (scenario !== undefined && actors !== undefined) throw new HmmError('HMM_ERR_USAGE', ONE_SUBJECT)
  const subject = actors !== undefined ? { actors } : scenario !== undefined ? { scenario: parsed(scenario) } : null
  const { scenarios } = await exploreSubjects(subject === null ? [] : [subject], options)
  const [result] = scenarios
  if (result === undefined) throw new HmmError('HMM_ERR_USAGE', 'there are fewer schedules than shards: this one has none')
  return result
}

/** Explores several scenarios, or a shard of that. Throws as explore() does. */
export async function exploreAll(options: CampaignOptions): Promise<CampaignResult> {
  const subjects = options.scenarios.map((scenario) => ({ scenario: parsed(scenario) }))
  return exploreSubjects(subjects, options)
}

const ONE_SUBJECT = 'explore takes either a scenario or actors'

function parsed(scenario: string | ConcurrentScenario): ConcurrentScenario {
  return typeof scenario === 'string' ? readScenario(scenario) : scenario
}

async function exploreSubjects(
  given: readonly CampaignSubject[],
  asked: SearchOptions & Pick<CampaignOptions, 'onResult'>,
): Promise<CampaignResult> {
  const { options, subjects: plain } = await withBug(given, asked)
  const subjects = options.era === undefined ? plain : plain.map((subject) => subjectInEra(subject, options.era as Era))
  const strategy = strategyOf(options)
  const { shard = { index: 0, of: 1 }, signal } = options
  whole(shard.of, 'the number of shards', 1, 1_000_000)
  whole(shard.index, 'a shard', 0, shard.of - 1)
  const schedules = options.schedules ?? (isSearch(strategy) ? ALL_SCHEDULES : DEFAULT_SCHEDULES)
  whole(schedules, 'the number of schedules', 1, ALL_SCHEDULES)
  const parts = partsOf(subjects.length, schedules, strategy, shard)
  const jobs = jobsFor(options.jobs, parts, strategy)
  const setup: LaneSetup = {
    subjects,
    strategy,
    teardownEvery: options.teardownEvery ?? TEARDOWN_EVERY,
    shrink: options.shrink ?? true,
    bug: options.bug,
    drivers: options.drivers,
  }
  const scenarios: ExploreResult[] = []
  const began = performance.now()
  const total =
    isSearch(strategy) && options.schedules === undefined ? undefined : parts.reduce((sum, { count }) => sum + count, 0)
  const campaign = new Campaign({
    parts,
    chunk: jobs === 1 || isSearch(strategy) ? ALL_SCHEDULES : CHUNK,
    signal,
    onOutcome: (outcome) => {
      const result = resultOf(outcome, subjects[outcome.subject] as CampaignSubject, strategy)
      scenarios.push(result)
      options.onResult?.(result)
    },
    onNews: (counts, subject) =>
      options.onProgress?.({
        ...counts,
        asked: total,
        seconds: (performance.now() - began) / 1000,
        name: nameOf(subjects[subject] as CampaignSubject).name,
        strategy: strategy.name as ExploreResult['strategy'],
        depth: strategy.depth,
      }),
  })
  if (jobs === 1) await runHere(campaign, new Lane(setup))
  else await runInPool(campaign, setup, jobs)
  campaign.throwFault()
  const unfinished = scenarios.length < parts.length || scenarios.some(({ interrupted }) => interrupted)
  const part = shard.index + 1
  return {
    campaign: campaignHash(setup, schedules),
    shards: { of: shard.of, parts: [part], unfinished: unfinished ? [part] : [] },
    scenarios,
  }
}

async function runInPool(campaign: Campaign, setup: LaneSetup, jobs: number): Promise<void> {
  const cores = usableCores()
  await deal<LaneSetup, Unit, UnitResult, Counts>(campaign, {
    worker: WORKER,
    jobs,
    setup: (lane) => ({ ...setup, core: cores[lane % cores.length] }),
    onStop: (stop) => {
      campaign.stop = stop
    },
  })
}

async function runHere(campaign: Campaign, lane: Lane): Promise<void> {
  try {
    for (;;) {
      const stop = new AbortController()
      campaign.stop = () => stop.abort()
      const [unit] = campaign.next(0)
      if (unit === undefined) return
      const ran = await lane
        .run(unit, stop.signal, (news) => campaign.news(0, unit, news))
        .then(
          (result) => () => campaign.result(0, unit, result),
          (error: Error) => () => campaign.fault(0, unit, error),
        )
      ran()
    }
  } finally {
    await lane.close()
  }
}

function subjectInEra(subject: CampaignSubject, era: Era): CampaignSubject {
  if ('actors' in subject) throw new HmmError('HMM_ERR_USAGE', 'a protocol of its own has no drivers, and so no era')
  return { scenario: inEra(subject.scenario, era) }
}

/** What is not asked for otherwise is the race's own: its subject, and the search that suits it. */
async function withBug<Options extends SearchOptions>(
  given: readonly CampaignSubject[],
  asked: Options,
): Promise<{ options: Options; subjects: readonly CampaignSubject[] }> {
  if (asked.bug === undefined) {
    if (given.length === 0) throw new HmmError('HMM_ERR_USAGE', ONE_SUBJECT)
    return { options: asked, subjects: given }
  }
  const bug = await raceById(asked.bug)
  const options = { ...searchOf(bug), ...asked }
  if (given.length > 0) return { options, subjects: given }
  const own = subjectOf(bug)
  return { options, subjects: ['actors' in own ? own : { scenario: parsed(own.scenario) }] }
}

function whole(value: number, name: string, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new HmmError('HMM_ERR_USAGE', `${name} is a whole number from ${min} to ${max}, not ${value}`)
}

function strategyOf(options: SearchOptions): Strategy {
  const { strategy = 'pct', depth = 3, preemptions = 2, seed = 1 } = options
  if (!['random', 'pct', 'dfs', 'dpor'].includes(strategy))
    throw new HmmError('HMM_ERR_USAGE', `there is no strategy ${strategy}; there are random, pct, dfs and dpor`)
  whole(depth, 'the depth of pct', 1, 16)
  whole(preemptions, 'the number of preemptions', 0, 1000)
  return { name: strategy, seed, depth, preemptions, loose: false }
}

/** As many as asked for, but none without work. */
function jobsFor(asked: number | undefined, parts: readonly Part[], strategy: Strategy): number {
  if (asked !== undefined) {
    whole(asked, 'the number of jobs', 1, MAX_JOBS)
    return Math.max(
      1,
      Math.min(asked, isSearch(strategy) ? parts.length : parts.reduce((sum, part) => sum + pieces(part, CHUNK), 0)),
    )
  }
  const schedules = parts.reduce((sum, { count }) => sum + count, 0)
  return Math.max(
    1,
    Math.min(availableParallelism(), isSearch(strategy) ? parts.length : Math.floor(schedules / WORTH_A_MACHINE)),
  )
}

function nameOf(subject: CampaignSubject): { file: string; name: string } {
  if ('actors' in subject) return { file: subject.actors.module, name: subject.actors.threads.join(', ') }
  return { file: subject.scenario.file, name: subject.scenario.name }
}

function resultOf(outcome: Outcome, subject: CampaignSubject, strategy: Strategy): ExploreResult {
  const { schedules, seconds, find, actors, maxSteps } = outcome
  const pct = strategy.name === 'pct'
  return {
    ...nameOf(subject),
    subject: outcome.subject,
    strategy: strategy.name as ExploreResult['strategy'],
    seed: strategy.seed,
    ...(pct ? { depth: strategy.depth } : {}),
    schedules,
    complete: outcome.exhausted && outcome.cutOff === 0,
    interrupted: outcome.interrupted,
    steps: outcome.steps,
    switches: outcome.switches,
    close_calls: outcome.closeCalls,
    depth_reached: outcome.deepest,
    seconds: Math.round(seconds * 1000) / 1000,
    schedules_per_second: Math.round(schedules / Math.max(seconds, 1e-3)),
    base_steps: outcome.baseSteps,
    max_steps: maxSteps,
    actors,
    ...(pct ? { bound: pctBound(actors, Math.max(1, maxSteps), strategy.depth) } : {}),
    cut_off: outcome.cutOff,
    ...(find === null ? {} : { first_hit: find.place + 1, violation: withoutPlace(find) }),
  }
}

function withoutPlace({ place: _place, ...find }: Find & { readonly place: number }): Find {
  return find
}
