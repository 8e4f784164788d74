/**
 * CON, the contract of notifiers, as far as it can be told from outside a call:
 *
 *   a callback is called for a subscription that is in force, for an invalidation of its pages     when it returns
 *   every start has its end: no invalidation is open, none is counted, no epoch runs,
 *   nothing is left on a deferred list, no classic notifier waits for an end                       when the machine stands still
 *
 * What one function can tell by itself it tells itself, with the same code: a lock that its caller must hold, a sleep where none is
 * allowed (sync/held.ts), a refusal of what may block (notifier/invalidate.ts, notifier/classic.ts).
 */
import { type Classic, classicOpen, eachClassic } from '../notifier/classic.ts'
import type { Mm } from '../notifier/mmhead.ts'
import {
  activeInvalidations,
  currentSeq,
  hasDeferred,
  isInvalidating,
  type Sub,
  subInForce,
  subMeets,
  subMm,
} from '../notifier/subscriptions.ts'
import { type NotifierRange, rangeLast, rangeMm, rangeStart, windowsOf } from '../notifier/windows.ts'
import { listen } from '../seam/probe.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { describeActor, pageName } from '../seam/trace.ts'
import { type Violation, violation } from '../seam/violation.ts'

/** Switches the oracle on in this worker. */
export function checkContract(task: Task): void {
  listen(task, 'callbackDone', (t, subAt, rangeAt) => {
    const sub = subAt as Sub
    const range = rangeAt as NotifierRange
    const problem = !subInForce(t, sub)
      ? 'after its subscription had been removed'
      : subMm(t, sub) !== rangeMm(t, range)
        ? 'for an invalidation of another address space'
        : subMeets(t, sub, rangeStart(t, range), rangeLast(t, range))
          ? null
          : 'for pages that it has not subscribed to'
    if (problem === null) return
    const doing = describeActor(t.words, t.id)
    violation(t, 'CON', `a callback was called ${problem} (${doing})`, { page: rangeStart(t, range), operations: [doing] })
  })
}

/** Starts without an end. The machine stands still; `mms` are the address spaces to look at. */
export function auditContract(task: Task, mms: readonly Mm[]): Violation[] {
  const found: Violation[] = []
  const actors = task.words[ACTOR_COUNT_AT] as number
  for (let actor = 0; actor < actors; actor++) {
    for (const range of windowsOf(task, actor))
      found.push(finding(`an invalidation of ${pageName(rangeStart(task, range))} was started, and never ended`))
  }
  for (const mm of mms) {
    const active = activeInvalidations(task, mm)
    if (active !== 0) found.push(finding(`${active} invalidations are counted, and none runs`))
    if (isInvalidating(currentSeq(task, mm))) found.push(finding('an epoch runs, and no invalidation does'))
    if (hasDeferred(task, mm)) found.push(finding('a subscription waits for the end of an epoch that is over'))
    eachClassic(task, mm, (notifier: Classic) => {
      const open = classicOpen(task, notifier)
      if (open !== 0) found.push(finding(`a classic notifier was told of ${open} starts, and of no end`))
    })
  }
  return found
}

function finding(message: string): Violation {
  return { oracle: 'CON', message }
}
