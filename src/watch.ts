/**
 * The watch: what the booting thread looks at while a run is going. It decides nothing of the protocol; it ends runs that
 * cannot end themselves.
 *
 *   hung       an actor that is not waiting for anybody and has not taken a step for HUNG_LOOKS looks: an endless loop in a
 *              driver. Looks are counted, not milliseconds: when the whole machine stalls, so does the count.
 *   deadlock   a cycle of published waits, the same in CYCLE_LOOKS looks, nobody in it having moved (shared/check/deadlock.ts)
 *              In a controlled run only one actor moves: hung is then when nobody was handed the baton for so long.
 *   stalled    no operation completed for STALLED_LOOKS looks although nobody is hung: a lost wakeup, or a livelock
 */
import { describeCycle, findCycle, sameCycle, type WaitCycle } from '../shared/check/deadlock.ts'
import { regionAt } from '../shared/memory/regions.ts'
import { actorAt, OP_DONE, PHASE, PHASE_RUNNING, PHASE_WAITING, STEPS, WAIT_KIND } from '../shared/seam/actors.ts'
import { CURRENT, HEARTBEAT, SCHEDULES_DONE, STEP } from '../shared/seam/batonword.ts'
import { HmmError } from '../shared/seam/error.ts'
import { type HaltCause, HaltSignal, haltMachine, haltState } from '../shared/seam/halt.ts'
import { readLog } from '../shared/seam/log.ts'
import { WAIT, WAIT_NAMES } from '../shared/seam/park.ts'
import type { Task } from '../shared/seam/task.ts'
import { describeActor } from '../shared/seam/trace.ts'
import type { Violation } from '../shared/seam/violation.ts'

export class Watch {
  static readonly INTERVAL_MS = 50
  /** 1 s of looks: an actor that has a core takes a step every few microseconds; one that waits for a core gets it well within. */
  static readonly HUNG_LOOKS = 20
  /** 5 s: in a controlled run everything waits for the one actor that moves, and lanes share the cores of a loaded host. */
  static readonly STANDSTILL_LOOKS = 100
  /** 0.3 s: on a loaded host an actor that may go on waits that long for a core. */
  static readonly CYCLE_LOOKS = 6
  /** 10 s. */
  static readonly STALLED_LOOKS = 200

  /** Settles when the machine has been halted by anybody. */
  readonly halted: Promise<void>
  readonly violations: Violation[] = []
  failure: HmmError | null = null
  /** Receives lines of the log ring. */
  onLog: (line: string) => void = (line) => process.stderr.write(`${line}\n`)

  private readonly task: Task
  private readonly controlled: boolean
  private heartbeat = ''
  private readonly names: readonly string[]
  private readonly steps: number[]
  private readonly still: number[]
  private cycle: WaitCycle | null = null
  private cycleLooks = 0
  private operations = -1
  private stalled = 0
  private logNext = 0
  private resolveHalted: () => void = () => {}

  constructor(task: Task, names: readonly string[], controlled = false) {
    this.task = task
    this.controlled = controlled
    this.names = names
    this.steps = names.map(() => -1)
    this.still = names.map(() => 0)
    this.halted = new Promise((resolve) => {
      this.resolveHalted = resolve
    })
  }

  /** One look. */
  look(): void {
    this.drainLog()
    if (haltState(this.task.words) !== null) {
      this.resolveHalted()
      return
    }
    if (this.controlled) {
      this.lookForStandstill()
      return
    }
    this.lookForHung()
    this.lookForDeadlock()
    this.lookForStall()
    if (haltState(this.task.words) !== null) this.resolveHalted()
  }

  /**
   * One look, then `then`. Both take locks of the machine, so they unwind like any actor when it is halted under them: the
   * outcome of the run says why it was. Anything else they throw ends the run: an HmmError with its own sentence.
   */
  tick(then: () => void): void {
    try {
      this.look()
      if (haltState(this.task.words) === null) then()
    } catch (error) {
      if (error instanceof HaltSignal) this.task.halting = false
      else if (error instanceof HmmError) this.fail('hung', -1, error.code, error.message)
      else this.fail('failure', -1, 'HMM_ERR_AUDIT', `the audit failed: ${error instanceof Error ? error.stack : String(error)}`)
    }
  }

  drainLog(): void {
    const { lines, next } = readLog(this.task.words, this.logNext)
    this.logNext = next
    for (const line of lines) this.onLog(line)
  }

  private lookForHung(): void {
    const { words } = this.task
    for (let id = 0; id < this.names.length; id++) {
      const record = actorAt(words, id)
      const steps = words[record + STEPS] as number
      const moved = steps !== this.steps[id] || words[record + PHASE] !== PHASE_RUNNING
      this.still[id] = moved ? 0 : (this.still[id] as number) + 1
      this.steps[id] = steps
      if ((this.still[id] as number) < Watch.HUNG_LOOKS) continue
      const seconds = (Watch.HUNG_LOOKS * Watch.INTERVAL_MS) / 1000
      this.fail('hung', id, 'HMM_ERR_HUNG', `${describeActor(words, id)}, took no step for ${seconds} s: it loops without end`)
      return
    }
  }

  /** A controlled run tells of deadlocks itself; what it cannot tell is code that reaches no point. */
  private lookForStandstill(): void {
    const { words } = this.task
    const header = regionAt(words, 'scheduler')
    const now = [HEARTBEAT, STEP, SCHEDULES_DONE, CURRENT].map((word) => words[header + word]).join()
    this.stalled = now === this.heartbeat ? this.stalled + 1 : 0
    this.heartbeat = now
    if (this.stalled < Watch.STANDSTILL_LOOKS) return
    const seconds = (Watch.STANDSTILL_LOOKS * Watch.INTERVAL_MS) / 1000
    const id = Math.max(0, words[header + CURRENT] as number)
    this.fail('hung', id, 'HMM_ERR_HUNG', `${describeActor(words, id)}, took no step for ${seconds} s: it loops without end`)
    this.resolveHalted()
  }

  private lookForDeadlock(): void {
    const cycle = findCycle(this.task)
    this.cycleLooks = cycle !== null && this.cycle !== null && sameCycle(cycle, this.cycle) ? this.cycleLooks + 1 : 1
    if (cycle !== null && this.cycleLooks >= Watch.CYCLE_LOOKS) {
      const violation = describeCycle(this.task, cycle)
      if (haltMachine(this.task.words, 'violation', cycle.actors[0] ?? -1)) this.violations.push(violation)
    }
    this.cycle = cycle
  }

  private lookForStall(): void {
    const { words } = this.task
    let operations = 0
    let busy = false
    for (let id = 0; id < this.names.length; id++) {
      const record = actorAt(words, id)
      operations += words[record + OP_DONE] as number
      const idle = words[record + PHASE] === PHASE_WAITING && IDLE_WAITS.has(words[record + WAIT_KIND] as number)
      if (!idle && words[record + PHASE] !== 0) busy = true
    }
    this.stalled = operations === this.operations && busy ? this.stalled + 1 : 0
    this.operations = operations
    if (this.stalled < Watch.STALLED_LOOKS) return
    const waits = this.names.flatMap((_, id) => {
      const record = actorAt(words, id)
      if (words[record + PHASE] !== PHASE_WAITING) return []
      return [`${describeActor(words, id)}, waits for ${WAIT_NAMES[words[record + WAIT_KIND] as number]}`]
    })
    const seconds = (Watch.STALLED_LOOKS * Watch.INTERVAL_MS) / 1000
    this.fail('hung', -1, 'HMM_ERR_HUNG', `no operation was completed for ${seconds} s: ${waits.join('; ') || 'nobody waits'}`)
  }

  private fail(cause: HaltCause, actor: number, code: string, sentence: string): void {
    if (haltMachine(this.task.words, cause, actor)) this.failure = new HmmError(code, sentence)
  }
}

/** Waiting for something to do is not being stuck. */
const IDLE_WAITS: ReadonlySet<number> = new Set([WAIT.ring, WAIT.work, WAIT.nap])
