/**
 * What all actor workers have in common: a port to the booting thread, the two calls behind it, the clock. Nothing of the
 * protocol passes here; once `run` is called the thread belongs to shared/actor until the machine halts.
 */
import { type MessagePort, workerData } from 'node:worker_threads'
import { expose } from 'comlink'
import { installOracles, type Program, runActor } from '../shared/actor/actor.ts'
import type { ActorApi, ActorSetup, BootOutcome } from '../shared/actor/api.ts'
import type { ForeignFunctions } from '../shared/actor/subject.ts'
import { asDriver, type DriverFacts, factsOf, registerDriver } from '../shared/device/registry.ts'
import { adoptMemory } from '../shared/memory/regions.ts'
import { registerMm } from '../shared/mm/mm.ts'
import { hostNowNs } from '../shared/seam/clock.ts'
import { coreCopies, HmmError } from '../shared/seam/error.ts'
import { Task } from '../shared/seam/task.ts'
import { threadNumber } from './threadnumber.ts'

/** Serves the booting thread on the port it passed. */
export function hostActor(): void {
  const { port } = workerData as { port: MessagePort }
  let task: Task | undefined
  const api: ActorApi = {
    async boot(setup) {
      try {
        const booted = await bootTask(setup)
        task = booted.task
        return { ok: true, drivers: booted.drivers, ...threadNumber() }
      } catch (error) {
        return refusal(error)
      }
    },
    async run(program) {
      if (task === undefined) return { end: 'failed', code: 'HMM_ERR_BOOT', message: 'run before boot', doing: '', stack: '' }
      return runActor(task, program, await foreignFunctions(program))
    },
  }
  expose(api, port)
}

async function bootTask(setup: ActorSetup): Promise<{ task: Task; drivers: DriverFacts[] }> {
  const task = new Task({ buffer: adoptMemory(setup.memory), actor: setup.actor, nowNs: hostNowNs })
  registerMm(task)
  const drivers: DriverFacts[] = []
  for (const [device, url] of setup.drivers.entries()) {
    const driver = asDriver(await load(url), url)
    registerDriver(task, device, driver, await loadPolicy(setup.policies?.[device]))
    assertOneCore(url)
    drivers.push(factsOf(driver))
  }
  installOracles(task)
  return { task, drivers }
}

/** The functions of a foreign protocol under exploration. */
async function foreignFunctions(program: Program): Promise<ForeignFunctions> {
  if (program.kind !== 'explore' || program.subject.kind !== 'module') return {}
  const functions = (await import(program.subject.url)) as ForeignFunctions
  assertOneCore(program.subject.url)
  return functions
}

function assertOneCore(url: string): void {
  if (coreCopies() === 1) return
  throw new HmmError(
    'HMM_ERR_DRIVER',
    `a second copy of hmm-runtime came with ${url}: import hmm-runtime/driver or hmm-runtime/sync, of this version`,
  )
}

/** What a driver is to go by: a name, or the default export of a module, null if it has none. */
async function loadPolicy(policy: string | undefined): Promise<unknown> {
  if (policy === undefined || !policy.includes(':')) return policy
  const exported = await load(policy, 'policy')
  assertOneCore(policy)
  return exported ?? null
}

async function load(url: string, what = 'driver'): Promise<unknown> {
  try {
    const module = (await import(url)) as { default?: unknown }
    return module.default
  } catch (error) {
    throw new HmmError('HMM_ERR_DRIVER', `the ${what} ${url} could not be loaded: ${whyNot(error)}`, { cause: error })
  }
}

function whyNot(error: unknown): string {
  const { code } = error as { code?: unknown }
  if (code === 'ERR_UNKNOWN_FILE_EXTENSION' && /"\.[cm]?ts"/.test(String(error)))
    return `Node ${process.versions.node} does not run TypeScript: compile it, or take Node 22.18 or newer`
  return error instanceof Error ? error.message : String(error)
}

function refusal(error: unknown): BootOutcome {
  const code = error instanceof HmmError ? error.code : 'HMM_ERR_BOOT'
  return { ok: false, code, message: error instanceof Error ? error.message : String(error) }
}
