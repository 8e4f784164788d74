/**
 * Shrinking a find: first what is done, then how it is interleaved, as long as the same oracle still reports. Every candidate is
 * run; nothing is assumed. What is left is replayed strictly in the end, so the result is a schedule like any other.
 *
 *   kinds        all operations of a kind, those that take the most steps first
 *   threads      all operations of one
 *   operations   halves, quarters and so on, down to one at a time; first by the schedule there is alone
 *   the end      what concerns the page of the find, and the last few of each thread
 *   fairness     sooner, where the schedule became fair before it was over
 *   set-up       what it writes, one line at a time
 *   pages        of an operation, then of the areas
 *   tail         the shortest beginning of the schedule that shows it, with no preemption after it
 *   switches     two segments of an actor are joined, and what lay between them comes after
 *
 * A candidate is run by the schedule there is, as far as it fits, and then by a few dozen fresh ones. Its cost is counted in steps,
 * so that the result does not depend on the host.
 */
import type { Subject } from '../../shared/actor/subject.ts'
import { MOST_STEPS } from '../../shared/sched/limits.ts'
import { BASELINE } from '../../shared/sched/pct.ts'
import { MAX_REPLAY, type Segment } from '../../shared/sched/replay.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { StepLog } from '../../shared/seam/steplog.ts'
import { SLOT_PAGES } from '../../shared/seam/trace.ts'
import type { Oracle, Violation } from '../../shared/seam/violation.ts'
import { RunFailure } from '../failure.ts'
import type { ConcurrentScenario } from '../scenario/concurrent.ts'
import { InputError } from '../scenario/error.ts'
import { joined, olderLines, type Piece, piecesOf, scheduleWithout } from './guide.ts'
import type { ControlledRun, RunReport, Runs } from './runs.ts'
import {
  contentLines,
  expectationLines,
  fewerPages,
  kindsOf,
  linesBeside,
  linesOfKind,
  linesOfThread,
  removableLines,
  smallerAreas,
  withoutLines,
} from './shorter.ts'
import { memoryFor } from './subjects.ts'

export interface Shrunk {
  readonly subject: Subject
  /** The scenario that is left, for a subject that is one. */
  readonly scenario: ConcurrentScenario | null
  readonly report: RunReport
}

/** Steps one may spend on shrinking one find, and what a run costs beside its own. */
const BUDGET = 8_000_000
const RUN_COSTS = 1_000
/** What a step costs where each is another actor's. */
const FAIR_COSTS = 50

/** How hard a candidate is tried: steps of all its fresh schedules, and how many these are at least and at most. */
interface Effort {
  readonly steps: number
  readonly fewest: number
  readonly most: number
}

/** While there are many operations most candidates are hopeless; of the last few each is worth it. */
const GLANCE: Effort = { steps: 60_000, fewest: 24, most: 250 }
const SEARCH: Effort = { steps: 300_000, fewest: 24, most: 1000 }
/** Operations that count as the last few. */
const FEW = 8
/** Fresh finds of the same scenario that the simplest is chosen from, for each depth. */
const FRESH = 2
/** How many operations of each thread may be enough. */
const LAST = [1, 2, 3, 5]

/** Shrinks the find that `find` shows. `runs` is left ready to run what is left of it. */
export async function shrink(runs: Runs, find: Shrunk, seed: number): Promise<Shrunk> {
  return new Shrinker(runs, find.report.violation?.oracle as Oracle, seed).shrink(find)
}

/** The best so far, and its schedule by what was done in it. */
interface Best extends Shrunk {
  readonly pieces: readonly Piece[]
}

class Shrinker {
  private readonly runs: Runs
  private readonly oracle: Oracle
  private readonly seed: number
  private readonly buffer = new SharedArrayBuffer(StepLog.bytes(MOST_STEPS))
  private left = BUDGET
  /** Is a candidate run by fresh schedules too? */
  private searching = false
  private effort = GLANCE
  /** Texts that were: once is enough. */
  private readonly searched = new Set<string>()

  constructor(runs: Runs, oracle: Oracle, seed: number) {
    this.runs = runs
    this.oracle = oracle
    this.seed = seed
  }

  async shrink(find: Shrunk): Promise<Shrunk> {
    const { subject, scenario, report } = find
    let best = (await this.shows(subject, scenario, report.schedule, report)) ?? { ...find, pieces: [] }
    best = await this.soonerFair(best)
    if (this.oracle !== 'LIN') best = await this.without(best, expectationLines)
    this.searching = true
    best = await this.fewerKinds(best)
    this.searching = false
    best = await this.fewerOperations(best)
    this.searching = true
    best = await this.nearTheEnd(best)
    best = await this.fewerOperations(best)
    if (operationsOf(best) <= FEW) {
      this.effort = SEARCH
      this.searched.clear()
      best = await this.fewerOperations(best)
    }
    if (this.oracle !== 'LIN') best = await this.fewerPages(await this.withoutContent(best))
    best = await this.fewerSwitches(await this.shorterTail(best))
    return this.soonerFair(await this.fewerSwitches(await this.simplerSchedule(best)))
  }

  /** The scenario with the schedule of `best` without what is gone, and if that does not show it, with fresh ones. */
  private async attempt(best: Best, scenario: ConcurrentScenario | null, gone = NOTHING): Promise<Best | null> {
    if (scenario === null || this.searched.has(scenario.text)) return null
    if (this.searching) this.searched.add(scenario.text)
    const { subject } = scenario
    this.runs.withMemory(memoryFor(scenario))
    const schedule = scheduleWithout(best.pieces, best.subject, this.runs.actorNames, gone)
    let found = await this.shows(subject, scenario, schedule, best.report)
    if (this.searching) found ??= await this.search(subject, scenario, best.report.scheduleSteps)
    if (found === null && best.scenario !== null) this.runs.withMemory(memoryFor(best.scenario))
    return found
  }

  /** Runs the schedule as far as it fits, with limits and number of a run that is known: what the same oracle then says. */
  private async shows(
    subject: Subject,
    scenario: ConcurrentScenario | null,
    schedule: readonly Segment[],
    like: Pick<RunReport, 'limits' | 'number'>,
  ): Promise<Best | null> {
    if (schedule.length > MAX_REPLAY) return null
    const strategy: Strategy = { name: 'replay', seed: this.seed, depth: 1, preemptions: 0, loose: true }
    const log = new StepLog(this.buffer)
    log.clear()
    const run = { strategy, first: like.number, count: 1, schedule: joined(schedule), limits: like.limits, log: this.buffer }
    const report = await this.tried(run, subject)
    return report === null
      ? null
      : { subject, scenario, report, pieces: piecesOf(log, report.scheduleSteps, this.runs.actorNames) }
  }

  private async search(subject: Subject, scenario: ConcurrentScenario, steps: number): Promise<Best | null> {
    const { effort } = this
    const count = Math.min(effort.most, Math.max(effort.fewest, Math.floor(effort.steps / (steps + 1)))) >> 1
    for (const depth of [3, 2]) {
      const strategy: Strategy = { name: 'pct', seed: this.seed, depth, preemptions: 0, loose: false }
      const report = await this.tried({ strategy, first: BASELINE, count }, subject)
      if (report !== null) return this.shows(subject, scenario, report.schedule, report)
    }
    return null
  }

  private async tried(run: ControlledRun, subject: Subject): Promise<RunReport | null> {
    if (this.left <= 0) return null
    this.left -= RUN_COSTS
    try {
      const report = await this.runs.run(run, subject)
      this.left -= report.steps + FAIR_COSTS * Math.max(0, report.scheduleSteps - report.limits.fairFrom)
      return report.violation?.oracle === this.oracle && report.recorded ? report : null
    } catch (error) {
      // What is left makes no sense: a set-up that does not hold, an operation on what is not mapped.
      if (error instanceof InputError || error instanceof RunFailure) return null
      throw error
    }
  }

  private async without(best: Best, linesOf: (scenario: ConcurrentScenario) => readonly number[]): Promise<Best> {
    if (best.scenario === null) return best
    const lines = new Set(linesOf(best.scenario))
    if (lines.size === 0) return best
    return (await this.attempt(best, withoutLines(best.scenario, lines), lines)) ?? best
  }

  /** All operations of a kind at once: a find that needs none of the long ones is had with few steps. */
  private async fewerKinds(find: Best): Promise<Best> {
    let best = find
    for (const kind of kindsOf(best.scenario))
      best = await this.without(best, (scenario) => linesOfKind(scenario, this.oracle, kind))
    return best
  }

  /** Only what concerns the page that the find is about, and what was done last: tried by many fresh schedules. */
  private async nearTheEnd(find: Best): Promise<Best> {
    const { page } = find.report.violation as Violation
    let best = find
    if (page !== undefined) best = await this.without(best, (scenario) => linesBeside(scenario, this.oracle, page % SLOT_PAGES))
    for (const kept of LAST) {
      const lines = olderLines(best.pieces, best.subject, this.runs.actorNames, kept)
      const shorter = await this.without(best, (scenario) =>
        removableLines(scenario, this.oracle).filter((line) => lines.includes(line)),
      )
      if (shorter !== best) return shorter
    }
    return best
  }

  private async fewerOperations(find: Best): Promise<Best> {
    let best = find
    for (const thread of threadsOf(best))
      best = await this.without(best, (scenario) => linesOfThread(scenario, this.oracle, thread))
    const lines = () => (best.scenario === null ? [] : removableLines(best.scenario, this.oracle))
    for (let size = (lines().length + 1) >> 1; size > 0; ) {
      const before = best
      for (let from = 0; from < lines().length; ) {
        const shorter = await this.without(best, () => lines().slice(from, from + size))
        if (shorter === best) from += size
        best = shorter
      }
      if (size > 1) size = (size + 1) >> 1
      else if (best === before) size = 0
    }
    return best
  }

  private async withoutContent(find: Best): Promise<Best> {
    let best = find
    for (let from = 0; best.scenario !== null && from < contentLines(best.scenario).length; ) {
      const shorter = await this.without(best, (scenario) => contentLines(scenario).slice(from, from + 1))
      if (shorter === best) from++
      best = shorter
    }
    return best
  }

  private async fewerPages(find: Best): Promise<Best> {
    let best = find
    for (let before = null as Best | null; before !== best && best.scenario !== null; ) {
      before = best
      for (const candidate of fewerPages(best.scenario)) {
        const fewer = await this.attempt(best, candidate)
        if (fewer === null) continue
        best = fewer
        break
      }
    }
    return best.scenario === null ? best : ((await this.attempt(best, smallerAreas(best.scenario))) ?? best)
  }

  /** A schedule that became fair: by less of what was before, as it may be the fair part alone that shows it. */
  private async soonerFair(find: Best): Promise<Best> {
    const { limits, scheduleSteps, schedule, number } = find.report
    if (scheduleSteps <= limits.fairFrom) return find
    for (let fairFrom = LEAST_UNFAIR; fairFrom < limits.fairFrom; fairFrom *= 2) {
      const sooner = { number, limits: { fairFrom, steps: limits.steps - limits.fairFrom + fairFrom } }
      const shown = await this.shows(find.subject, find.scenario, schedule, sooner)
      if (shown !== null) return shown
    }
    return find
  }

  private async shorterTail(find: Best): Promise<Best> {
    let best = find
    let low = 0
    let high = best.report.schedule.length
    while (low < high) {
      const middle = (low + high) >> 1
      const shown = await this.shows(best.subject, best.scenario, find.report.schedule.slice(0, middle), best.report)
      if (shown === null) low = middle + 1
      else {
        high = middle
        if (isSimpler(shown.report, best.report)) best = shown
      }
    }
    return best
  }

  /** The simplest of some fresh schedules of what is left: one that needs few priority changes has few preemptions. */
  private async simplerSchedule(find: Best): Promise<Best> {
    let best = find
    for (const depth of [1, 2, 3]) {
      for (let fresh = 0; fresh < FRESH; fresh++) {
        const strategy: Strategy = { name: 'pct', seed: this.seed + fresh, depth, preemptions: 0, loose: false }
        const report = await this.tried({ strategy, first: BASELINE, count: GLANCE.most }, best.subject)
        const shown = report === null ? null : await this.shows(best.subject, best.scenario, report.schedule, report)
        if (shown !== null && isSimpler(shown.report, best.report)) best = shown
      }
      if (best.report.preemptions <= depth) return best
    }
    return best
  }

  private async fewerSwitches(find: Best): Promise<Best> {
    let best = find
    for (let at = 0; at < best.report.schedule.length && this.left > 0; ) {
      const candidate = joinedAt(best.report.schedule, at)
      const shown = candidate === null ? null : await this.shows(best.subject, best.scenario, candidate, best.report)
      if (shown !== null && isSimpler(shown.report, best.report)) best = shown
      else at++
    }
    return best
  }
}

/** Below this nothing is gained: a single operation takes as long. */
const LEAST_UNFAIR = 20

const NOTHING: ReadonlySet<number> = new Set()

function threadsOf({ scenario }: Best): number[] {
  return [...(scenario?.subject.threads.keys() ?? [])]
}

function operationsOf({ scenario }: Best): number {
  return scenario?.subject.threads.reduce((sum, { lines }) => sum + lines.length, 0) ?? 0
}

function isSimpler(a: RunReport, b: RunReport): boolean {
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions
  if (a.scheduleSteps !== b.scheduleSteps) return a.scheduleSteps < b.scheduleSteps
  return a.schedule.length < b.schedule.length
}

/** The schedule in which segment `at` and the next one of the same actor are one. */
function joinedAt(schedule: readonly Segment[], at: number): Segment[] | null {
  const [actor, passes] = schedule[at] as Segment
  const next = schedule.findIndex(([other], i) => i > at && other === actor)
  if (next < 0) return null
  const more = (schedule[next] as Segment)[1]
  return schedule.flatMap((segment, i) => (i === at ? [[actor, passes + more] as const] : i === next ? [] : [segment]))
}
