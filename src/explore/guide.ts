/**
 * A schedule by what was done: how many points each actor passed in which of its operations. When operations are taken out, so are
 * their points, and the rest of the schedule still means what it meant.
 */
import type { Subject } from '../../shared/actor/subject.ts'
import type { ThreadLine } from '../../shared/actor/threadops.ts'
import type { Segment } from '../../shared/sched/replay.ts'
import { WAIT } from '../../shared/seam/park.ts'
import type { LoggedStep, StepLog } from '../../shared/seam/steplog.ts'
import { OPERATION } from '../../shared/seam/trace.ts'

/** Points in a row of one actor. */
export interface Piece {
  readonly actor: number
  /** Which operation it was in: the actor's how many-th, from 0. */
  readonly operation: number
  /** For whom: of a thread itself; of a dispatcher or a service, the one that waited for it. */
  readonly owner: Owner
  readonly passes: number
}

interface Owner {
  readonly actor: number
  readonly operation: number
}

/** The pieces of a logged schedule of `length` steps; what the log has behind them is its teardown. */
export function piecesOf(log: StepLog, length: number, actorNames: readonly string[]): Piece[] {
  const steps = operationsOf(log.steps().slice(0, length))
  const owners = ownersOf(steps, actorNames)
  const pieces: Piece[] = []
  for (const { actor, operation } of steps) {
    const last = pieces.at(-1)
    if (last?.actor === actor && last.operation === operation) pieces[pieces.length - 1] = { ...last, passes: last.passes + 1 }
    else pieces.push({ actor, operation, owner: owners.get(`${actor}:${operation}`) ?? { actor, operation }, passes: 1 })
  }
  return pieces
}

type OwnStep = LoggedStep & Owner

function operationsOf(steps: readonly LoggedStep[]): OwnStep[] {
  const first = new Map<number, number>()
  return steps.map((step) => {
    const before = first.get(step.actor) ?? step.done
    first.set(step.actor, before)
    return { ...step, operation: step.done - before }
  })
}

/** For whom a server did each of its operations: who was the last to wait for one of its kind when it began. */
function ownersOf(steps: readonly OwnStep[], actorNames: readonly string[]): Map<string, Owner> {
  const owners = new Map<string, Owner>()
  const waiting = new Map<string, Owner>()
  steps.forEach(({ actor, operation, op, why }, i) => {
    const before = steps[i - 1]
    const kind = why >= 0 ? undefined : SERVERS.get(-1 - why)
    if (before !== undefined && kind !== undefined) waiting.set(kind, owners.get(`${before.actor}:${before.operation}`) ?? before)
    const owner = waiting.get((actorNames[actor] as string).split(' ')[0] as string)
    const key = `${actor}:${operation}`
    if (owner !== undefined && op !== OPERATION.none && !owners.has(key)) owners.set(key, owner)
  })
  return owners
}

/** Who serves those that wait like this. */
const SERVERS: ReadonlyMap<number, string> = new Map([
  [WAIT.dispatch, 'notifier'],
  [WAIT.replay, 'service'],
])

/** Lines of all operations but the last `kept` that each thread began. */
export function olderLines(pieces: readonly Piece[], subject: Subject, actorNames: readonly string[], kept: number): number[] {
  return threadsOf(subject, actorNames).flatMap(({ actor, lines }) => {
    const begun = pieces.findLast((piece) => piece.actor === actor)?.operation ?? -1
    return lines.filter((_, i) => i > begun || i <= begun - kept).map(({ line }) => line)
  })
}

/** The schedule without the points of the operations on `gone`. Waits of one thread for another count with what comes next. */
export function scheduleWithout(
  pieces: readonly Piece[],
  subject: Subject,
  actorNames: readonly string[],
  gone: ReadonlySet<number>,
): Segment[] {
  const operations = new Map(threadsOf(subject, actorNames).map(({ actor, lines }) => [actor, lines]))
  const kept = pieces.filter(({ owner }) => {
    const line = operations.get(owner.actor)?.[owner.operation]?.line
    return line === undefined || !gone.has(line)
  })
  return joined(kept.map(({ actor, passes }) => [actor, passes]))
}

/** The operations of each thread, and the actor that does them. */
function threadsOf(subject: Subject, actorNames: readonly string[]): { actor: number; lines: ThreadLine[] }[] {
  if (subject.kind !== 'scenario') return []
  return subject.threads.map(({ on, index, lines }) => ({
    actor: actorNames.indexOf(`${on === 'cpu' ? 'cpu' : 'engine'} ${index}`),
    lines: lines.filter(({ op }) => op.op !== 'after'),
  }))
}

/** Neighbours of the same actor as one segment. */
export function joined(schedule: readonly Segment[]): Segment[] {
  const out: Segment[] = []
  for (const [actor, passes] of schedule) {
    const last = out.at(-1)
    if (last?.[0] === actor) out[out.length - 1] = [actor, last[1] + passes]
    else out.push([actor, passes])
  }
  return out
}
