/**
 * A subscriber for tests of the notifier: it writes down what it is told and does the one thing that every callback must do.
 *
 *     const calls = recordCalls([task, cpu1])                 both actors may run its callback
 *     const sub = subscribe(task, mm, 100, 199)
 */
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { INTERVAL_OPS } from '../../shared/notifier/invalidate.ts'
import { type Mm, mmSubscriptions } from '../../shared/notifier/mmhead.ts'
import {
  activeInvalidations,
  currentSeq,
  firstSubscription,
  intervalRemove,
  intervalSubscribe,
  isInvalidating,
  nextSubscription,
  SUB_WORDS,
  type Sub,
  setSeq,
} from '../../shared/notifier/subscriptions.ts'
import { type NotifierRange, rangeEvent, rangeLast, rangeStart } from '../../shared/notifier/windows.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import { get } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'

export const SUBSCRIPTION = objectKind(31, 'subscription', SUB_WORDS)
/** Index of the recording callback. */
export const RECORDER = 9

export interface Call {
  readonly sub: Sub
  readonly start: number
  readonly last: number
  readonly event: number
  readonly seq: number
}

/** What a subscriber does besides; false refuses. */
export type Behaviour = (task: Task, sub: Sub, range: NotifierRange, seq: number) => boolean

/** Registers the recording callback with these actors, and returns the list it writes to. */
export function recordCalls(tasks: readonly Task[], behave: Behaviour = () => true): Call[] {
  const calls: Call[] = []
  for (const task of tasks) {
    registerOp(task, INTERVAL_OPS, RECORDER, (t, sub, range, seq) => {
      calls.push({ sub, start: rangeStart(t, range), last: rangeLast(t, range), event: rangeEvent(t, range), seq })
      if (!behave(t, sub, range, seq)) return false
      setSeq(t, sub, seq)
      return true
    })
  }
  return calls
}

/** A new subscription to pages [start, last]. */
export function subscribe(task: Task, mm: Mm, start: number, last: number): Sub {
  const sub = allocObject(task, SUBSCRIPTION) as Sub
  const result = intervalSubscribe(task, sub, mm, start, last, RECORDER, sub)
  if (result !== 0) throw new Error(`subscribing answered ${result}`)
  return sub
}

/** Ends a subscription and frees its record. May sleep. */
export function unsubscribe(task: Task, sub: Sub): void {
  intervalRemove(task, sub)
  freeObject(task, SUBSCRIPTION, sub)
}

/** The subscription's own sequence: word 6 of its record. */
export function subSeq(task: Task, sub: Sub): number {
  return get(task, sub + 6)
}

/** Subscriptions of an mm that overlap [start, last], in tree order. */
export function subscribers(task: Task, mm: Mm, start = 0, last = 0xffffffff): Sub[] {
  const found: Sub[] = []
  for (let sub = firstSubscription(task, mm, start, last); sub !== 0; sub = nextSubscription(task, mm, sub, start, last))
    found.push(sub)
  return found
}

/** Length of the deferred list: word 4 of the mm's subscriptions, linked by word 10. */
export function deferredCount(task: Task, mm: Mm): number {
  let count = 0
  for (let sub = get(task, mmSubscriptions(mm) + 4); sub !== 0; sub = get(task, sub + 10)) count++
  return count
}

/** IDLE, PARTIAL or FULL, as the table in shared/notifier/subscriptions.ts names them. */
export function stateOf(task: Task, mm: Mm): string {
  const active = activeInvalidations(task, mm)
  if (isInvalidating(currentSeq(task, mm))) return active > 0 ? 'FULL' : 'odd and idle'
  return active > 0 ? 'PARTIAL' : 'IDLE'
}
