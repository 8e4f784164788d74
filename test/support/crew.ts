/**
 * A crew: several real threads on one machine, each running an exported function of a test's own module with a Task. For
 * tests of the rooms below the actors: locks, rings, tables.
 *
 *     const crew = startCrew(t, { cpus: 4 })
 *     const results = await crew.run(import.meta.url, 'hammer', lock, 10_000)     // hammer(task, lock, 10000) on each thread
 */
import { Worker } from 'node:worker_threads'
import { layMachine, type MachineConfig } from '../../shared/actor/machine.ts'
import { auditInventory, takeInventory } from '../../shared/check/references.ts'
import { reapDeferred } from '../../shared/frame/deferred.ts'
import { haltMachine } from '../../shared/seam/halt.ts'
import type { Task } from '../../shared/seam/task.ts'
import { workerFlags } from '../../src/remote.ts'

export interface Crew {
  /** The starting thread's task, for preparing and for looking afterwards. */
  readonly task: Task
  /**
   * Calls `name` of `module` on every cpu thread at once, as name(task, ...args), and returns their results in the order of
   * the threads. Fails if a thread throws (the first error counts), or after `deadlineMs`.
   */
  run(module: string, name: string, ...args: (number | string)[]): Promise<unknown[]>
  leftovers(): string[]
}

export function startCrew(
  t: { teardown(fn: () => unknown): void },
  options: Partial<MachineConfig> & { deadlineMs?: number } = {},
): Crew {
  const { deadlineMs = 20_000, ...rest } = options
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
    ...rest,
  }
  const { buffer, task } = layMachine(config, () => performance.now() * 1e6)
  const before = takeInventory(task)
  const workers: Worker[] = []
  t.teardown(() => Promise.all(workers.map((worker) => worker.terminate())))
  return {
    task,
    run(module, name, ...args) {
      const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
      const parts = Array.from({ length: config.cpus }, (_, actor) => {
        const worker = new Worker(new URL(`./crewmember${extension}`, import.meta.url), {
          workerData: { buffer, actor, module, name, args },
          execArgv: workerFlags(),
          stdout: true,
        })
        workers.push(worker)
        return new Promise((resolve, reject) => {
          worker.once('message', (message: { result?: unknown; error?: string }) => {
            if (message.error === undefined) resolve(message.result)
            else reject(new Error(`cpu ${actor}: ${message.error}`))
          })
          worker.once('error', reject)
        })
      })
      const late = new Promise<never>((_, reject) => {
        const timer = setTimeout(() => {
          haltMachine(task.words, 'hung', -1)
          reject(new Error(`${name} did not end within ${deadlineMs} ms`))
        }, deadlineMs)
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
