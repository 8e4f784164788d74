/**
 * The rows of an interleaving, as the table on the terminal and the report page show them: what of a log of steps matters to people.
 * That is the beginning of each operation, every change to a word of the protocol, what is read of a word that another actor
 * changes, and every switch with its reason.
 */
import type { WordAt } from '../../shared/memory/words.ts'
import { WAIT_NAMES } from '../../shared/seam/park.ts'
import { POINT_LOAD } from '../../shared/seam/point.ts'
import { type LoggedStep, WHY_FINISHED, WHY_PREEMPTED, WHY_SAME } from '../../shared/seam/steplog.ts'
import { describeOp, OPERATION } from '../../shared/seam/trace.ts'
import type { Names } from './names.ts'
import type { RowKind } from './sceneshape.ts'

/** One row: who, which step, what. */
export interface Row {
  /** The step that it tells; of a switch, the last one of the actor that stopped, in whose column it stands. */
  readonly step: number
  readonly actor: number
  readonly kind: RowKind
  readonly text: string
  /** The word that is changed or read. */
  readonly at: WordAt | null
}

/** Actors that have a column, in their order. */
export function columnsOf(rows: readonly Row[]): number[] {
  return [...new Set(rows.map(({ actor }) => actor))].sort((a, b) => a - b)
}

/** The rows of a logged run, of the actors that do anything that is shown. */
export function rowsOf(steps: readonly LoggedStep[], names: Names): Row[] {
  const contended = contendedWords(steps)
  const rows: Row[] = []
  const doing = new Map<number, string>()
  for (const [i, step] of steps.entries()) {
    const before = steps[i - 1]
    if (step.why !== WHY_SAME && before !== undefined) rows.push(switchRow(before, step))
    const op = step.op === OPERATION.none ? '' : describeOp(step.op, step.page, step.pages)
    if (op !== '' && doing.get(step.actor) !== op)
      rows.push({ step: step.step, actor: step.actor, kind: 'operation', text: `${op}:`, at: null })
    doing.set(step.actor, op)
    const word = names.of(step.at)
    if (word === null) continue
    const changed = step.before !== step.after
    if (changed) {
      const text = `  ${word.name}: ${word.show(step.before)} -> ${word.show(step.after)}`
      rows.push({ step: step.step, actor: step.actor, kind: 'change', text, at: step.at })
    } else if (step.kind === POINT_LOAD && contended.has(step.at)) {
      const text = `  reads ${word.name}: ${word.show(step.after)}`
      rows.push({ step: step.step, actor: step.actor, kind: 'read', text, at: step.at })
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
  return { step: before.step, actor: before.actor, kind: 'switch', text: `  ... ${reason}`, at: null }
}

/** A switch away from an actor that shows nothing since the last one is noise. */
function withoutIdleSwitches(rows: readonly Row[]): Row[] {
  const kept: Row[] = []
  const last = new Map<number, Row>()
  for (const row of rows) {
    const before = last.get(row.actor)
    if (row.kind === 'switch' && (before === undefined || before.kind === 'switch')) continue
    last.set(row.actor, row)
    kept.push(row)
  }
  return kept
}
