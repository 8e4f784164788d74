/**
 * A machine on one thread: no workers, the test itself is cpu 0. For tests of one room, step by step. Invalidations run
 * inline. `leftovers()` says what was not returned since the machine was made.
 */
import { layMachine, type MachineConfig } from '../../shared/actor/machine.ts'
import { checkPageGeneration } from '../../shared/check/pagegeneration.ts'
import { auditInventory, takeInventory } from '../../shared/check/references.ts'
import type { Driver } from '../../shared/device/contract.ts'
import { registerDriver } from '../../shared/device/registry.ts'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { registerMm } from '../../shared/mm/mm.ts'
import { Task } from '../../shared/seam/task.ts'

export interface Solo {
  /** Cpu 0's task. */
  readonly task: Task
  /** A task for another actor of the machine, used from the same thread: cpu 1 and so on. */
  other(actor: number): Task
  leftovers(): string[]
}

export interface SoloOptions extends Partial<MachineConfig> {
  readonly drivers?: readonly Driver[]
  /** What each driver goes by (DeviceContext.policy). */
  readonly policies?: readonly unknown[]
  /** The machine's clock; default: the host's. */
  readonly nowNs?: () => number
}

const hostNowNs = () => performance.now() * 1e6

export function solo(options: SoloOptions = {}): Solo {
  const { drivers = [], policies = [], nowNs = hostNowNs, ...config } = options
  const { buffer, task: main } = layMachine(
    {
      cpus: 2,
      notifiers: 0,
      devices: drivers.length,
      bytes: 16 * 1024 * 1024,
      notify: 'inline',
      checked: true,
      noise: 0,
      seed: 1,
      cores: 2,
      ...config,
    },
    nowNs,
  )
  const taskFor = (actor: number) => {
    const task = new Task({ buffer, actor, nowNs })
    registerMm(task)
    for (const [device, driver] of drivers.entries()) registerDriver(task, device, driver, policies[device])
    checkPageGeneration(task)
    return task
  }
  const before = takeInventory(main)
  return {
    task: taskFor(0),
    other: taskFor,
    leftovers() {
      reapDeferred(main)
      return auditInventory(main, before).map(({ message }) => message)
    },
  }
}

/** What the function throws as a violation, as `ORACLE: message`; null if it throws none. */
export function violationOf(run: () => unknown): string | null {
  try {
    run()
    return null
  } catch (thrown) {
    const violation = (thrown as { violation?: { oracle: string; message: string } }).violation
    if (violation === undefined) throw thrown
    return `${violation.oracle}: ${violation.message}`
  }
}
