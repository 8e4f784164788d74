/**
 * A lane: one machine on which scenarios run one after the other. The machine is booted for the first of them and laid out
 * anew for each other; one that lost an actor is replaced.
 */
import type { Answer, Problem } from '../../shared/actor/actor.ts'
import { auditInventory, takeInventory } from '../../shared/check/references.ts'
import { MAX_DEVICES } from '../../shared/device/record.ts'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { DEFAULT_ERA, type Era } from '../../shared/hmm/era.ts'
import { driverUrl } from '../drivers.ts'
import { RunFailure } from '../failure.ts'
import { DEFAULT_BYTES, Machine } from '../machine.ts'
import { InputError } from '../scenario/error.ts'
import type { SequentialScenario } from '../scenario/parse.ts'
import type { FileResult } from './result.ts'

/** The machine of a lane. Plain data: it travels to run workers. */
export interface LaneSetup {
  readonly notify: 'dispatcher' | 'inline'
  readonly era: Era
  /**
   * Engine workers alive. Scenarios use devices 0 and 1, whose driver answers ioctls and gives its engine nothing to do; the
   * engine takes part in grace periods, flushes and halts all the same. With 1 the second device has none; beyond 2 there are
   * more devices, which no scenario names.
   */
  readonly engines: number
  readonly seed: number
  /** Cores that this lane may count on. */
  readonly cores: number
}

/** Devices that a scenario can name. */
export const SCENARIO_DEVICES = 2
export const MAX_ENGINES = MAX_DEVICES

/** The memory of the machine: more than any recorded scenario uses, migrates to one device, or swaps. */
const MACHINE_BYTES = DEFAULT_BYTES
const DEVICE_PAGES = 2048
const SWAP_PAGES = 512

/** What of a scenario its lane needs. */
export type Runnable = Pick<SequentialScenario, 'file' | 'lines'>

export class Lane {
  private readonly setup: LaneSetup
  private machine: Machine | null = null

  constructor(setup: LaneSetup) {
    this.setup = setup
  }

  /** Runs one scenario and audits what it left. Throws InputError for what only running shows, else RunFailure. */
  async run(scenario: Runnable): Promise<FileResult> {
    if (this.machine?.reusable === true) this.machine.reset()
    else this.machine = await this.replaced()
    return runScenario(this.machine, scenario)
  }

  async close(): Promise<void> {
    await this.machine?.close()
    this.machine = null
  }

  private async replaced(): Promise<Machine> {
    await this.close()
    return bootScenarioMachine(this.setup)
  }
}

/** Boots a machine for sequential scenarios: one cpu, and devices with `driver`, the kernel's test device by default. */
export function bootScenarioMachine(setup: Partial<LaneSetup> & { readonly driver?: string } = {}): Promise<Machine> {
  const {
    driver = driverUrl('mirror'),
    engines = SCENARIO_DEVICES,
    notify = 'dispatcher',
    era = DEFAULT_ERA,
    seed = 1,
    cores,
  } = setup
  const devices = Math.max(SCENARIO_DEVICES, engines)
  return Machine.boot({
    cpus: 1,
    drivers: Array.from({ length: devices }, (_, device) => ({
      driver,
      memoryPages: device < SCENARIO_DEVICES ? DEVICE_PAGES : 0,
    })),
    engines,
    swapPages: SWAP_PAGES,
    bytes: MACHINE_BYTES,
    notify,
    era,
    seed,
    ...(cores === undefined ? {} : { cores }),
  })
}

/** What a scenario came to on a machine, before it is compared with anything. */
export interface Played {
  readonly answers: readonly Answer[]
  /** Why it stopped before its end, if its text was at fault, or names what is not modelled. */
  readonly problem?: Problem
  /** Violations of the oracles, or what the reference audit found after the last operation. */
  readonly audit: readonly string[]
}

/**
 * Plays `scenario` on a machine that has run nothing since it was laid out, and audits what it left. Throws RunFailure when the
 * machine does not get to the end.
 */
export async function playScenario(machine: Machine, { file, lines }: Runnable): Promise<Played> {
  const before = takeInventory(machine.task)
  const outcome = await machine.run({ kind: 'sequential', lines })
  if (outcome.error !== null)
    throw new RunFailure(outcome.error.code, `${file}: ${outcome.error.message}`, { cause: outcome.error.cause })
  if (outcome.violations.length > 0)
    return { answers: [], audit: outcome.violations.map(({ oracle, message }) => `${oracle}: ${message}`) }
  const cpu = outcome.actors[0]
  if (cpu?.end !== 'done' || cpu.answers === undefined) throw new RunFailure('HMM_ERR_RUN', `${file}: the cpu did not finish`)
  reapDeferred(machine.task)
  const audit = auditInventory(machine.task, before).map(({ message }) => message)
  return { answers: cpu.answers, audit, ...(cpu.problem === undefined ? {} : { problem: cpu.problem }) }
}

/** Plays one scenario and compares each answer with the recorded one. Throws InputError for what only running shows. */
export async function runScenario(machine: Machine, scenario: Runnable): Promise<FileResult> {
  const { file, lines } = scenario
  const { answers, problem, audit } = await playScenario(machine, scenario)
  for (const [i, { line, got }] of answers.entries()) {
    const expected = lines[i]?.expected
    if (expected !== undefined && got !== expected) return { file, ok: false, line, expected, got }
  }
  const unsupported = problem?.code === 'HMM_ERR_UNSUPPORTED'
  if (problem !== undefined && !unsupported) throw new InputError(file, problem.line, problem.message)
  if (audit.length > 0) return { file, ok: false, audit }
  return problem === undefined ? { file, ok: true } : { file, ok: true, skipped: problem.message, line: problem.line }
}
