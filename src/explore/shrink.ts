/**
 * Shrinking a find: first operations, then switches, as long as the same oracle still reports. Every candidate is run; nothing is
 * assumed. What is left is replayed strictly in the end, so the result is a schedule like any other.
 *
 *   operations   one at a time, from the last; when the schedule that is left no longer shows it, a short search tries again
 *   tail         the shortest beginning of the schedule that shows it, with no preemption after it
 *   switches     two segments of an actor are joined, and what lay between them comes after
 */
import type { ScenarioSubject, ScenarioThread, Subject } from '../../shared/actor/subject.ts'
import type { ThreadLine } from '../../shared/actor/threadops.ts'
import { BASELINE } from '../../shared/sched/pct.ts'
import type { Segment } from '../../shared/sched/replay.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import type { Oracle } from '../../shared/seam/violation.ts'
import type { RunReport, Runs } from './runs.ts'

export interface Shrunk {
  readonly subject: Subject
  readonly report: RunReport
}

/** Runs one may spend on shrinking one find. */
const BUDGET = 600
/** Schedules of the short search after an operation was taken out. */
const SEARCH = 100

/** Shrinks the find that `report` shows in `subject`. */
export async function shrink(runs: Runs, subject: Subject, report: RunReport, seed: number): Promise<Shrunk> {
  return new Shrinker(runs, report.violation?.oracle as Oracle, seed).shrink({ subject, report })
}

class Shrinker {
  private readonly runs: Runs
  private readonly oracle: Oracle
  private readonly seed: number
  private left = BUDGET

  constructor(runs: Runs, oracle: Oracle, seed: number) {
    this.runs = runs
    this.oracle = oracle
    this.seed = seed
  }

  async shrink(find: Shrunk): Promise<Shrunk> {
    let best = await this.fewerOperations(find)
    best = await this.shorterTail(best)
    return this.fewerSwitches(best)
  }

  /** Runs the schedule loosely; a report if the same oracle speaks. */
  private async shows(subject: Subject, schedule: readonly Segment[]): Promise<RunReport | null> {
    if (this.left-- <= 0) return null
    const strategy: Strategy = { name: 'replay', seed: this.seed, depth: 1, preemptions: 0, loose: true }
    return this.sameFind(await this.runs.run({ strategy, count: 1, schedule: joined(schedule) }, subject))
  }

  private async search(subject: Subject): Promise<RunReport | null> {
    if (this.left-- <= 0) return null
    const strategy: Strategy = { name: 'pct', seed: this.seed, depth: 3, preemptions: 0, loose: false }
    return this.sameFind(await this.runs.run({ strategy, first: BASELINE, count: SEARCH }, subject))
  }

  private sameFind(report: RunReport): RunReport | null {
    return report.violation?.oracle === this.oracle && report.recorded ? report : null
  }

  private async fewerOperations(find: Shrunk): Promise<Shrunk> {
    let best = find
    if (best.subject.kind !== 'scenario') return best
    for (let removed = true; removed; ) {
      removed = false
      for (const candidate of withoutOne(best.subject as ScenarioSubject, this.oracle)) {
        const report = (await this.shows(candidate, best.report.schedule)) ?? (await this.search(candidate))
        if (report === null) continue
        best = { subject: candidate, report }
        removed = true
        break
      }
    }
    return best
  }

  private async shorterTail(find: Shrunk): Promise<Shrunk> {
    let best = find
    let low = 0
    let high = best.report.schedule.length
    while (low < high) {
      const middle = (low + high) >> 1
      const report = await this.shows(best.subject, find.report.schedule.slice(0, middle))
      if (report === null) low = middle + 1
      else {
        high = middle
        if (isSimpler(report, best.report)) best = { ...best, report }
      }
    }
    return best
  }

  private async fewerSwitches(find: Shrunk): Promise<Shrunk> {
    let best = find
    for (let at = 0; at < best.report.schedule.length && this.left > 0; ) {
      const candidate = joinedAt(best.report.schedule, at)
      const report = candidate === null ? null : await this.shows(best.subject, candidate)
      if (report !== null && isSimpler(report, best.report)) best = { ...best, report }
      else at++
    }
    return best
  }
}

function isSimpler(a: RunReport, b: RunReport): boolean {
  if (a.preemptions !== b.preemptions) return a.preemptions < b.preemptions
  if (a.schedule.length !== b.schedule.length) return a.schedule.length < b.schedule.length
  return a.scheduleSteps < b.scheduleSteps
}

/** The schedule in which segment `at` and the next one of the same actor are one. */
function joinedAt(schedule: readonly Segment[], at: number): Segment[] | null {
  const [actor, passes] = schedule[at] as Segment
  const next = schedule.findIndex(([other], i) => i > at && other === actor)
  if (next < 0) return null
  const more = (schedule[next] as Segment)[1]
  return schedule.flatMap((segment, i) => (i === at ? [[actor, passes + more] as const] : i === next ? [] : [segment]))
}

/** Neighbours of the same actor as one segment. */
export function joined(schedule: readonly Segment[]): Segment[] {
  const out: Segment[] = []
  for (const [actor, passes] of schedule) {
    const last = out.at(-1)
    if (last?.[0] === actor) out[out.length - 1] = [actor, last[1] + passes]
    else out.push([actor, passes])
  }
  return out
}

/** The subjects with one operation less, the last one first. What others wait for stays, and what a finding is about. */
function* withoutOne(subject: ScenarioSubject, oracle: Oracle): Generator<ScenarioSubject> {
  const awaited = new Set(
    subject.threads.flatMap(({ lines }) => lines.flatMap(({ op }) => (op.op === 'after' ? [op.index] : []))),
  )
  // Expectations about an operation that is gone cannot be met; they only matter to a find of theirs.
  const expect = oracle === 'LIN' ? subject.expect : []
  const named = new Set(
    expect.flatMap((one) =>
      one.kind === 'is' ? [one.index] : one.kind === 'outcome' ? one.parts.map(({ index }) => index) : [],
    ),
  )
  for (const [t, thread] of [...subject.threads.entries()].reverse()) {
    for (const [i, { index, op }] of [...thread.lines.entries()].reverse()) {
      if (awaited.has(index) || named.has(index) || (oracle === 'LIN' && decidesValues(op))) continue
      const shorter: ScenarioThread = { ...thread, lines: thread.lines.filter((_, at) => at !== i) }
      yield { ...subject, expect, threads: subject.threads.map((one, at) => (at === t ? shorter : one)) }
    }
  }
}

/** What a value at the end depends on: without it, or in another order, what is expected would not hold in any schedule. */
function decidesValues(op: ThreadLine['op']): boolean {
  return op.op === 'after' || op.op === 'store' || op.op === 'add' || op.op === 'dwrite' || op.op === 'dadd'
}
