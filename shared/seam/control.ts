/**
 * Controlled mode: only one actor moves at a time, the one that has the baton, and a scheduler says at every point who moves
 * next. It runs on the same workers as free mode; the running actor itself takes the decision, with state in the buffer.
 *
 *     the actor with the baton                 another actor
 *     point: scheduler says "go on"                                    no futex, no wake: tens of nanoseconds
 *     point: scheduler says "the other"
 *     its BATON = 1, notify                    was in Atomics.wait on its own BATON
 *     waits on its own BATON                   BATON = 0, goes on
 *
 * Whoever cannot go on says why, and is enabled again by what the protocol itself does:
 *
 *   sleep   its park word holds a token       (a wake writes it, as in free mode)
 *   spin    the word it found unsuitable has another value: a failed try is not tried again before that
 *   nap     a token; or, when nothing else can move, virtual time goes on to its end
 *   gate    between two schedules: until the conductor opens it
 *
 * When nobody can move, `onQuiet` is called on the actor that noticed: a schedule is over, or the machine is stuck.
 */

import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import { actorAt, PARK } from './actors.ts'
import * as w from './batonword.ts'
import { haltMachine } from './halt.ts'
import { PARK_TOKEN } from './parkword.ts'
import { POINT_LOAD, POINT_RMW, unwind } from './point.ts'
import type { StepLog } from './steplog.ts'
import { ACTOR_COUNT_AT, HALT_AT } from './superblock.ts'
import { GATE_CONTROL, type Task } from './task.ts'

/** Who decides. Its state is in the buffer, because each decision may be taken on another thread. */
export interface Scheduler {
  /** A schedule begins; its number and its chance are in the header. */
  begin(): void
  /** `actor` has moved for very long, and others could have: it gives way. */
  giveWay?(actor: number): void
  /** The actor that moves next: one of the bits of `enabled`, which is not 0. `current` moved last (-1: nobody yet). */
  choose(enabled: number, current: number): number
}

/** Phases of a controlled run. In all but `schedule` the order is fixed: go on while you can, then the lowest number. */
export const RUN_PHASE = { prologue: 0, schedule: 1, teardown: 2, over: 3 } as const

/** Most actors a controlled machine can have: enabled actors are bits of one word. */
export const MAX_CONTROLLED = 30

/**
 * Points that an actor passes in one go before others must get a turn: a retry loop whose reason is another actor must not keep
 * that one from moving. Longer than any operation.
 */
const LONG = 3000

/** The next actor of a set, round about. */
function following(enabled: number, actor: number): number {
  const later = enabled & ~((2 << actor) - 1)
  const from = later !== 0 ? later : enabled
  return 31 - Math.clz32(from & -from)
}

/** One actor's end of the baton. */
export class Baton {
  readonly words: Words
  readonly id: number
  /** Word index of the scheduler region's header. */
  readonly header: WordAt
  /** Called when nobody can move. Afterwards somebody can, or it threw. */
  onQuiet: () => void = () => {}
  /** Called once in each round of a fair schedule. */
  onRound: () => void = () => {}
  /** Called when a schedule is as long as it may be, before it is cut off. */
  onLimit: () => void = () => {}
  private readonly task: Task
  private readonly mine: WordAt
  private readonly lines: WordAt
  private readonly parks: WordAt
  private readonly parkStride: number
  private readonly actors: number
  private readonly segments: WordAt
  private readonly scheduler: Scheduler
  private readonly log: StepLog | null
  private readonly freeNowNs: () => number

  constructor(task: Task, scheduler: Scheduler, log: StepLog | null = null) {
    const { words } = task
    this.task = task
    this.words = words
    this.id = task.id
    this.header = regionAt(words, 'scheduler')
    this.mine = w.actorLineAt(words, task.id)
    this.lines = w.actorLineAt(words, 0)
    this.parks = actorAt(words, 0) + PARK
    this.parkStride = actorAt(words, 1) - actorAt(words, 0)
    this.actors = (words[ACTOR_COUNT_AT] as number) - 1 // the booting thread takes no part
    this.segments = w.segmentsAt(words)
    this.scheduler = scheduler
    this.log = log
    this.freeNowNs = task.nowNs
  }

  /** From here on this actor moves only with the baton. Returns when it has it for the first time. */
  enter(): void {
    const { task, words, header } = this
    task.baton = this
    task.gate = GATE_CONTROL
    task.nowNs = () => (words[header + w.NOW_US] as number) * 1000
    this.await()
  }

  /** Back to free mode. The machine has been halted. */
  leave(): void {
    this.task.baton = null
    this.task.gate = 0
    this.task.nowNs = this.freeNowNs
  }

  /** A point in front of an access of kind `kind` to word `at`. */
  point(kind: number, at: WordAt): void {
    const { words, header, mine, id } = this
    words[mine + w.NEXT_KIND] = kind
    words[mine + w.NEXT_AT] = at
    this.log?.accessDone(words)
    const phase = words[header + w.PHASE_OF_RUN] as number
    if (phase !== RUN_PHASE.schedule) {
      if (phase === RUN_PHASE.teardown) this.log?.accessBegins(words, id, kind, at, words[at] as number)
      return
    }
    const enabled = this.enabled()
    let next =
      (words[header + w.STEP] as number) < (words[header + w.FAIR_FROM] as number)
        ? this.scheduler.choose(enabled, id)
        : this.fair(enabled)
    if (next !== id) words[header + w.PREEMPTIONS] = (words[header + w.PREEMPTIONS] as number) + 1
    else if ((words[header + w.PASSES] as number) >= LONG && (enabled & (enabled - 1)) !== 0) {
      this.scheduler.giveWay?.(id)
      words[header + w.FORCED] = 1
      next = following(enabled, id)
    }
    if (next !== id) this.turnTo(next)
    this.pass(kind, at)
  }

  /** Until somebody leaves a token in this actor's park word. The token stays there. */
  sleep(): void {
    if (this.words[this.parkOf(this.id)] !== PARK_TOKEN) this.block(w.SLEEPING, POINT_RMW, this.parkOf(this.id))
  }

  /** Until a token, or until `ns` have passed and nothing else can move. */
  nap(ns: number): void {
    if (this.words[this.parkOf(this.id)] === PARK_TOKEN) return
    this.words[this.mine + w.DEADLINE] = (this.words[this.header + w.NOW_US] as number) + Math.max(1, Math.ceil(ns / 1000))
    this.block(w.NAPPING, POINT_RMW, this.parkOf(this.id))
  }

  /** The value of word `at` will not do: until it has another one. */
  spin(at: WordAt): void {
    this.words[this.mine + w.SPIN_AT] = at
    this.words[this.mine + w.SPIN_VALUE] = this.words[at] as number
    this.block(w.SPINNING, POINT_LOAD, at)
  }

  /** Between two schedules. */
  gate(): void {
    this.block(w.GATED, 0, 0)
  }

  /** Opens the gate of `actor`, if it stands there. Conductor only. */
  open(actor: number): void {
    const line = this.lines + actor * 16
    if (this.words[line + w.STATUS] === w.GATED) this.words[line + w.STATUS] = w.READY
  }

  status(actor: number): number {
    return this.words[this.lines + actor * 16 + w.STATUS] as number
  }

  /** Actors that can move, as bits. */
  enabled(): number {
    const { words, lines, actors } = this
    let bits = 0
    for (let i = 0, line = lines; i < actors; i++, line += 16) {
      const status = words[line + w.STATUS] as number
      if (status === w.READY || (status !== w.GATED && this.awakens(i, line, status))) bits |= 1 << i
    }
    return bits
  }

  private awakens(actor: number, line: WordAt, status: number): boolean {
    const { words } = this
    if (status === w.SPINNING) return words[words[line + w.SPIN_AT] as number] !== words[line + w.SPIN_VALUE]
    if (words[this.parkOf(actor)] === PARK_TOKEN) return true
    return status === w.NAPPING && (words[line + w.DEADLINE] as number) <= (words[this.header + w.NOW_US] as number)
  }

  /** This actor has taken a lock, or is about to drop it: for the log. */
  noteHold(held: number, lock: WordAt, taken: boolean): void {
    const { words, header, id, log } = this
    if (log !== null && words[header + w.PHASE_OF_RUN] === RUN_PHASE.schedule) log.noteHold(id, held, lock, taken)
  }

  private parkOf(actor: number): WordAt {
    return this.parks + actor * this.parkStride
  }

  /** Gives the baton away; `kind` and `at` are the access by which this actor will go on. */
  private block(status: number, kind: number, at: WordAt): void {
    const { words, header, mine, id } = this
    this.log?.accessDone(words)
    words[mine + w.STATUS] = status
    words[mine + w.NEXT_KIND] = kind
    words[mine + w.NEXT_AT] = at
    let enabled = this.enabled()
    if (enabled === 0 && !this.timeGoesOn()) this.onQuiet()
    if (enabled === 0) enabled = this.enabled()
    const next =
      words[header + w.PHASE_OF_RUN] === RUN_PHASE.schedule
        ? (words[header + w.STEP] as number) < (words[header + w.FAIR_FROM] as number)
          ? this.scheduler.choose(enabled, words[header + w.CURRENT] as number)
          : this.fair(enabled)
        : (enabled >>> id) & 1
          ? id
          : 31 - Math.clz32(enabled & -enabled)
    this.turnTo(next)
    words[mine + w.STATUS] = w.READY
  }

  /** Ends the nap that ends first. False if nobody naps. */
  private timeGoesOn(): boolean {
    const { words, header, lines, actors } = this
    let first = Number.POSITIVE_INFINITY
    for (let i = 0; i < actors; i++) {
      const line = lines + i * 16
      if (words[line + w.STATUS] === w.NAPPING) first = Math.min(first, words[line + w.DEADLINE] as number)
    }
    if (first === Number.POSITIVE_INFINITY) return false
    words[header + w.NOW_US] = first
    words[header + w.TIMEOUTS] = (words[header + w.TIMEOUTS] as number) + 1
    return true
  }

  /** Makes `next` the one who moves, and returns when it is this actor's turn again. */
  private turnTo(next: number): void {
    const { words, header } = this
    const current = words[header + w.CURRENT] as number
    if (current !== next) {
      if (current >= 0) this.closeSegment()
      words[header + w.CURRENT] = next
      words[header + w.PASSES] = 0
    }
    if (next === this.id) return
    // The first turn is no switch: whether it is one would depend on who finished the schedule before.
    if (current >= 0) words[header + w.SWITCHES] = (words[header + w.SWITCHES] as number) + 1
    words[header + w.HEARTBEAT] = ((words[header + w.HEARTBEAT] as number) + 1) | 0
    w.giveBaton(words, next)
    this.await()
  }

  private await(): void {
    const { words, mine } = this
    while (Atomics.load(words, mine + w.BATON) === 0) Atomics.wait(words, mine + w.BATON, 0)
    Atomics.store(words, mine + w.BATON, 0)
    if (words[HALT_AT] !== 0) unwind(this.task)
  }

  /** One point each, in turn. When the turn comes round, somebody may look whether the machine goes in circles. */
  private fair(enabled: number): number {
    const next = following(enabled, this.words[this.header + w.CURRENT] as number)
    this.words[this.header + w.FORCED] = 1
    if ((enabled & ((1 << next) - 1)) === 0) this.onRound()
    return next
  }

  /** Ends the record of who moved last. Conductor, and every switch. */
  closeSegment(): void {
    const { words, header } = this
    // What is fair needs no record. A segment that began before needs one, though it may end long after: nobody else could move.
    const began = (words[header + w.STEP] as number) - (words[header + w.PASSES] as number)
    if (began >= (words[header + w.FAIR_FROM] as number)) return
    const count = words[header + w.SEGMENTS] as number
    if (count >= w.MAX_SEGMENTS) {
      words[header + w.SEGMENTS_FULL] = 1
      return
    }
    words[this.segments + count * 2] = words[header + w.CURRENT] as number
    words[this.segments + count * 2 + 1] = words[header + w.PASSES] as number
    words[header + w.SEGMENTS] = count + 1
  }

  private pass(kind: number, at: WordAt): void {
    const { words, header, id } = this
    words[header + w.PASSES] = (words[header + w.PASSES] as number) + 1
    const step = (words[header + w.STEP] as number) + 1
    words[header + w.STEP] = step
    if (step > (words[header + w.STEP_LIMIT] as number)) this.cutOff()
    const value = words[at] as number
    const a = Math.imul((words[header + w.HASH_A] as number) ^ (at + (kind << 24) + (id << 27)), 0x9e3779b1)
    words[header + w.HASH_A] = a ^ (a >>> 15)
    words[header + w.HASH_B] = (Math.imul((words[header + w.HASH_B] as number) ^ value, 0x85ebca6b) + a) | 0
    this.log?.accessBegins(words, id, kind, at, value)
  }

  /** The schedule is too long to tell anything: the run ends, and says so. */
  private cutOff(): never {
    this.onLimit()
    this.words[this.header + w.CUT_OFF] = 1
    haltMachine(this.words, 'finished', -1)
    unwind(this.task)
  }
}
