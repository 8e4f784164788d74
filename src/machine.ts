/**
 * A running machine: the buffer, its workers, and the one who boots them, watches them and ends them. The booting thread
 * never blocks; it looks at words of the buffer from time to time and takes no part in the protocol.
 *
 *   booting --all workers ready--> ready --run()--> running --halt--> ready (after reset) or closed
 */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { ActorOutcome, Program } from '../shared/actor/actor.ts'
import type { ActorApi, BootOutcome } from '../shared/actor/api.ts'
import { actorsOf, layMachine, type MachineConfig } from '../shared/actor/machine.ts'
import { type LayoutDigests, layoutDifference, layoutDigests } from '../shared/check/layout.ts'
import type { DriverFacts } from '../shared/device/registry.ts'
import { DEFAULT_ERA, type Era } from '../shared/hmm/era.ts'
import type { MirrorReclaim } from '../shared/hmm/mirrorreclaim.ts'
import type { SharedMemory } from '../shared/memory/regions.ts'
import type { ActorKind } from '../shared/seam/actors.ts'
import { giveBaton } from '../shared/seam/batonword.ts'
import { hostNowNs } from '../shared/seam/clock.ts'
import { HmmError } from '../shared/seam/error.ts'
import { haltMachine } from '../shared/seam/halt.ts'
import type { Task } from '../shared/seam/task.ts'
import { describeActor } from '../shared/seam/trace.ts'
import type { Violation } from '../shared/seam/violation.ts'
import { keepOnCore, placeOnCores } from './cores.ts'
import { type CoreEdit, editFlags } from './races/edit.ts'
import { type RemoteWorker, startRemote, workerFlags } from './remote.ts'
import { Watch } from './watch.ts'

/** One device. */
export interface DeviceOptions {
  /** Module URL of its driver. */
  readonly driver: string
  /** Pages of memory of its own. Default 0. */
  readonly memoryPages?: number
  /** Share of its copy engine's copies that fail, 0 to 1. Default 0. */
  readonly copyFailures?: number
  /** What its driver goes by: a name that it knows, or the URL of a module (docs/svm.md). Default: the driver's own choice. */
  readonly policy?: string
}

/** How to boot a machine. Everything has a default that suits a laptop. */
export interface BootOptions {
  /** CPU actors, 1 to 16. Default 2. */
  readonly cpus?: number
  /** Drivers, one for each device: module URLs, or with memory of the device's own. Default none. */
  readonly drivers?: readonly (string | DeviceOptions)[]
  /** Devices 0 to this, exclusive, have an engine worker; drivers that only answer ioctls need none. Default: all devices. */
  readonly engines?: number
  /** Actors that take memory back from processes: put pages out, move them. Default 0. */
  readonly reclaimers?: number
  /** Pages of system memory, at most. Default: as many as there is room for. */
  readonly systemPages?: number
  /** Pages that can be swapped out. Default 0. */
  readonly swapPages?: number
  /** Bytes of the machine's memory: 256 KiB to 4 GiB. Default 64 MiB. */
  readonly bytes?: number
  /** Dispatchers. Default 1. */
  readonly notifiers?: number
  readonly notify?: 'dispatcher' | 'inline'
  /** Which protocol the drivers run on (docs/eras.md). Default `sequence`. */
  readonly era?: Era
  /** When empty directories of mirror page tables die (docs/mirror-table.md). Default immediate. */
  readonly mirrorReclaim?: MirrorReclaim
  /** Held locks, lock order, object lifetime and the oracles. Default true. */
  readonly checked?: boolean
  /** Probability of a short spin at each schedule point. Default 0. */
  readonly noise?: number
  readonly seed?: number
  /** Cores the machine may count on: its actors spin while no more of them are awake. Default: what the host says. */
  readonly cores?: number
  /** For a machine whose schedules are controlled: words that a foreign protocol has for its own. */
  readonly control?: { readonly words: number }
  /** It will be given the accesses of a trace. Default false. */
  readonly feed?: boolean
  /** Measure the phases of fault services, and how long locks are waited for and held. Default false. Needs `checked`. */
  readonly timed?: boolean
  /** Events with times that each actor keeps, the last so many; a power of two. Default: none. */
  readonly timeline?: number
  /** Keep all actors on this core, where the host can do that: an exploration moves one of them at a time. Default: anywhere. */
  readonly core?: number
  /** Keep each actor on a core: actor i on `placing[i]`, and again from the first when there are more. Default: anywhere. */
  readonly placing?: readonly number[]
  /** One step of the core replaced by another: a known race put in. Default none. */
  readonly edit?: CoreEdit
  /**
   * Loads the core file by file and not bundled, which takes four times as long: for modules that import files of the core
   * themselves, as a known race may. Default: only with an edit.
   */
  readonly plain?: boolean
}

/** How a run ended, over all actors. */
export interface RunOutcome {
  /** Outcome of each actor, in the order of their numbers; missing for one that had to be terminated. */
  readonly actors: readonly (ActorOutcome | undefined)[]
  readonly violations: readonly Violation[]
  /** The one error that ended the run, or null. */
  readonly error: HmmError | null
}

interface Actor {
  readonly kind: ActorKind
  readonly index: number
  readonly name: string
  readonly remote: RemoteWorker<ActorApi>
}

const BOOT_DEADLINE_MS = 60_000
/**
 * After a halt every actor is back within a few steps; one that is not is stuck in code without any. Of a run that failed the
 * report must not wait for it. After a run that came to its end nothing is wrong yet, and a loaded host may be the reason.
 */
const STRAGGLER_MS = 400
const LATE_STRAGGLER_MS = 5_000
export const DEFAULT_BYTES = 64 * 1024 * 1024

/** A machine: one buffer and its workers. Made by `boot`; close() it, or its threads stay. */
export class Machine {
  readonly config: MachineConfig
  /** The driver of each device. */
  drivers: readonly DriverFacts[] = []
  private bootTask: Task
  private readonly actors: readonly Actor[]
  private readonly booted: LayoutDigests
  /** False once an actor had to be terminated, or the machine was closed. */
  private whole = true
  private closed = false

  private constructor(config: MachineConfig, task: Task, actors: readonly Actor[], booted: LayoutDigests) {
    this.config = config
    this.bootTask = task
    this.actors = actors
    this.booted = booted
  }

  /** The booting thread's task: for audits while nothing runs, and for looking at words while something does. */
  get task(): Task {
    return this.bootTask
  }

  /** Can it be reset and run again? */
  get reusable(): boolean {
    return this.whole && !this.closed
  }

  /**
   * Lays the machine out anew, with the same workers, and checks that it is the machine that was booted. Between runs, and
   * only while it is reusable.
   */
  reset(): void {
    if (!this.reusable) throw new HmmError('HMM_ERR_STATE', 'a machine whose actors were terminated cannot be reset')
    const { buffer } = this.task.words
    this.bootTask = layMachine(this.config, this.task.nowNs, buffer as SharedArrayBuffer).task
    const differing = layoutDifference(this.booted, layoutDigests(this.task.words))
    if (differing.length > 0)
      throw new HmmError('HMM_ERR_RESET', `the machine was not reset: ${differing.join(', ')} differ from when it was booted`)
  }

  /** Boots a machine and returns when every worker is ready. Throws HmmError; then nothing is left running. */
  static async boot(options: BootOptions = {}): Promise<Machine> {
    const devices = (options.drivers ?? []).map((one): DeviceOptions => (typeof one === 'string' ? { driver: one } : one))
    const drivers = devices.map(({ driver }) => driver)
    const policies = devices.map(({ policy }) => policy)
    const config: MachineConfig = {
      cpus: options.cpus ?? 2,
      notifiers: options.notify === 'inline' ? 0 : (options.notifiers ?? 1),
      devices: devices.length,
      engines: options.engines ?? devices.length,
      deviceFrames: devices.map((device) => device.memoryPages ?? 0),
      deviceCopyFailures: devices.map((device) => device.copyFailures ?? 0),
      reclaimers: options.reclaimers ?? 0,
      ...(options.systemPages === undefined ? {} : { systemFrames: options.systemPages }),
      swapFrames: options.swapPages ?? 0,
      bytes: options.bytes ?? DEFAULT_BYTES,
      notify: options.notify ?? 'dispatcher',
      era: options.era ?? DEFAULT_ERA,
      mirrorReclaim: options.mirrorReclaim ?? 'immediate',
      checked: options.checked ?? true,
      noise: options.noise ?? 0,
      seed: options.seed ?? 1,
      cores: options.cores ?? availableParallelism(),
      ...(options.control === undefined ? {} : { control: options.control }),
      ...(options.feed === undefined ? {} : { feed: options.feed }),
      ...(options.timed === undefined ? {} : { timed: options.timed }),
      ...(options.timeline === undefined ? {} : { timeline: options.timeline }),
    }
    const { task } = layMachine(config, hostNowNs)
    const memory = task.memory as SharedMemory
    const booted = layoutDigests(task.words)
    const actors = actorsOf(config)
      .filter(({ kind }) => kind !== 'main')
      .map(({ kind, index }) => startActor(kind, index, options))
    const machine = new Machine(config, task, actors, booted)
    try {
      const workers = await Promise.all(actors.map((actor, id) => bootActor(actor, { memory, actor: id, drivers, policies })))
      machine.drivers = workers[0]?.drivers ?? []
      const threads = workers.map(({ thread }) => thread)
      if (options.core !== undefined) await keepOnCore(threads, options.core)
      if (options.placing !== undefined) await placeOnCores(threads, options.placing)
    } catch (error) {
      await machine.close()
      throw error
    }
    return machine
  }

  get actorNames(): readonly string[] {
    return this.actors.map(({ name }) => name)
  }

  /** Ends one worker from outside, as a crash would. For tests of what happens then. */
  killActor(kind: ActorKind, index: number): void {
    const actor = this.actors.find((one) => one.kind === kind && one.index === index)
    if (actor === undefined) throw new HmmError('HMM_ERR_CONFIG', `this machine has no ${kind} ${index}`)
    void actor.remote.worker.terminate()
  }

  /**
   * Runs a program to its end. `onTick` is called about every 50 ms while it runs. Never rejects and never hangs: an actor
   * that dies, throws or stops moving ends the run, and is named in `error`.
   */
  async run(program: Program, onTick: (watch: Watch) => void = () => {}): Promise<RunOutcome> {
    const watch = new Watch(this.task, this.actorNames, program.kind === 'explore')
    if (program.kind === 'explore') giveBaton(this.task.words, 0)
    const outcomes: (ActorOutcome | undefined)[] = this.actors.map(() => undefined)
    const deaths: string[] = []
    const parts = this.actors.map(async (actor, id) => {
      try {
        outcomes[id] = await actor.remote.calls.run(program)
      } catch (error) {
        // Only a death gets here: the calls themselves answer with outcomes.
        this.whole = false
        if (haltMachine(this.task.words, 'died', id)) deaths.push(deathOf(this.task, id, error))
      }
    })
    const cpus = parts.filter((_, id) => this.actors[id]?.kind === 'cpu')
    const ticker = setInterval(() => {
      watch.tick(() => onTick(watch))
    }, Watch.INTERVAL_MS)
    await Promise.race([Promise.all(cpus), watch.halted])
    const finished = haltMachine(this.task.words, 'finished', -1)
    const stuck = await this.endStragglers(parts, finished ? LATE_STRAGGLER_MS : STRAGGLER_MS)
    clearInterval(ticker)
    watch.drainLog()
    return this.judge(outcomes, deaths, stuck, watch)
  }

  /** Ends the machine. Safe to call twice. */
  async close(): Promise<void> {
    if (this.closed) return
    this.closed = true
    haltMachine(this.task.words, 'interrupted', -1)
    await Promise.all(this.actors.map(({ remote }) => remote.terminate()))
  }

  /** Waits for the actors of a halted machine; ends those that do not come back in time, and names them. */
  private async endStragglers(parts: readonly Promise<void>[], deadlineMs: number): Promise<string[]> {
    const pending = new Set(this.actors.keys())
    const all = Promise.all(parts.map((part, id) => part.then(() => pending.delete(id))))
    let timer: NodeJS.Timeout | undefined
    await Promise.race([all, new Promise((resolve) => (timer = setTimeout(resolve, deadlineMs)))])
    clearTimeout(timer)
    const stuck = [...pending]
    if (stuck.length > 0) this.whole = false
    const names = stuck.map((id) => describeActor(this.task.words, id))
    await Promise.all(stuck.map((id) => this.actors[id]?.remote.terminate()))
    return names
  }

  /** The first cause is the one that counts; what came after it is its consequence. */
  private judge(outcomes: (ActorOutcome | undefined)[], deaths: string[], stuck: string[], watch: Watch): RunOutcome {
    const violations = [...outcomes.flatMap((one) => (one?.end === 'violation' ? [one.violation] : [])), ...watch.violations]
    const failed = outcomes.find((one) => one?.end === 'failed')
    let error: HmmError | null = null
    if (failed?.end === 'failed') {
      error = new HmmError(failed.code, `${failed.doing}: ${failed.message}`, { cause: failed.stack })
    } else if (deaths[0] !== undefined) {
      error = new HmmError('HMM_ERR_DIED', deaths[0])
    } else if (watch.failure !== null) {
      error = watch.failure
    } else if (stuck[0] !== undefined && violations.length === 0) {
      error = new HmmError('HMM_ERR_HUNG', `${stuck.join('; ')} did not stop after the halt`)
    }
    return { actors: outcomes, violations, error }
  }
}

function startActor(kind: ActorKind, index: number, { edit, plain = edit !== undefined }: BootOptions): Actor {
  const name = `${kind} ${index}`
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const url = new URL(`../${plain || extension !== '.js' ? '' : 'bundle/'}workers/${kind}${extension}`, import.meta.url)
  const remote = startRemote<ActorApi>(name, (port) => {
    // stdout and stderr stay off the parent's: actors speak through the log ring.
    return new Worker(url, {
      name,
      workerData: { port },
      transferList: [port],
      execArgv: [...workerFlags(), ...(plain ? ['--conditions=hmm-plain'] : []), ...(edit === undefined ? [] : editFlags(edit))],
      stdout: true,
      stderr: true,
    })
  })
  return { kind, index, name, remote }
}

async function bootActor(actor: Actor, setup: Parameters<ActorApi['boot']>[0]): Promise<Extract<BootOutcome, { ok: true }>> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new HmmError('HMM_ERR_BOOT', `${actor.name} was not ready within ${BOOT_DEADLINE_MS / 1000} s`)),
      BOOT_DEADLINE_MS,
    )
  })
  const outcome = await Promise.race([actor.remote.calls.boot(setup), late]).finally(() => clearTimeout(timer))
  if (!outcome.ok) throw new HmmError(outcome.code, outcome.message)
  return outcome
}

function deathOf(task: Task, id: number, error: unknown): string {
  const how = error instanceof Error ? error.message : String(error)
  return `${how} (${describeActor(task.words, id)})`
}

/** Boots a machine; see Machine.boot. */
export function boot(options: BootOptions = {}): Promise<Machine> {
  return Machine.boot(options)
}
