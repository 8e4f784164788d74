/**
 * What can be explored, from the outside: a concurrent scenario, or functions of a module on threads of their own. Here they
 * become the stage of controlled runs.
 */
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DEFAULT_ERA } from '../../shared/hmm/era.ts'
import { PAGE_BYTES } from '../../shared/memory/words.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { driverUrl, FAMILIES, policyUrl } from '../drivers.ts'
import type { Race } from '../races/race.ts'
import { type ConcurrentScenario, parseConcurrent } from '../scenario/concurrent.ts'
import { InputError } from '../scenario/error.ts'
import { isConcurrent } from '../scenario/parse.ts'
import { buildHash, hashOf, type Recording } from './recording.ts'
import { CONTROLLED_BYTES, type Stage } from './runs.ts'

/** A protocol of your own: functions of a module, each on a thread, called as (task, at) with at the first of `words` words. */
export interface ForeignActors {
  /** URL or path of the module. */
  readonly module: string
  /** Names of exported functions: one thread each, up to 16. */
  readonly threads: readonly string[]
  /** Called once, alone, before the first schedule. */
  readonly setup?: string
  /** Called after each schedule, alone: what it throws is a finding. */
  readonly check?: string
  /** Words of shared memory, zero at the start. Default 64. */
  readonly words?: number
}

/** A subject, ready to run. */
export interface Prepared {
  readonly name: string
  readonly file: string
  readonly stage: Stage
  readonly scenario: ConcurrentScenario | null
  /** Everything of a recording but the find itself. */
  readonly recorded: Pick<Recording, 'build' | 'subject'>
}

/** Reads and parses a concurrent scenario. Throws InputError. */
export function readScenario(file: string): ConcurrentScenario {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new InputError(file, 0, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (!isConcurrent(text)) throw new InputError(file, 1, 'this is a sequential scenario; only concurrent ones have schedules')
  return parseConcurrent(file, text)
}

/** Makes a scenario ready; `drivers` puts modules in the place of device families. */
export function prepareScenario(
  scenario: ConcurrentScenario,
  drivers: Readonly<Record<string, string>> = {},
  bug: Race | null = null,
): Prepared {
  const faulty = bug?.driver
  const devices = scenario.devices.map(({ family, memoryPages, policy, copyFailures }) => ({
    driver: driverBeside(scenario.file, drivers[family] ?? (faulty?.family === family ? faulty.module : family)),
    memoryPages,
    ...(copyFailures === undefined ? {} : { copyFailures }),
    ...(policy === undefined ? {} : { policy: policyBeside(scenario.file, policy) }),
  }))
  return {
    name: scenario.name,
    file: scenario.file,
    scenario,
    stage: {
      subject: scenario.subject,
      file: scenario.file,
      devices,
      notify: scenario.notify,
      era: scenario.era,
      timeoutsOff: scenario.timeoutsOff,
      mirrorReclaim: scenario.mirrorReclaim,
      swapPages: scenario.swapPages,
      allocFailures: scenario.allocFailures,
      ...(scenario.systemPages === null ? {} : { systemPages: scenario.systemPages }),
      ...memoryFor(scenario),
      ...editOf(bug),
    },
    recorded: {
      build: buildHash(devices.flatMap(({ driver, policy }) => (policy === undefined ? [driver] : [driver, policy]))),
      subject: {
        kind: 'scenario',
        file: scenario.file,
        hash: hashOf(scenario.text),
        text: scenario.text,
        drivers: { ...drivers },
      },
    },
  }
}

/**
 * A machine that explores is small; one whose scenario maps a lot gets memory for that, three times over, and one with devices that have
 * memory of their own for what their drivers keep about it.
 */
export function memoryFor({ subject, devices }: ConcurrentScenario): Pick<Stage, 'bytes'> {
  const lines = [...subject.setup, ...subject.threads.flatMap((thread) => thread.lines)]
  const pages = lines.reduce((sum, { op }) => sum + (op.op === 'mmap' ? op.pages : 0), 0)
  const own = devices.filter(({ memoryPages }) => memoryPages > 0)
  const kept = own.reduce((sum, { memoryPages }) => sum + KEPT_BYTES + memoryPages * PAGE_BYTES, 0)
  const more = (pages <= FEW_PAGES ? 0 : 3 * pages * PAGE_BYTES) + kept
  return more === 0 ? {} : { bytes: CONTROLLED_BYTES + more }
}

const KEPT_BYTES = 128 * 1024

const FEW_PAGES = 16

function editOf(bug: Race | null): Pick<Stage, 'edit'> {
  return bug?.edit === undefined ? {} : { edit: bug.edit }
}

/** The modules of known races import files of the core; others have no business with them. */
const RACES = new URL('../races/', import.meta.url).href

/** Makes a foreign protocol ready. */
export function prepareActors(actors: ForeignActors, bug: Race | null = null): Prepared {
  if (actors.threads.length < 1 || actors.threads.length > 16)
    throw new HmmError('HMM_ERR_USAGE', `an exploration has 1 to 16 threads, not ${actors.threads.length}`)
  const url = /^[a-z]+:\/\//.test(actors.module) ? actors.module : pathToFileURL(resolve(actors.module)).href
  const words = actors.words ?? 64
  const { threads, setup, check } = actors
  const optional = { ...(setup === undefined ? {} : { setup }), ...(check === undefined ? {} : { check }) }
  return {
    name: threads.join(', '),
    file: actors.module,
    scenario: null,
    stage: {
      subject: { kind: 'module', url, threads, ...optional },
      file: actors.module,
      devices: [],
      notify: 'inline',
      era: DEFAULT_ERA,
      timeoutsOff: false,
      words,
      ...editOf(bug),
      ...(url.startsWith(RACES) ? { plain: true } : {}),
    },
    recorded: {
      build: buildHash([url]),
      subject: { kind: 'actors', module: actors.module, threads: [...threads], words, ...optional },
    },
  }
}

/** A family, a URL, a module beside the scenario, or one in the current folder. */
function driverBeside(file: string, name: string): string {
  return (FAMILIES as readonly string[]).includes(name) ? driverUrl(name) : (moduleBeside(file, name) ?? driverUrl(name))
}

/** A name that the driver knows, a URL, a module beside the scenario, or one in the current folder. */
function policyBeside(file: string, name: string): string {
  return moduleBeside(file, name) ?? policyUrl(name)
}

function moduleBeside(file: string, name: string): string | null {
  if (/^[a-z]+:\/\//.test(name)) return null
  const beside = resolve(dirname(file), name)
  return existsSync(beside) ? pathToFileURL(beside).href : null
}
