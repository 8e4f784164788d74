/** What a run found: per file, per folder, and as a whole. Files are in the order in which they were named. */
import { basename, dirname } from 'node:path'
import type { Era } from '../../shared/hmm/era.ts'
import type { SequentialScenario } from '../scenario/parse.ts'

/** How one recorded file went. */
export interface FileResult {
  readonly file: string
  /** False when an answer differs or the audit found something. A skipped file is ok. */
  readonly ok: boolean
  /** Why it was not run to its end, if it was not: `line` needs something that is not modelled. */
  readonly skipped?: string
  /** Line of the first answer that differs: its operation, what was expected, and what came. */
  readonly line?: number
  readonly operation?: string
  readonly expected?: string
  readonly got?: string
  /** Lines right before it as they stand in the file. Their answers were as recorded. */
  readonly before?: readonly string[]
  /** What the reference audit found after the last operation. */
  readonly audit?: readonly string[]
}

/** How many files of a folder passed, failed and were skipped. */
export interface FolderResult {
  readonly name: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/** A reason to skip, and how many files have it. */
export interface SkipReason {
  readonly reason: string
  readonly files: number
}

/** What `hmm run --json` prints, apart from the frame that every document has. */
export interface RunResult {
  readonly notify: 'dispatcher' | 'inline'
  readonly era: Era
  readonly engines: number
  readonly seed: number
  readonly seconds: number
  /** True when it was ended before the last file. */
  readonly interrupted: boolean
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly folders: readonly FolderResult[]
  /** Most frequent first. */
  readonly skip_reasons: readonly SkipReason[]
  readonly files: readonly FileResult[]
}

/** How many lines of its file a difference shows before it. */
const LINES_BEFORE = 3

/** Adds to a difference what stands in its file: the operation, and the lines before it. */
export function inItsFile(result: FileResult, { source, lines }: SequentialScenario): FileResult {
  if (result.expected === undefined || result.line === undefined) return result
  const at = result.line
  const operation = (source[at - 1] ?? '').split(' => ')[0] ?? ''
  const before = lines.filter(({ line }) => line < at).slice(-LINES_BEFORE)
  return { ...result, operation, before: before.map(({ line }) => source[line - 1] ?? '') }
}

/** Counts by folder and by reason. A folder is called by its last name. */
export function countFiles(
  files: readonly FileResult[],
): Pick<RunResult, 'passed' | 'failed' | 'skipped' | 'folders' | 'skip_reasons' | 'files'> {
  const folders = new Map<string, { passed: number; failed: number; skipped: number }>()
  const reasons = new Map<string, number>()
  for (const result of files) {
    const name = basename(dirname(result.file)) || '.'
    const folder = folders.get(name) ?? { passed: 0, failed: 0, skipped: 0 }
    folders.set(name, folder)
    if (result.skipped !== undefined) folder.skipped++
    else if (result.ok) folder.passed++
    else folder.failed++
    if (result.skipped !== undefined) reasons.set(result.skipped, (reasons.get(result.skipped) ?? 0) + 1)
  }
  const total = (key: 'passed' | 'failed' | 'skipped') => [...folders.values()].reduce((sum, folder) => sum + folder[key], 0)
  return {
    passed: total('passed'),
    failed: total('failed'),
    skipped: total('skipped'),
    folders: [...folders].map(([name, counts]) => ({ name, ...counts })),
    skip_reasons: [...reasons].map(([reason, count]) => ({ reason, files: count })).sort((a, b) => b.files - a.files),
    files,
  }
}
