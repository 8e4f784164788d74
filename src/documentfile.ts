/** Files that should hold a document of ours. */
import { readFileSync } from 'node:fs'
import { InputError } from './scenario/error.ts'

/** The JSON of a file. Throws InputError for one that cannot be read, or holds no object. */
export function parseFile(file: string): object {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new InputError(file, 0, `cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  try {
    const json: unknown = JSON.parse(text)
    if (typeof json === 'object' && json !== null) return json
  } catch {
    throw new InputError(file, 0, 'is not JSON')
  }
  throw new InputError(file, 0, 'is JSON, but no document')
}
