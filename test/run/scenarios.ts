/** A folder of small scenario files for tests of the run itself, gone when the test ends. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Test {
  teardown(fn: () => unknown): void
}

/** Writes `texts`, in the order in which a run finds them, and returns the folder. */
export function scenarioFolder(t: Test, texts: readonly string[]): string {
  const root = mkdtempSync(join(tmpdir(), 'hmm-run-'))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  const folder = join(root, 'made')
  mkdirSync(folder)
  for (const [i, text] of texts.entries()) writeFileSync(join(folder, `${String(i).padStart(3, '0')}.scn`), text)
  return folder
}

/** A scenario that passes: a word is stored, and device 0 reads it. */
export function passing(value: number): string {
  return `# stores and reads\nmmap A 4 rw private => ok\nstore A 1 ${value} => ok\ndread 0 A 1 1 => ok cpages=1 faults=1 values=${value}\n`
}

/** One whose last line expects what never comes. */
export function failing(value: number): string {
  return `${passing(value)}load A 1 => ${value + 1}\n`
}

/** One whose mistake only running shows: it uses a handle that was not made. */
export const MISTAKEN = 'mmap A 1 rw private => ok\nload B 0 => 0\n'
