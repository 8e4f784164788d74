/**
 * The machine of the contract tests that are no explorations: one cpu, one device of the driver under test. It is laid out anew for
 * each course, and booted anew when a course ended one of its actors.
 */
import type { LifecycleProgram } from '../../shared/actor/lifecycle.ts'
import { auditInventory, takeInventory } from '../../shared/check/references.ts'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { allocFailures } from '../../shared/frame/objects.ts'
import type { Era } from '../../shared/hmm/era.ts'
import { Machine, type RunOutcome } from '../machine.ts'
import { parseSequential } from '../scenario/parse.ts'
import { DEVICE_PAGES } from './scenarios.ts'

const BYTES = 4 * 1024 * 1024
const SWAP_PAGES = 16
/** Makes the rounds of a course differ. */
const NOISE = 1 / 64

export class CourseMachine {
  private readonly driver: string
  private readonly era: Era
  private readonly seed: number
  private machine: Machine | null = null
  /** What went wrong may have written anywhere. */
  private wasWell = true

  constructor(driver: string, era: Era, seed: number) {
    this.driver = driver
    this.era = era
    this.seed = seed
  }

  /** A machine that nothing has run on. Throws HmmError when the driver cannot be loaded or does not go with the era. */
  async fresh(): Promise<Machine> {
    if (this.machine?.reusable === true && this.wasWell) this.machine.reset()
    else {
      await this.close()
      this.machine = await Machine.boot({
        cpus: 1,
        drivers: [{ driver: this.driver, memoryPages: DEVICE_PAGES }],
        era: this.era,
        seed: this.seed,
        noise: NOISE,
        bytes: BYTES,
        swapPages: SWAP_PAGES,
      })
      this.wasWell = true
    }
    return this.machine
  }

  /** Runs a course: what was wrong, or null; and whether an allocation failed in it. */
  async course(program: LifecycleProgram): Promise<{ wrong: string | null; failed: boolean }> {
    const machine = await this.fresh()
    const { task } = machine
    const before = takeInventory(task)
    const outcome = await machine.run(program)
    const ended = wrongEnd(outcome)
    this.wasWell = ended === null
    if (ended !== null) return { wrong: ended, failed: allocFailures(task) > 0 }
    reapDeferred(task)
    const left = auditInventory(task, before).map(({ message }) => message)
    return {
      wrong: left.length === 0 ? null : `not everything was returned: ${left.join('; ')}`,
      failed: allocFailures(task) > 0,
    }
  }

  /** Answers of operations in the scenario language; none if the run did not come to its end. */
  async ask(operations: readonly string[]): Promise<readonly string[]> {
    const machine = await this.fresh()
    const { lines } = parseSequential('operations', operations.join('\n'))
    const outcome = await machine.run({ kind: 'sequential', lines })
    this.wasWell = wrongEnd(outcome) === null
    const [cpu] = outcome.actors
    return cpu?.end === 'done' && cpu.answers !== undefined ? cpu.answers.map(({ got }) => got) : []
  }

  async close(): Promise<void> {
    await this.machine?.close()
    this.machine = null
  }
}

/** A run that was to end by itself, and did not. */
function wrongEnd({ error, violations }: RunOutcome): string | null {
  const [first] = violations
  if (first !== undefined) return `${first.oracle}: ${first.message}`
  return error === null ? null : error.message
}
