/**
 * `npm run test:full`: every recorded scenario in every combination of the matrix, and a table of what passed. Exit code 1
 * when a file differs that is not listed in exceptions.md, or one that is listed passes.
 */
import type { FolderResult, RunResult } from '../../src/run/result.ts'
import { run } from '../../src/run.ts'
import { combinationName, FOLDER, listedExceptions, MATRIX, objections } from './matrix.ts'

const say = (line: string) => process.stdout.write(`${line}\n`)

/** `36`, or `31 +5` with five skipped, `30 -1` with one failed. */
function cell({ passed, failed, skipped }: Omit<FolderResult, 'name'>): string {
  return `${passed}${skipped > 0 ? ` +${skipped}` : ''}${failed > 0 ? ` -${failed}` : ''}`
}

function table(results: readonly RunResult[]): string[] {
  const names = results[0]?.folders.map(({ name }) => name) ?? []
  const rows = [
    ['folder', ...MATRIX.map(combinationName)],
    ...names.map((name) => [
      name,
      ...results.map(({ folders }) => cell(folders.find((one) => one.name === name) as FolderResult)),
    ]),
    ['total', ...results.map(cell)],
    ['seconds', ...results.map(({ seconds }) => seconds.toFixed(1))],
  ]
  const widths = (rows[0] as string[]).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)))
  return rows.map((row) =>
    row
      .map((text, column) => (column === 0 ? text.padEnd(widths[0] as number) : text.padStart(widths[column] as number)))
      .join('   '),
  )
}

const exceptions = listedExceptions()
const results: RunResult[] = []
let objected = 0
for (const combination of MATRIX) {
  const result = await run([FOLDER], combination)
  results.push(result)
  const found = objections(result.files, exceptions)
  objected += found.length
  if (found.length > 0) say(`${combinationName(combination)}:`)
  for (const line of found) say(`  ${line}`)
}
for (const line of table(results)) say(line)
const ran = results.reduce((sum, { files }) => sum + files.length, 0)
say(`${ran} runs of ${results[0]?.files.length} files, passed (+ skipped, - failed); ${exceptions.length} exceptions are listed`)
process.exitCode = objected === 0 ? 0 : 1
