/**
 * An exploration: what it is told, and the part of each actor in it. All actors live through it in one go, however many
 * schedules it has; between two of them the conductor winds the machine back (shared/actor/conductor.ts).
 *
 *     prologue      fixed order: the set-up runs on cpu 0; then every actor stands still where each schedule begins:
 *                   threads at their gate, servers asleep with nothing to do
 *     schedule      the threads' gates are open, the scheduler decides
 *     teardown      now and then, and in every replay: cpus give everything back, so that the audit can expect it
 *
 * An actor's call stack is the same whenever it stands still, so going back to that moment is winding back memory alone.
 * Nothing an actor knows outside the buffer may survive its gate: threads begin with what is on the stage.
 */

import { lookForLasso } from '../check/lasso.ts'
import { noteProgress } from '../check/standstill.ts'
import { reapDeferred } from '../frame/deferred.ts'
import { errnoName } from '../memory/errno.ts'
import { mmPut } from '../mm/exit.ts'
import { filePut, NO_FILE } from '../mm/file.ts'
import { switchMm } from '../mm/shootdown.ts'
import { mmGetNotZero, NO_MM } from '../notifier/mmhead.ts'
import { makeScheduler } from '../sched/strategy.ts'
import { ACTOR_KIND, INDEX, KIND, PHASE, PHASE_IDLE, PHASE_RUNNING } from '../seam/actors.ts'
import { PHASE_OF_RUN } from '../seam/batonword.ts'
import { Baton, RUN_PHASE } from '../seam/control.ts'
import { assert, HmmError } from '../seam/error.ts'
import { haltMachine } from '../seam/halt.ts'
import { StepLog } from '../seam/steplog.ts'
import type { Task } from '../seam/task.ts'
import { beginOp, endOp, OPERATION } from '../seam/trace.ts'
import type { ActorOutcome, Problem } from './actor.ts'
import { Conductor } from './conductor.ts'
import { Interpreter } from './interpreter.ts'
import type { ScenarioLine } from './ops.ts'
import { awaitFinished, awaitRun, finishRun, openRun } from './rendezvous.ts'
import { foreignAt, MAX_PROCESSES, publishProcesses, setMirrorOnStage, spaceOnStage } from './stage.ts'
import {
  call,
  cpusOf,
  type ExploreProgram,
  type ForeignFunctions,
  type ModuleSubject,
  processesOf,
  type ScenarioSubject,
} from './subject.ts'
import { runCpuThread, runDeviceThread } from './threadops.ts'
import { endProcess } from './threadprocess.ts'

/** This actor's part, until the machine halts. `serve` is what it does in free mode. */
export function explorePart(
  task: Task,
  program: ExploreProgram,
  foreign: ForeignFunctions,
  serve: () => ActorOutcome,
): ActorOutcome {
  const log = program.log === null ? null : new StepLog(program.log)
  const baton = new Baton(task, makeScheduler(task.words, program.strategy), log)
  const conductor = new Conductor(task, baton, program, foreign)
  baton.onQuiet = () => conductor.quiet()
  baton.onRound = () => {
    noteProgress(task)
    lookForLasso(task)
  }
  baton.onLimit = () => conductor.limit()
  try {
    baton.enter()
    const outcome = partOf(task, baton, program, foreign, serve)
    haltMachine(task.words, 'finished', task.id) // only a set-up that failed comes back
    return outcome
  } finally {
    baton.leave()
  }
}

function partOf(
  task: Task,
  baton: Baton,
  { subject }: ExploreProgram,
  foreign: ForeignFunctions,
  serve: () => ActorOutcome,
): ActorOutcome {
  const kind = task.words[task.record + KIND]
  const index = task.words[task.record + INDEX] as number
  if (subject.kind === 'module') return kind === ACTOR_KIND.cpu ? foreignPart(task, baton, subject, foreign, index) : serve()
  if (kind === ACTOR_KIND.cpu) return cpuPart(task, baton, subject, index)
  const thread = subject.threads.find((one) => one.on === 'dev' && one.index === index)
  if (kind !== ACTOR_KIND.engine || thread === undefined) return serve()
  for (;;) {
    stand(task, baton)
    runDeviceThread(task, index, thread.process, thread.lines)
  }
}

/** At the gate: what happens next is the next schedule. */
function stand(task: Task, baton: Baton): void {
  task.words[task.record + PHASE] = PHASE_IDLE
  baton.gate()
  task.words[task.record + PHASE] = PHASE_RUNNING
}

function foreignPart(task: Task, baton: Baton, subject: ModuleSubject, foreign: ForeignFunctions, index: number): never {
  const at = foreignAt(task.words)
  if (index === 0 && subject.setup !== undefined) call(foreign, subject.setup)(task, at)
  const thread = subject.threads[index]
  for (;;) {
    stand(task, baton)
    if (thread !== undefined && task.words[baton.header + PHASE_OF_RUN] === RUN_PHASE.schedule) call(foreign, thread)(task, at)
  }
}

function cpuPart(task: Task, baton: Baton, subject: ScenarioSubject, index: number): ActorOutcome {
  const thread = subject.threads.find((one) => one.on === 'cpu' && one.index === index)
  const process = thread?.process ?? 0
  let leader: Interpreter | null = null
  if (index === 0) {
    leader = new Interpreter(task)
    const problem = runSetup(leader, subject.setup)
    if (problem !== null) return { end: 'done', problem }
    publishProcesses(task, leader.processes.list())
    for (const number of processesOf(subject)) openDevices(task, leader, number, subject.opens)
    leader.processes.switchTo(process)
    openRun(task, spaceOnStage(task.words, 0), cpusOf(subject))
  } else {
    awaitRun(task)
    const mm = spaceOnStage(task.words, process)
    assert(mmGetNotZero(task, mm), 'the leader uses the address space until the run ends')
    switchMm(task, mm)
  }
  for (;;) {
    stand(task, baton)
    if (task.words[baton.header + PHASE_OF_RUN] === RUN_PHASE.teardown) giveBack(task, process, leader, cpusOf(subject))
    else if (thread !== undefined) runCpuThread(task, thread)
  }
}

/** Opens devices for a process that has threads. */
function openDevices(task: Task, leader: Interpreter, number: number, devices: readonly number[]): void {
  const process = leader.processes.get(number)
  if (process?.alive !== true)
    throw new HmmError('HMM_ERR_SCENARIO', `a thread is in process ${number}, and the set-up leaves none of that number`)
  for (const device of devices) {
    const mirror = leader.processes.open(process, device)
    if (mirror < 0) throw new HmmError('HMM_ERR_SCENARIO', `device ${device} could not be opened: ${errnoName(mirror)}`)
  }
  for (const [device, mirror] of process.mirrors) setMirrorOnStage(task, number, device, mirror)
}

function runSetup(interpreter: Interpreter, lines: readonly ScenarioLine[]): Problem | null {
  for (const { line, op, expected } of lines) {
    const got = interpreter.run(op)
    if (expected !== undefined && got !== expected)
      return { line, code: 'HMM_ERR_SCENARIO', message: `the set-up expects ${expected}, and got ${got}` }
  }
  return null
}

/** Gives everything back, leaving what the actor knows as it is: the machine will be wound back under it. */
function giveBack(task: Task, process: number, leader: Interpreter | null, cpus: number): void {
  beginOp(task, OPERATION.exit)
  switchMm(task, NO_MM)
  if (leader === null) {
    mmPut(task, spaceOnStage(task.words, process))
    endOp(task)
    finishRun(task)
    return
  }
  awaitFinished(task, cpus)
  for (let number = 0; number < MAX_PROCESSES; number++) endProcess(task, number)
  for (const { alive, handles } of leader.processes.list()) {
    if (alive) for (const { file } of handles.values()) if (file !== NO_FILE) filePut(task, file)
  }
  reapDeferred(task)
  endOp(task)
}
