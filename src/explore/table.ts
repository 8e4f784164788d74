/**
 * The interleaving as it is printed: a column for each actor that takes part, a line for each row (rows.ts), from top to bottom in
 * the order in which they happened.
 */
import type { LoggedStep } from '../../shared/seam/steplog.ts'
import type { Violation } from '../../shared/seam/violation.ts'
import { ORACLES } from '../../shared/seam/violation.ts'
import type { Names } from './names.ts'
import { columnsOf, rowsOf } from './rows.ts'

/** Three columns fit into 110 characters. */
const MAX_WIDTH = 33
const MIN_WIDTH = 16

export interface TableInput {
  readonly steps: readonly LoggedStep[]
  readonly names: Names
  readonly actorNames: readonly string[]
  readonly violation: Violation | null
  /** The last step of the run, where `steps` ends before it because the rest is more of the same. */
  readonly goesOnTo?: number | undefined
}

/** The table, with the violation under it. */
export function interleaving({ steps, names, actorNames, violation, goesOnTo }: TableInput): string {
  const rows = rowsOf(steps, names)
  const columns = columnsOf(rows)
  const widths = columns.map((id) =>
    Math.min(
      MAX_WIDTH,
      rows.reduce((width, { actor, text }) => (actor === id ? Math.max(width, text.length) : width), MIN_WIDTH),
    ),
  )
  const line = (step: string, cells: readonly string[]) =>
    `${step.padStart(5)}  ${cells.map((cell, i) => cell.padEnd(widths[i] as number)).join('  ')}`.trimEnd()
  const out = [
    line(
      'step',
      columns.map((id) => actorNames[id] as string),
    ),
    line(
      '',
      widths.map((width) => '-'.repeat(width)),
    ),
  ]
  for (const row of rows) {
    const column = columns.indexOf(row.actor)
    wrap(row.text, widths[column] as number).forEach((text, i) => {
      out.push(
        line(
          i === 0 && row.kind !== 'switch' ? String(row.step) : '',
          columns.map((_, at) => (at === column ? text : '')),
        ),
      )
    })
  }
  if (goesOnTo !== undefined) out.push(line('...', [`and so on, up to step ${goesOnTo.toLocaleString('en-US')}`]))
  if (violation !== null) out.push('', `${violation.oracle} (${ORACLES[violation.oracle]}): ${violation.message}`)
  return out.join('\n')
}

/** Breaks at blanks so that no line is longer than `width`. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(/(?<=\S)\s/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = `      ${word}`
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
