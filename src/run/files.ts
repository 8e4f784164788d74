/** Scenario files of `run`: which there are, and their text parsed. Every mistake is an InputError. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../scenario/error.ts'
import { isConcurrent, parseSequential, type SequentialScenario } from '../scenario/parse.ts'

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

/** Reads and parses a file. */
export function readScenario(file: string): SequentialScenario {
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
