/** `hmm run`: scenario files against the recorded kernel. */
import type { Era } from '../../shared/hmm/era.ts'
import { document } from '../documents.ts'
import type { FileResult, RunResult } from '../run/result.ts'
import { run } from '../run.ts'
import { EXIT, interruptSignal, Output } from './output.ts'

export interface RunFlags {
  readonly json?: string
  readonly seed: number
  readonly notify: 'dispatcher' | 'inline'
  readonly era?: Era
  readonly engines: number
  readonly jobs?: number
}

export async function runVerb(files: string[], flags: RunFlags): Promise<number> {
  const output = new Output(flags.json)
  const result = await run(files, {
    seed: flags.seed,
    notify: flags.notify,
    ...(flags.era === undefined ? {} : { era: flags.era }),
    engines: flags.engines,
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    signal: interruptSignal(),
    onFile: (file) => {
      for (const line of difference(file)) output.say(line)
    },
  })
  for (const line of summaryLines(result)) output.say(line)
  output.write(document('run', result.failed === 0, result))
  if (result.failed > 0) return EXIT.finding
  return result.interrupted ? EXIT.failure : EXIT.clean
}

/** What a file that failed shows: the lines before, the operation, expected, got; or what was not returned. Else nothing. */
export function difference(result: FileResult): string[] {
  if (result.ok) return []
  if (result.audit !== undefined)
    return [`${result.file}: after the last operation:`, ...result.audit.map((found) => `    ${found}`)]
  return [
    `${result.file}:${result.line}: the kernel answered otherwise`,
    ...(result.before ?? []).map((line) => `    ${line}`),
    `    ${result.operation}`,
    `      expected  ${result.expected}`,
    `      got       ${result.got}`,
  ]
}

/** Counts by folder, and why files were skipped. */
export function summaryLines(result: RunResult): string[] {
  const width = Math.max(...result.folders.map(({ name }) => name.length), 5)
  const row = (name: string, passed: number, failed: number, skipped: number) =>
    `${name.padEnd(width)}  ${String(passed).padStart(5)} passed  ${String(failed).padStart(5)} failed  ${String(skipped).padStart(5)} skipped`
  return [
    ...result.folders.map(({ name, passed, failed, skipped }) => row(name, passed, failed, skipped)),
    ...(result.folders.length > 1 ? [row('total', result.passed, result.failed, result.skipped)] : []),
    ...result.skip_reasons.map(({ reason, files }) => `skipped${String(files).padStart(width)}: ${reason}`),
    ...(result.interrupted ? [`ended early: ${result.files.length} files were run`] : []),
  ]
}
