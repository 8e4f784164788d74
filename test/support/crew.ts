/**
 * A crew: several real threads on one machine, each running an exported function of a test's own module with a Task. For
 * tests of the rooms below the actors: locks, rings, tables.
 *
 *     const crew = startCrew(t, { cpus: 4 })
 *     const results = await crew.run(import.meta.url, 'hammer', lock, 10_000)     // hammer(task, lock, 10000) on each thread
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import { layMachine, type MachineConfig } from '../../shared/actor/machine.ts'
import { auditInventory, takeInventory } from '../../shared/check/references.ts'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { memoryOf } from '../../shared/memory/regions.ts'
import { haltMachine } from '../../shared/seam/halt.ts'
import type { Task } from '../../shared/seam/task.ts'
import { workerFlags } from '../../src/remote.ts'
import type { Duty, DutyEnd } from './crewmember.ts'

/** Many times what any of them takes on a busy host: a limit, so that nothing hangs. */
const DEADLINE_MS = 60_000

export interface Crew {
  /** The starting thread's task, for preparing and for looking afterwards. */
  readonly task: Task
  /**
   * Calls `name` of `module` on every cpu thread at once, as name(task, ...args), and returns their results in the order of
   * the threads. Fails if a thread throws (the first error counts), or after DEADLINE_MS.
   */
  run(module: string, name: string, ...args: (number | string)[]): Promise<unknown[]>
  leftovers(): string[]
}

export function startCrew(t: { teardown(fn: () => unknown): void }, options: Partial<MachineConfig> = {}): Crew {
  const config: MachineConfig = {
    cpus: 4,
    notifiers: 0,
    devices: 0,
    bytes: 16 * 1024 * 1024,
    notify: 'inline',
    checked: true,
    noise: 0,
    seed: 1,
    cores: 2,
    ...options,
  }
  const { buffer, task } = layMachine(config, () => performance.now() * 1e6)
  const before = takeInventory(task)
  const busy = new Set<Worker>()
  t.teardown(() => Promise.all([...busy].map((member) => member.terminate())))
  return {
    task,
    run(module, name, ...args) {
      const parts = Array.from({ length: config.cpus }, async (_, actor) => {
        const member = idle.pop() ?? enlist()
        busy.add(member)
        const { result, error } = await serve(member, { buffer, memory: memoryOf(buffer), actor, module, name, args })
        if (error !== undefined) throw new Error(`cpu ${actor}: ${error}`)
        busy.delete(member)
        idle.push(member)
        return result
      })
      const late = new Promise<never>((_, reject) => {
        const timer = setTimeout(() => {
          haltMachine(task.words, 'hung', -1)
          reject(new Error(`${name} did not end within ${DEADLINE_MS} ms`))
        }, DEADLINE_MS)
        timer.unref()
        t.teardown(() => clearTimeout(timer))
      })
      return Promise.race([Promise.all(parts), late])
    },
    leftovers() {
      reapDeferred(task)
      return auditInventory(task, before).map(({ message }) => message)
    },
  }
}

/**
 * Threads that came well out of a run, for the next one: loading the core takes a thread 250 ms of processor time, and a file has
 * many crews. A thread that failed, was halted or was late is ended with its crew. These do not keep the process from ending.
 */
const idle: Worker[] = []

function enlist(): Worker {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  return new Worker(new URL(`./crewmember${extension}`, import.meta.url), { execArgv: workerFlags(), stdout: true })
}

/** Has a member do its duty. Rejects when the thread dies of it. */
async function serve(member: Worker, duty: Duty): Promise<DutyEnd> {
  member.ref()
  member.postMessage(duty)
  const [end] = await once(member, 'message')
  member.unref()
  return end
}
