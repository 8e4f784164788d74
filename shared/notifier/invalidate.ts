/**
 * The two halves around every change to a present page-table entry.
 *
 *     invalidateRangeStart     bookkeeping on this actor, then every subscriber's callback (dispatcher or inline):
 *                              when it returns no device uses the range any more, and none will until the end
 *     ... entries change, CPU TLBs are flushed ...
 *     invalidateRangeEnd       bookkeeping on this actor; readers and removers go on
 *
 * No page-table lock may be held around either: callbacks sleep. mmap_sem, frame and rmap locks may be.
 * Order of one event: interval subscribers, their second passes (notifier/secondpass.ts), then classic ones (Linux
 * mm/mmu_notifier.c, 5.5 to 7.x).
 */
import { EAGAIN } from '../memory/errno.ts'
import { CALLBACK_DEPTH, MAY_NOT_SLEEP } from '../seam/actors.ts'
import { assert } from '../seam/error.ts'
import { lookupOp, opKey } from '../seam/optable.ts'
import { PROBE, probe } from '../seam/probe.ts'
import { countStat, HISTOGRAM, recordLatency, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { EVENT, eventBegins, eventEnds } from '../seam/timeline.ts'
import { violation } from '../seam/violation.ts'
import { WINDOW } from '../sync/classes.ts'
import { assertMaySleep, popHeld, pushHeld } from '../sync/held.ts'
import { classicConcerns, classicEnd, classicEnter, classicLeave, classicStart } from './classic.ts'
import { dispatch } from './dispatch.ts'
import { mmSubscriptions } from './mmhead.ts'
import { oweSecondPass, runSecondPasses } from './secondpass.ts'
import {
  currentSeq,
  firstSubscription,
  invalidationEnd,
  invalidationStart,
  isInvalidating,
  nextSubscription,
  type Sub,
  subOps,
} from './subscriptions.ts'
import {
  type NotifierRange,
  rangeBlockable,
  rangeClose,
  rangeLast,
  rangeMm,
  rangeOpen,
  rangeSeq,
  rangeSetSeq,
  rangeStart,
} from './windows.ts'

/**
 * A subscriber's callback. True: the device no longer uses the range. False: refused, legal only for a range that is not
 * blockable. A token: the device has begun to leave it, and is out when the second pass for this token has returned. Runs on a
 * dispatcher or inline; what it may do is in the driver contract (shared/device/contract.ts).
 */
export type IntervalCallback = (task: Task, sub: Sub, range: NotifierRange, seq: number) => boolean | number

/** Callbacks by the index a subscription carries; registered by each worker for every driver it loads. */
export const INTERVAL_OPS = opKey<IntervalCallback>('interval callback')

/** Begins an invalidation that may sleep. On return all subscribers have answered. */
export function invalidateRangeStart(task: Task, range: NotifierRange): void {
  if (task.checked) assertMaySleep(task, 'a blockable invalidation')
  const result = start(task, range, true)
  assert(result === 0, 'a blockable invalidation is not refused')
}

/**
 * Begins an invalidation that may not sleep (the OOM reaper). 0: proceed, and end it later. -EAGAIN: some subscriber would
 * have had to wait; nothing may be changed, the range is closed, and there is no end to call: no trace remains.
 */
export function invalidateRangeStartNonblock(task: Task, range: NotifierRange): number {
  return start(task, range, false)
}

/** Ends an invalidation. Call when the entries are changed; frames may be freed once CPU TLBs are flushed too. */
export function invalidateRangeEnd(task: Task, range: NotifierRange): void {
  invalidationEnd(task, rangeMm(task, range))
  if (classicConcerns(task, range)) classicEnd(task, range)
  close(task, range)
}

/** Calls every subscriber: interval notifiers of the range in tree order, then classic ones. 0, or -EAGAIN if one refused. */
export function runCallbacks(task: Task, range: NotifierRange): number {
  const { words, record } = task
  const depth = (words[record + CALLBACK_DEPTH] as number) + 1
  words[record + CALLBACK_DEPTH] = depth
  if (!rangeBlockable(task, range) && words[record + MAY_NOT_SLEEP] === 0) words[record + MAY_NOT_SLEEP] = depth
  let result = isInvalidating(rangeSeq(task, range)) ? runIntervalCallbacks(task, range) : 0
  if (result === 0 && classicConcerns(task, range)) result = classicStart(task, range)
  if (words[record + MAY_NOT_SLEEP] === depth) words[record + MAY_NOT_SLEEP] = 0
  words[record + CALLBACK_DEPTH] = depth - 1
  return result
}

function runIntervalCallbacks(task: Task, range: NotifierRange): number {
  const mm = rangeMm(task, range)
  const first = rangeStart(task, range)
  const last = rangeLast(task, range)
  const seq = rangeSeq(task, range)
  let result = 0
  for (let sub = firstSubscription(task, mm, first, last); sub !== 0; sub = nextSubscription(task, mm, sub, first, last)) {
    const answer = lookupOp(task, INTERVAL_OPS, subOps(task, sub))(task, sub, range, seq)
    probe(task, PROBE.callbackDone, sub, range, answer === false ? 0 : 1, seq)
    if (typeof answer === 'number') oweSecondPass(task, range, sub, answer)
    if (answer !== false) continue
    if (rangeBlockable(task, range)) violation(task, 'CON', 'a callback refused an invalidation that may block')
    result = -EAGAIN
    break
  }
  runSecondPasses(task, range)
  return result
}

function start(task: Task, range: NotifierRange, blockable: boolean): number {
  const mm = rangeMm(task, range)
  rangeOpen(task, range, blockable)
  pushHeld(task, WINDOW, mmSubscriptions(mm), true)
  probe(task, PROBE.window, range, 1)
  classicEnter(task, range)
  const met = invalidationStart(task, mm, rangeStart(task, range), rangeLast(task, range))
  if (met === 0 && !classicConcerns(task, range)) return 0
  rangeSetSeq(task, range, met === 0 ? 0 : currentSeq(task, mm))
  const since = task.nowNs()
  const began = eventBegins(task)
  const result = dispatch(task, range) ?? runCallbacks(task, range)
  countStat(task, STAT.invalidations)
  recordLatency(task, HISTOGRAM.invalidation, task.nowNs() - since)
  if (began !== 0) noteInvalidation(task, range, began)
  if (result !== 0) {
    // The caller of a refused start never calls end, so everything start did is undone here.
    invalidationEnd(task, mm)
    close(task, range)
  }
  return result
}

/** From here until its callbacks have returned: that is what others wait for. */
function noteInvalidation(task: Task, range: NotifierRange, began: number): void {
  const first = rangeStart(task, range)
  eventEnds(task, EVENT.invalidation, 0, began, first, rangeLast(task, range) - first + 1, rangeSeq(task, range))
}

function close(task: Task, range: NotifierRange): void {
  probe(task, PROBE.window, range, 0)
  popHeld(task, mmSubscriptions(rangeMm(task, range)))
  rangeClose(task, range)
  classicLeave(task, range) // after it is closed: whoever it wakes looks whether it is
}
