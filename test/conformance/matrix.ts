/**
 * The matrix in which recorded scenarios are run: where callbacks run, times engine workers alive. And the list of files that
 * are known to differ, read from exceptions.md: a listed file that passes is as wrong as one that differs and is not listed.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { difference } from '../../src/cli/run.ts'
import type { FileResult } from '../../src/run/result.ts'

/** Of the sources, also when this is the built file: scenarios are not copied. */
export const FOLDER = fileURLToPath(
  new URL(import.meta.url.includes('/dist/') ? '../../../test/conformance' : '.', import.meta.url),
)

export const MATRIX = [
  { notify: 'dispatcher', engines: 1 },
  { notify: 'inline', engines: 1 },
  { notify: 'dispatcher', engines: 4 },
  { notify: 'inline', engines: 4 },
] as const

export type Combination = (typeof MATRIX)[number]

export function combinationName({ notify, engines }: Combination): string {
  return `${notify}, ${engines} engine${engines === 1 ? '' : 's'}`
}

/** Files of combination number `combination` in the quarter `turn`: each file in one combination, and four turns are the matrix. */
export function quarter(files: readonly string[], combination: number, turn: number): string[] {
  return files.filter((_, i) => (i + combination + turn) % MATRIX.length === 0)
}

/** Which quarter's turn it is: ROTATE, or else the day's. */
export function turnOf(environment: NodeJS.ProcessEnv, day: number): { turn: number; from: string } {
  const text = environment.ROTATE
  if (text === undefined || text === '') return { turn: day % MATRIX.length, from: 'by the day; ROTATE=0..3 chooses' }
  if (!/^\d+$/.test(text)) throw new Error(`ROTATE is a whole number, not ${JSON.stringify(text)}`)
  return { turn: Number(text) % MATRIX.length, from: 'by ROTATE' }
}

/** Days since 1970. */
export function today(): number {
  return Math.floor(Date.now() / 86_400_000)
}

export function listedExceptions(): string[] {
  const text = readFileSync(join(FOLDER, 'exceptions.md'), 'utf8')
  return [...text.matchAll(/^\| (\w+\/[\w-]+\.scn) \|/gm)].map(([, name]) => name as string)
}

/** What speaks against these results: differences of files that are not listed, and listed files that pass. */
export function objections(files: readonly FileResult[], exceptions: readonly string[]): string[] {
  return files.flatMap((result) => {
    const listed = exceptions.some((name) => result.file.endsWith(name))
    if (listed && result.ok) return [`${result.file} is listed in exceptions.md and passes`]
    return listed ? [] : difference(result)
  })
}
