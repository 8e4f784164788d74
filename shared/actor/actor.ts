/**
 * The actor loop: what every worker runs between start and halt. It never returns to its event loop in between, and it is
 * the only place that catches the unwinding of a halted machine.
 *
 *   program      cpu                         others
 *   sequential   interprets a scenario       serve
 *   stress       leads or joins a workload   serve; engines know its kernel; reclaimers put out and move pages
 *   explore      a thread of the subject     serve, or a thread; all of them controlled
 *   lifecycle    opens and closes a device   serve
 *   bench        leads or joins a course     serve; engines know its kernel
 */
import { checkContract } from '../check/contract.ts'
import { noteWrites } from '../check/dirty.ts'
import { checkPageGeneration } from '../check/pagegeneration.ts'
import { checkPermission } from '../check/permission.ts'
import { checkSecrecy } from '../check/secrecy.ts'
import { runEngine } from '../device/command.ts'
import { serveDevice } from '../device/service.ts'
import { reapDeferred } from '../frame/deferred.ts'
import { regionWords } from '../memory/regions.ts'
import { serveSlot } from '../notifier/dispatch.ts'
import { runCallbacks } from '../notifier/invalidate.ts'
import { ACTOR_KIND, type ActorKind, INDEX, KIND, PHASE, PHASE_DONE, PHASE_RUNNING } from '../seam/actors.ts'
import { quietAdd } from '../seam/atomics.ts'
import { HmmError, InvariantError } from '../seam/error.ts'
import { HaltSignal, haltMachine } from '../seam/halt.ts'
import { tick } from '../seam/point.ts'
import { AWAKE_AT, NOISE_AT } from '../seam/superblock.ts'
import { GATE_NOISE, type Task } from '../seam/task.ts'
import { describeActor } from '../seam/trace.ts'
import { type Violation, ViolationSignal } from '../seam/violation.ts'
import { LockTimes } from '../sync/locktimes.ts'
import type { BenchProgram } from './bench/course.ts'
import { prepareCourse, runCourse } from './bench/run.ts'
import { explorePart } from './exploration.ts'
import { Interpreter } from './interpreter.ts'
import { type LifecycleProgram, runLifecycle } from './lifecycle.ts'
import type { ScenarioLine } from './ops.ts'
import { joinStress, leadStress, prepareWorkload, reclaimStress, type StressShape } from './stress.ts'
import type { ExploreProgram, ForeignFunctions } from './subject.ts'
import { workloadNamed } from './workloads/index.ts'

/** What a machine runs: a sequential scenario, a load, an exploration, or openings and closings of devices. */
export type Program =
  | { readonly kind: 'sequential'; readonly lines: readonly ScenarioLine[] }
  | { readonly kind: 'stress'; readonly profile: string; readonly shape: StressShape }
  | ExploreProgram
  | LifecycleProgram
  | BenchProgram

/** The answer of one scenario line. */
export interface Answer {
  readonly line: number
  readonly got: string
}

/** Why a scenario stopped before its end: the fault of its text, not of the machine. */
export interface Problem {
  readonly line: number
  readonly code: string
  readonly message: string
}

/** How an actor's part of a run ended. Plain data: it travels to the booting thread. */
export type ActorOutcome =
  | { readonly end: 'done'; readonly answers?: readonly Answer[]; readonly problem?: Problem }
  | { readonly end: 'halted' }
  | { readonly end: 'violation'; readonly violation: Violation }
  | { readonly end: 'failed'; readonly code: string; readonly message: string; readonly doing: string; readonly stack: string }

/** Runs this actor's part of `program` and says how it ended. Everything but a finished cpu program halts the machine. */
export function runActor(task: Task, program: Program, foreign: ForeignFunctions = {}): ActorOutcome {
  const { words, record } = task
  task.halting = false
  task.gate = (words[NOISE_AT] as number) > 0 ? GATE_NOISE : 0
  task.lockClock = regionWords(words, 'lockTimes') === 0 ? null : new LockTimes(task)
  words[record + PHASE] = PHASE_RUNNING
  quietAdd(task, AWAKE_AT, 1)
  try {
    if (program.kind === 'explore') return explorePart(task, program, foreign, () => serve(task))
    return part(task, program)
  } catch (thrown) {
    return ended(task, thrown)
  } finally {
    quietAdd(task, AWAKE_AT, -1)
    words[record + PHASE] = PHASE_DONE
  }
}

/** Switches this worker's oracles on. Once, when it boots. */
export function installOracles(task: Task): void {
  if (!task.checked) return
  checkPageGeneration(task)
  checkPermission(task)
  checkSecrecy(task)
  noteWrites(task)
  checkContract(task)
}

function part(task: Task, program: Exclude<Program, ExploreProgram>): ActorOutcome {
  const kind = task.words[task.record + KIND] as number
  const index = task.words[task.record + INDEX] as number
  const workload = program.kind === 'stress' ? workloadNamed(program.profile) : undefined
  if (workload !== undefined) prepareWorkload(task, workload)
  if (program.kind === 'bench') prepareCourse(task, program)
  switch (KINDS[kind]) {
    case 'cpu':
      if (program.kind === 'sequential') return index === 0 ? interpret(task, program.lines) : { end: 'done' }
      if (program.kind === 'lifecycle') {
        if (index === 0) runLifecycle(task, program)
        return { end: 'done' }
      }
      if (program.kind === 'bench') {
        runCourse(task, index, program)
        return { end: 'done' }
      }
      if (workload === undefined) throw new HmmError('HMM_ERR_CONFIG', `there is no workload ${program.profile}`)
      if (index === 0) leadStress(task, workload, program.shape)
      else joinStress(task, workload)
      return { end: 'done' }
    case 'reclaim':
      if (workload !== undefined) reclaimStress(task, workload)
      return { end: 'done' }
    default:
      return serve(task)
  }
}

/** The loop of an actor that serves others, until the machine halts. */
function serve(task: Task): never {
  const index = task.words[task.record + INDEX] as number
  const kind = KINDS[task.words[task.record + KIND] as number]
  switch (kind) {
    case 'notifier':
      for (;;) {
        tick(task)
        serveSlot(task, index, runCallbacks)
      }
    case 'engine':
      return runEngine(task, index)
    case 'service':
      return serveDevice(task, index)
    default:
      throw new HmmError('HMM_ERR_CONFIG', `an actor of kind ${kind} has no loop`)
  }
}

const KINDS = Object.keys(ACTOR_KIND) as ActorKind[]

function interpret(task: Task, lines: readonly ScenarioLine[]): ActorOutcome {
  const interpreter = new Interpreter(task)
  const answers: Answer[] = []
  let problem: Problem | undefined
  for (const { line, op } of lines) {
    try {
      answers.push({ line, got: interpreter.run(op) })
    } catch (error) {
      if (!(error instanceof HmmError) || !TEXT_PROBLEMS.has(error.code)) throw error
      problem = { line, code: error.code, message: error.message }
      break
    }
  }
  interpreter.processes.exitAll()
  reapDeferred(task)
  return problem === undefined ? { end: 'done', answers } : { end: 'done', answers, problem }
}

/** Errors that are the scenario's own: raised before an operation begins, so that the machine is whole. */
const TEXT_PROBLEMS: ReadonlySet<string> = new Set(['HMM_ERR_SCENARIO', 'HMM_ERR_UNSUPPORTED'])

function ended(task: Task, thrown: unknown): ActorOutcome {
  if (thrown instanceof HaltSignal) return { end: 'halted' }
  if (thrown instanceof ViolationSignal)
    return { end: 'violation', violation: { actor: describeActor(task.words, task.id), ...thrown.violation } }
  const doing = describeActor(task.words, task.id)
  haltMachine(task.words, 'failure', task.id)
  const error = thrown instanceof Error ? thrown : new Error(String(thrown))
  const code = error instanceof HmmError ? error.code : error instanceof InvariantError ? 'HMM_ERR_INVARIANT' : 'HMM_ERR_ACTOR'
  return { end: 'failed', code, message: error.message, doing, stack: error.stack ?? '' }
}
