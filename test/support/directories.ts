/**
 * Explorations of one mirror page table (test/explore/protocols/directories.ts), and which of its programs are run against each
 * other: shared by the tests of what is right and of what is found.
 */
import { fileURLToPath } from 'node:url'
import { DEFAULT_ERA } from '../../shared/hmm/era.ts'
import type { Strategy } from '../../shared/sched/strategy.ts'
import { type RunReport, Runs } from '../../src/explore/runs.ts'
import type { CoreEdit } from '../../src/races/edit.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const url = new URL(`../explore/protocols/directories${extension}`, import.meta.url).href
const MANY = 1_000_000

/** A machine for all searches with the same code; close it. It loads the core's own files, as the protocol does: one copy of each. */
export function directoryMachine(edit?: CoreEdit): Runs {
  return new Runs({
    subject: { kind: 'module', url, threads: ['clearFirst', 'clearFirst', 'clearFirst'] },
    file: fileURLToPath(url),
    devices: [],
    notify: 'inline',
    era: DEFAULT_ERA,
    timeoutsOff: false,
    words: 16,
    plain: true,
    ...(edit === undefined ? {} : { edit }),
  })
}

export interface DirectoryCase {
  readonly threads: readonly string[]
  /** Default: a table that does not keep directories. */
  readonly setup?: string
}

/** Runs every schedule that the strategy has: dpor, one for each behaviour; dfs, those with up to two preemptions. */
export function searchDirectories(
  runs: Runs,
  name: 'dpor' | 'dfs',
  { threads, setup = 'oneFilled' }: DirectoryCase,
): Promise<RunReport> {
  const strategy: Strategy = { name, seed: 1, depth: 1, preemptions: 2, loose: false }
  return runs.run({ strategy, count: MANY, teardownEvery: 0 }, { kind: 'module', url, setup, threads, check: 'nothingLost' })
}

/** The set-up of a table that keeps empty directories. */
export const KEEPING = 'oneFilledAndKeeping'
