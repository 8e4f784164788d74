/**
 * The interleaving as people read it: a column for each actor that takes part, a line for each step that matters, from top to
 * bottom in the order in which they happened. What matters is the beginning of each operation, every change to a word of the
 * protocol, what is read of a word that another actor changes, and every switch with its reason.
 */

import { WAIT_NAMES } from '../../shared/seam/park.ts'
import { POINT_LOAD } from '../../shared/seam/point.ts'
import { type LoggedStep, WHY_FINISHED, WHY_PREEMPTED, WHY_SAME } from '../../shared/seam/steplog.ts'
import { describeOp, OPERATION } from '../../shared/seam/trace.ts'
import type { Violation } from '../../shared/seam/violation.ts'
import { ORACLES } from '../../shared/seam/violation.ts'
import type { Names } from './names.ts'

/** One line: who, which step, what. */
interface Row {
  readonly step: number
  readonly actor: number
  readonly text: string
  /** Set on a line about a switch: it stands in the column of the actor that stopped. */
  readonly switch: boolean
}

const MAX_WIDTH = 34
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
  const columns = actorNames.map((_, id) => id).filter((id) => rows.some((row) => row.actor === id && !row.switch))
  const widths = columns.map((id) =>
    Math.min(MAX_WIDTH, Math.max(MIN_WIDTH, ...rows.filter((row) => row.actor === id).map(({ text }) => text.length))),
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
    if (column < 0) continue
    wrap(row.text, widths[column] as number).forEach((text, i) => {
      out.push(
        line(
          i === 0 && !row.switch ? String(row.step) : '',
          columns.map((_, at) => (at === column ? text : '')),
        ),
      )
    })
  }
  if (goesOnTo !== undefined) out.push(line('...', [`and so on, up to step ${goesOnTo.toLocaleString('en-US')}`]))
  if (violation !== null) out.push('', `${violation.oracle} (${ORACLES[violation.oracle]}): ${violation.message}`)
  return out.join('\n')
}

function rowsOf(steps: readonly LoggedStep[], names: Names): Row[] {
  const contended = contendedWords(steps)
  const rows: Row[] = []
  const doing = new Map<number, string>()
  for (const [i, step] of steps.entries()) {
    const before = steps[i - 1]
    if (step.why !== WHY_SAME && before !== undefined) rows.push(switchRow(before, step))
    const op = step.op === OPERATION.none ? '' : describeOp(step.op, step.page, step.pages)
    if (op !== '' && doing.get(step.actor) !== op)
      rows.push({ step: step.step, actor: step.actor, text: `${op}:`, switch: false })
    doing.set(step.actor, op)
    const word = names.of(step.at)
    if (word === null) continue
    const changed = step.before !== step.after
    if (changed) {
      const text = `  ${word.name}: ${word.show(step.before)} -> ${word.show(step.after)}`
      rows.push({ step: step.step, actor: step.actor, text, switch: false })
    } else if (step.kind === POINT_LOAD && contended.has(step.at)) {
      rows.push({ step: step.step, actor: step.actor, text: `  reads ${word.name}: ${word.show(step.after)}`, switch: false })
    }
  }
  return withoutIdleSwitches(rows)
}

/** Words that two actors touch and one of them changes. */
function contendedWords(steps: readonly LoggedStep[]): Set<number> {
  const touched = new Map<number, { actors: Set<number>; changed: boolean }>()
  for (const { at, actor, before, after } of steps) {
    const word = touched.get(at) ?? { actors: new Set<number>(), changed: false }
    touched.set(at, word)
    word.actors.add(actor)
    if (before !== after) word.changed = true
  }
  return new Set([...touched].filter(([, word]) => word.changed && word.actors.size > 1).map(([at]) => at))
}

function switchRow(before: LoggedStep, step: LoggedStep): Row {
  const reason =
    step.why === WHY_PREEMPTED
      ? 'is preempted'
      : step.why === WHY_FINISHED
        ? 'has finished'
        : `waits for ${WAIT_NAMES[-1 - step.why]}`
  return { step: before.step, actor: before.actor, text: `  ... ${reason}`, switch: true }
}

/** A switch away from an actor that shows nothing since the last one is noise. */
function withoutIdleSwitches(rows: readonly Row[]): Row[] {
  const kept: Row[] = []
  for (const row of rows) {
    const last = kept.findLast((one) => one.actor === row.actor)
    if (row.switch && (last === undefined || last.switch)) continue
    kept.push(row)
  }
  return kept
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
