/**
 * Controlled runs of one subject on one machine: each begins on a machine laid out anew, with the same workers, and tells how
 * it ended and by which schedule.
 */

import type { ExploreProgram, Subject } from '../../shared/actor/subject.ts'
import { cpusOf } from '../../shared/actor/subject.ts'
import { type Counts, closeCallsSince, readTally } from '../../shared/actor/tally.ts'
import { takeInventory } from '../../shared/check/references.ts'
import { completedPlusOne } from '../../shared/check/standstill.ts'
import type { Era } from '../../shared/hmm/era.ts'
import type { MirrorReclaim } from '../../shared/hmm/mirrorreclaim.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import type { Words } from '../../shared/memory/words.ts'
import type { Limits } from '../../shared/sched/limits.ts'
import { loadSchedule, type Segment } from '../../shared/sched/replay.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import * as w from '../../shared/seam/batonword.ts'
import { haltMachine } from '../../shared/seam/halt.ts'
import type { Task } from '../../shared/seam/task.ts'
import type { Violation } from '../../shared/seam/violation.ts'
import { RunFailure } from '../failure.ts'
import { type DeviceOptions, Machine } from '../machine.ts'
import type { CoreEdit } from '../races/edit.ts'
import { InputError } from '../scenario/error.ts'

/** What the machine of an exploration is booted with. */
export interface Stage {
  readonly subject: Subject
  /** Where its text came from, for errors. */
  readonly file: string
  readonly devices: readonly DeviceOptions[]
  readonly notify: 'dispatcher' | 'inline'
  readonly era: Era
  readonly timeoutsOff: boolean
  /** Default: immediate. */
  readonly mirrorReclaim?: MirrorReclaim
  readonly bytes?: number
  /** Words that a foreign protocol has for its own. */
  readonly words?: number
  readonly swapPages?: number
  /** Share of allocations that fail. */
  readonly allocFailures?: number
  /** Pages of system memory, at most. */
  readonly systemPages?: number
  /** A known race put into the core. */
  readonly edit?: CoreEdit
  /** See BootOptions. */
  readonly plain?: boolean
  /** False: nothing is taken down, not in replays either. */
  readonly teardown?: boolean
  /** The core on which its actors are kept. Default: the host places them. */
  readonly core?: number
}

/** One run. */
export interface ControlledRun {
  readonly strategy: Strategy
  readonly first?: number
  readonly count: number
  /** Points of the schedule without preemptions, if they are known. */
  readonly baseSteps?: number
  /** replay: the schedule to follow. */
  readonly schedule?: readonly Segment[]
  readonly teardownEvery?: number
  /** replay: the limits of that schedule. Default: those of the strategy. */
  readonly limits?: Limits
  readonly log?: SharedArrayBuffer
  /** What each schedule cost is written into it (shared/actor/journal.ts). */
  readonly journal?: SharedArrayBuffer
  readonly onTick?: (counts: Counts) => void
  readonly signal?: AbortSignal
}

/** How a run ended. */
export interface RunReport extends Counts {
  readonly violation: Violation | null
  /** Number of the last schedule, its segments, and how long it was. With a violation, that is the one that shows it. */
  readonly number: number
  readonly schedule: readonly Segment[]
  readonly scheduleSteps: number
  readonly limits: Limits
  readonly preemptions: number
  /** False when the schedule had more segments than are recorded. */
  readonly recorded: boolean
  readonly hash: string
  /** The strategy has seen every schedule there is for it. */
  readonly exhausted: boolean
  readonly cutOff: boolean
  /** Operations were completed since the last schedule became fair, or it did not. */
  readonly progressed: boolean
  /** A strict replay that does not fit: the step at which it left its schedule. */
  readonly divergedAt: number | null
  readonly seconds: number
}

/** Memory of a machine that explores, unless its subject needs more. */
export const CONTROLLED_BYTES = 512 * 1024

/** Runs of one subject. Close it. */
export class Runs {
  stage: Stage
  private machine: Machine | null = null
  private reel: SharedArrayBuffer | null = null

  constructor(stage: Stage) {
    this.stage = stage
  }

  /** The machine as the last run left it. */
  get task(): Task {
    return (this.machine as Machine).task
  }

  /** The machine as it was when the threads of the last run started. */
  get reelBuffer(): SharedArrayBuffer {
    return this.reel as SharedArrayBuffer
  }

  get actorNames(): readonly string[] {
    return (this.machine as Machine).actorNames
  }

  /** From here on with that much memory: on another machine if it differs. */
  withMemory({ bytes }: Pick<Stage, 'bytes'>): void {
    const { bytes: _bytes, ...rest } = this.stage
    this.stage = { ...rest, ...(bytes === undefined ? {} : { bytes }) }
  }

  /** Runs, and reports. Throws RunFailure when the run itself failed, InputError when the set-up does not hold. */
  async run(run: ControlledRun, subject: Subject = this.stage.subject): Promise<RunReport> {
    const machine = await this.fresh()
    const { words } = machine.task
    this.reel ??= new SharedArrayBuffer(words.byteLength)
    if (run.schedule !== undefined) loadSchedule(words, run.schedule)
    const program: ExploreProgram = {
      kind: 'explore',
      subject,
      strategy: run.strategy,
      first: run.first ?? 0,
      count: run.count,
      baseSteps: run.baseSteps ?? 0,
      limits: run.limits ?? null,
      teardownEvery: this.stage.teardown === false ? 0 : (run.teardownEvery ?? 1),
      timeoutsOff: this.stage.timeoutsOff,
      devices: this.stage.devices.length,
      allocFailures: this.stage.allocFailures ?? 0,
      reel: this.reel,
      log: run.log ?? null,
      journal: run.journal ?? null,
      inventory: [...takeInventory(machine.task)],
    }
    const began = performance.now()
    const outcome = await machine.run(program, () => {
      run.onTick?.(readTally(words))
      if (run.signal?.aborted === true) haltMachine(words, 'interrupted', -1)
    })
    const seconds = (performance.now() - began) / 1000
    if (outcome.error !== null) throw new RunFailure(outcome.error.code, outcome.error.message, { cause: outcome.error.cause })
    const [cpu] = outcome.actors
    if (cpu?.end === 'done' && cpu.problem !== undefined)
      throw new InputError(this.stage.file, cpu.problem.line, cpu.problem.message)
    const first = program.first
    return { ...report(words, new Int32Array(this.reel), first, outcome.violations[0] ?? null), seconds }
  }

  async close(): Promise<void> {
    await this.machine?.close()
  }

  private async fresh(): Promise<Machine> {
    const bytes = this.stage.bytes ?? CONTROLLED_BYTES
    if (this.machine?.reusable === true && this.machine.config.bytes === bytes) {
      this.machine.reset()
      return this.machine
    }
    await this.machine?.close()
    this.reel = null
    const { subject, devices, notify, era, mirrorReclaim, words, swapPages, systemPages, edit, plain, core } = this.stage
    this.machine = await Machine.boot({
      cpus: subject.kind === 'scenario' ? cpusOf(subject) : subject.threads.length,
      drivers: devices,
      notify: subject.kind === 'scenario' ? notify : 'inline',
      bytes,
      era,
      mirrorReclaim: mirrorReclaim ?? 'immediate',
      swapPages: swapPages ?? 0,
      ...(systemPages === undefined ? {} : { systemPages }),
      control: { words: words ?? 0 },
      ...(edit === undefined ? {} : { edit }),
      ...(plain === undefined ? {} : { plain }),
      ...(core === undefined ? {} : { core }),
    })
    return this.machine
  }
}

function report(words: Words, kept: Words, first: number, violation: Violation | null): Omit<RunReport, 'seconds'> {
  const header = regionAt(words, 'scheduler')
  const at = (word: number) => words[header + word] as number
  const segments = w.segmentsAt(words)
  const schedule: Segment[] = Array.from({ length: at(w.SEGMENTS) }, (_, i) => [
    words[segments + i * 2] as number,
    words[segments + i * 2 + 1] as number,
  ])
  const before = readTally(words)
  // A schedule that ended in a violation was not closed and not counted by anybody. One that ran out of turn never counts.
  const open = violation !== null && at(w.SCHEDULE) >= first
  if (violation !== null && at(w.CURRENT) >= 0 && schedule.at(-1)?.[0] !== at(w.CURRENT))
    schedule.push([at(w.CURRENT), at(w.PASSES)])
  return {
    ...before,
    schedules: before.schedules + (open ? 1 : 0),
    steps: before.steps + (open ? at(w.STEP) : 0),
    switches: before.switches + (open ? at(w.SWITCHES) : 0),
    closeCalls: before.closeCalls + (open ? closeCallsSince(words, kept) : 0),
    maxSteps: violation === null && at(w.CUT_OFF) === 0 ? before.maxSteps : Math.max(before.maxSteps, at(w.STEP)),
    violation,
    number: at(w.SCHEDULE),
    schedule,
    scheduleSteps: at(w.STEP),
    limits: { fairFrom: at(w.FAIR_FROM), steps: at(w.STEP_LIMIT) },
    preemptions: at(w.PREEMPTIONS),
    recorded: at(w.SEGMENTS_FULL) === 0,
    hash: hex(at(w.HASH_A)) + hex(at(w.HASH_B)),
    exhausted: at(w.EXHAUSTED) === 1 && at(w.FORCED) === 0,
    cutOff: at(w.CUT_OFF) === 1,
    progressed: at(w.FAIR_DONE) !== completedPlusOne(words),
    divergedAt: at(w.DIVERGED) === 0 ? null : at(w.DIVERGED) - 1,
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0')
}
