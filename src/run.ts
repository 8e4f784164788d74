/**
 * `run`: sequential scenario files, one after the other on recycled machines, each answer compared with what a real kernel
 * recorded, and after each file an audit that everything came back.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { auditInventory, takeInventory } from '../shared/check/references.ts'
import { reapDeferred } from '../shared/frame/deferred.ts'
import { driverUrl } from './drivers.ts'
import { RunFailure } from './failure.ts'
import { Machine } from './machine.ts'
import { InputError } from './scenario/error.ts'
import { isConcurrent, parseSequential, type SequentialScenario } from './scenario/parse.ts'

export interface RunOptions {
  readonly notify?: 'dispatcher' | 'inline'
  readonly seed?: number
  /** Called after each file. */
  readonly onFile?: (result: FileResult) => void
  /** Stops before the next file when aborted. */
  readonly signal?: AbortSignal
}

export interface FileResult {
  readonly file: string
  /** False when an answer differs or the audit found something. A skipped file is ok. */
  readonly ok: boolean
  /** Why it was not run, if it was not. */
  readonly skipped?: string
  /** Line of the first answer that differs, what was expected and what came. */
  readonly line?: number
  readonly expected?: string
  readonly got?: string
  /** What the reference audit found after the last operation. */
  readonly audit?: readonly string[]
}

export interface FolderResult {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** What `hmm run --json` prints, apart from the frame that every document has. */
export interface RunResult {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly folders: readonly FolderResult[]
  readonly files: readonly FileResult[]
}

/** Files named directly, and all `.scn` files below folders, in order. Throws InputError for what is not there. */
export function scenarioFiles(paths: readonly string[]): string[] {
  return paths.flatMap((path) => {
    let isFolder: boolean
    try {
      isFolder = statSync(path).isDirectory()
    } catch {
      throw new InputError(path, 0, 'no such file or folder')
    }
    if (!isFolder) return [path]
    const inside = readdirSync(path, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.scn'))
    if (inside.length === 0) throw new InputError(path, 0, 'no scenario files (.scn) in this folder')
    return inside.sort().map((name) => join(path, name))
  })
}

/** Runs scenario files. Every file is parsed before the first is run. Throws InputError, or RunFailure. */
export async function run(paths: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const scenarios = scenarioFiles(paths).map(readScenario)
  const files: FileResult[] = []
  let machine: Machine | null = null
  try {
    for (const scenario of scenarios) {
      if (options.signal?.aborted === true) break
      if (machine?.reusable === true) machine.reset()
      else machine = await bootFor(options)
      const result = await runScenario(machine, scenario)
      files.push(result)
      options.onFile?.(result)
    }
  } finally {
    await machine?.close()
  }
  return summary(files)
}

/** Runs one parsed scenario on a fresh machine and audits it. */
export async function runScenario(machine: Machine, scenario: SequentialScenario): Promise<FileResult> {
  const { file } = scenario
  const before = takeInventory(machine.task)
  const outcome = await machine.run({ kind: 'sequential', lines: scenario.lines })
  if (outcome.error !== null)
    throw new RunFailure(outcome.error.code, `${file}: ${outcome.error.message}`, { cause: outcome.error.cause })
  if (outcome.violations.length > 0)
    return { file, ok: false, audit: outcome.violations.map(({ oracle, message }) => `${oracle}: ${message}`) }
  const cpu = outcome.actors[0]
  if (cpu?.end !== 'done' || cpu.answers === undefined) throw new RunFailure('HMM_ERR_RUN', `${file}: the cpu did not finish`)
  if (cpu.problem?.code === 'HMM_ERR_UNSUPPORTED')
    return { file, ok: true, skipped: `line ${cpu.problem.line}: ${cpu.problem.message}` }
  for (const [i, { line, got }] of cpu.answers.entries()) {
    const expected = scenario.lines[i]?.expected
    if (expected !== undefined && got !== expected) return { file, ok: false, line, expected, got }
  }
  if (cpu.problem !== undefined) throw new InputError(file, cpu.problem.line, cpu.problem.message)
  reapDeferred(machine.task)
  const audit = auditInventory(machine.task, before).map(({ message }) => message)
  return audit.length > 0 ? { file, ok: false, audit } : { file, ok: true }
}

function readScenario(file: string): SequentialScenario {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new InputError(file, 0, `cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (isConcurrent(text)) throw new InputError(file, 1, 'this is a concurrent scenario; hmm run takes sequential ones')
  const scenario = parseSequential(file, text)
  if (scenario.devices > 2) throw new InputError(file, 0, 'a sequential scenario has devices 0 and 1')
  return scenario
}

/** More than any recorded scenario migrates to one device, or swaps. */
const DEVICE_PAGES = 2048
const SWAP_PAGES = 512

function bootFor(options: RunOptions): Promise<Machine> {
  return Machine.boot({
    cpus: 1,
    drivers: [
      { driver: driverUrl('mirror'), memoryPages: DEVICE_PAGES },
      { driver: driverUrl('mirror'), memoryPages: DEVICE_PAGES },
    ],
    swapPages: SWAP_PAGES,
    notify: options.notify ?? 'dispatcher',
    seed: options.seed ?? 1,
  })
}

function summary(files: readonly FileResult[]): RunResult {
  const folders = new Map<string, { passed: number; failed: number; skipped: number }>()
  for (const result of files) {
    const name = basename(dirname(result.file)) || '.'
    const folder = folders.get(name) ?? { passed: 0, failed: 0, skipped: 0 }
    folders.set(name, folder)
    if (result.skipped !== undefined) folder.skipped++
    else if (result.ok) folder.passed++
    else folder.failed++
  }
  const total = (key: 'passed' | 'failed' | 'skipped') => [...folders.values()].reduce((sum, folder) => sum + folder[key], 0)
  return {
    passed: total('passed'),
    failed: total('failed'),
    skipped: total('skipped'),
    folders: [...folders].map(([name, counts]) => ({ name, ...counts })),
    files,
  }
}
