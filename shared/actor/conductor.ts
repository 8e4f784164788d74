/**
 * The conductor: what happens when no actor can move. It runs on whichever actor noticed, with the baton in its hand.
 *
 *   prologue is over    the machine is kept; the first schedule begins
 *   schedule is over    everybody finished: the oracles look; then teardown, or the machine is wound back for the next one
 *   somebody waits      nobody can wake it: a deadlock, or a wake-up that was lost
 *
 * At rest are: threads at their gate, servers asleep because there is nothing to do.
 */

import { auditContract } from '../check/contract.ts'
import { auditDirty } from '../check/dirty.ts'
import { auditFrames, auditInventory } from '../check/references.ts'
import { auditReverseMap } from '../check/reversemap.ts'
import { checkStandstill } from '../check/standstill.ts'
import { checkDeadlock } from '../check/stuck.ts'
import { checkSubset } from '../check/subset.ts'
import { reapDeferred } from '../frame/deferred.ts'
import { failAllocations } from '../frame/objects.ts'
import { NO_FILE } from '../mm/file.ts'
import { type Limits, limitsFor, provingSteps, WIDEST } from '../sched/limits.ts'
import { BASELINE } from '../sched/pct.ts'
import { advance, makeScheduler, needsBaseline } from '../sched/strategy.ts'
import { ACTOR_KIND, actorAt, CHANCE, KIND, WAIT_KIND } from '../seam/actors.ts'
import * as w from '../seam/batonword.ts'
import { seedChance } from '../seam/chance.ts'
import { type Baton, RUN_PHASE, type Scheduler } from '../seam/control.ts'
import { HaltSignal, haltMachine } from '../seam/halt.ts'
import { WAIT } from '../seam/park.ts'
import { unwind } from '../seam/point.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import { GATE_CONTROL, type Task } from '../seam/task.ts'
import { type Violation, ViolationSignal, violation } from '../seam/violation.ts'
import { unmet } from './expectation.ts'
import { Journal } from './journal.ts'
import { Reel } from './reel.ts'
import { foreignAt, handlesOnStage, spacesOnStage } from './stage.ts'
import { call, type ExploreProgram, type ForeignFunctions, hasThread } from './subject.ts'
import { tallySchedule } from './tally.ts'

/** One actor's end of it: all of them share what they know through the buffer. */
export class Conductor {
  private readonly task: Task
  private readonly baton: Baton
  private readonly program: ExploreProgram
  private readonly foreign: ForeignFunctions
  private readonly reel: Reel
  private readonly journal: Journal | null
  private readonly scheduler: Scheduler
  private readonly before: ReadonlyMap<string, number>
  private readonly actors: number

  constructor(task: Task, baton: Baton, program: ExploreProgram, foreign: ForeignFunctions) {
    this.task = task
    this.baton = baton
    this.program = program
    this.foreign = foreign
    this.reel = new Reel(task, program.reel)
    this.journal = program.journal === null ? null : new Journal(program.journal)
    this.scheduler = makeScheduler(task.words, program.strategy)
    this.before = new Map(program.inventory)
    this.actors = (task.words[ACTOR_COUNT_AT] as number) - 1
  }

  /** Nobody can move. Afterwards somebody can; or it throws, and the run is over. */
  quiet(): void {
    const { task } = this
    const phase = task.words[this.baton.header + w.PHASE_OF_RUN]
    // What the oracles look at is no step of the schedule.
    task.gate = 0
    if (!this.isAtRest()) this.report(checkDeadlock(task))
    if (phase === RUN_PHASE.prologue) this.beginFirst()
    else if (phase === RUN_PHASE.schedule) this.scheduleIsOver()
    else this.teardownIsOver()
    task.gate = GATE_CONTROL
  }

  private isAtRest(): boolean {
    const { words } = this.task
    for (let id = 0; id < (words[ACTOR_COUNT_AT] as number) - 1; id++) {
      if (this.baton.status(id) === w.GATED) continue
      const record = actorAt(words, id)
      const wait = words[record + WAIT_KIND]
      const idle = words[record + KIND] === ACTOR_KIND.engine ? WAIT.ring : WAIT.work
      if (words[record + KIND] === ACTOR_KIND.cpu || wait !== idle) return false
    }
    return true
  }

  private scheduleIsOver(): void {
    const { task, program, baton } = this
    const { words } = task
    const { header } = baton
    baton.closeSegment()
    failAllocations(task, 0)
    if (program.timeoutsOff && (words[header + w.TIMEOUTS] as number) > 0)
      violation(task, 'DLK', 'nobody could move before a timeout, and the scenario has timeouts off')
    if (program.subject.kind === 'scenario') this.auditMachine()
    else if (program.subject.check !== undefined) this.runCheck(program.subject.check)
    const number = words[header + w.SCHEDULE] as number
    const due = program.teardownEvery > 0 && number % program.teardownEvery === 0
    if (due && program.subject.kind === 'scenario') {
      words[header + w.PHASE_OF_RUN] = RUN_PHASE.teardown
      this.openGates(true)
    } else this.next()
  }

  private auditMachine(): void {
    const { task, program } = this
    const { words } = task
    if (program.subject.kind !== 'scenario') return
    const files = [...handlesOnStage(words, 0).values()].map(({ file }) => file).filter((file) => file !== NO_FILE)
    const spaces = spacesOnStage(words)
    const found: Violation[] = [
      ...checkSubset(task, program.devices),
      ...auditFrames(task, spaces, files),
      ...auditReverseMap(task, spaces),
      ...auditDirty(task, spaces, program.devices),
      ...auditContract(task, spaces),
    ]
    this.report(found[0])
    const wrong = unmet(task, program.subject.expect)
    if (wrong !== null) violation(task, 'LIN', wrong)
  }

  private runCheck(name: string): void {
    try {
      call(this.foreign, name)(this.task, foreignAt(this.task.words))
    } catch (error) {
      if (error instanceof HaltSignal || error instanceof ViolationSignal) throw error
      violation(this.task, 'LIN', error instanceof Error ? error.message : String(error))
    }
  }

  private teardownIsOver(): void {
    reapDeferred(this.task)
    this.report(auditInventory(this.task, this.before)[0])
    this.next()
  }

  private report(found: Violation | undefined): void {
    if (found !== undefined) violation(this.task, found.oracle, found.message, found)
  }

  /** The schedule without preemptions comes first where its length must be known; out of turn it does not count. */
  private beginFirst(): void {
    const { task, program, baton } = this
    task.words[baton.header + w.BASE_STEPS] = program.baseSteps
    this.begin(needsBaseline(program.strategy) && program.baseSteps === 0 ? BASELINE : program.first, true)
  }

  /** Counts the schedule that is over, and begins the next one or ends the run. */
  private next(): void {
    const { task, program } = this
    const { words } = task
    const { header } = this.baton
    const steps = words[header + w.STEP] as number
    const number = words[header + w.SCHEDULE] as number
    if (words[header + w.BASE_STEPS] === 0) words[header + w.BASE_STEPS] = steps
    words[header + w.MAX_STEPS] = Math.max(steps, words[header + w.MAX_STEPS] as number)
    if (number >= program.first) tallySchedule(words, this.reel.kept, program.strategy)
    const done = words[header + w.SCHEDULES_DONE] as number
    advance(words, program.strategy)
    this.journal?.ended(steps, words[header + w.HASH_A] as number, words[header + w.HASH_B] as number)
    if (done >= program.count || words[header + w.EXHAUSTED] === 1) {
      words[header + w.PHASE_OF_RUN] = RUN_PHASE.over
      haltMachine(words, 'finished', task.id)
      unwind(task)
    }
    this.reel.restore()
    this.begin(Math.max(number + 1, program.first), false)
  }

  private begin(number: number, keep: boolean): void {
    const { task, program } = this
    const { words } = task
    const { header } = this.baton
    if (keep) {
      this.reel.take()
      this.journal?.begin()
    }
    for (const at of PER_SCHEDULE) words[header + at] = 0
    const limits = this.limitsOf(number)
    words[header + w.STEP_LIMIT] = limits.steps
    words[header + w.FAIR_FROM] = limits.fairFrom
    words[header + w.CURRENT] = -1
    words[header + w.SCHEDULE] = number
    words[header + w.PHASE_OF_RUN] = RUN_PHASE.schedule
    seedChance(words, header + w.RUN_CHANCE, program.strategy.seed, number)
    // What fails depends on the number alone: a replay has no other seed.
    for (let id = 0; id < this.actors; id++) seedChance(words, actorAt(words, id) + CHANCE, number, id)
    failAllocations(task, program.allocFailures)
    this.scheduler.begin()
    this.openGates(false)
  }

  /** The schedule that runs is as long as it may be. */
  limit(): void {
    const { words } = this.task
    const { header } = this.baton
    if (words[header + w.PHASE_OF_RUN] !== RUN_PHASE.schedule || !this.provesStandstill()) return
    this.task.gate = 0
    checkStandstill(this.task)
  }

  /** Was the fair part long enough to tell? In a replay it was what it was when somebody found it so. */
  private provesStandstill(): boolean {
    const { program, baton, task } = this
    const { words } = task
    if (program.limits !== null) return true
    const base = words[baton.header + w.BASE_STEPS] as number
    if (base === 0) return false
    const points = (words[baton.header + w.STEP_LIMIT] as number) - (words[baton.header + w.FAIR_FROM] as number)
    return points >= provingSteps(base, this.actors)
  }

  /** Those of the schedule with that number: they depend on nothing but the program, and the length of the one without preemptions. */
  private limitsOf(number: number): Limits {
    const { program, baton, task } = this
    if (program.limits !== null) return program.limits
    const base = task.words[baton.header + w.BASE_STEPS] as number
    return base === 0 || number === BASELINE || program.strategy.name === 'replay' ? WIDEST : limitsFor(base, this.actors)
  }

  /** Lets the threads go on; in a teardown, all cpus. */
  private openGates(teardown: boolean): void {
    const { subject } = this.program
    const { words } = this.task
    for (let id = 0; id < (words[ACTOR_COUNT_AT] as number) - 1; id++) {
      const record = actorAt(words, id)
      if (teardown ? words[record + KIND] === ACTOR_KIND.cpu : hasThread(subject, words, id)) this.baton.open(id)
    }
  }
}

/** Header words that begin anew with each schedule. */
const PER_SCHEDULE = [
  w.STEP,
  w.SWITCHES,
  w.PREEMPTIONS,
  w.HASH_A,
  w.HASH_B,
  w.NOW_US,
  w.SEGMENTS,
  w.SEGMENTS_FULL,
  w.PASSES,
  w.TIMEOUTS,
  w.DIVERGED,
  w.LASSO,
  w.LASSO_HASH,
  w.LASSO_STEP,
  w.LASSO_ROUNDS,
  w.LASSO_LOOKS,
  w.FAIR_DONE,
] as const
