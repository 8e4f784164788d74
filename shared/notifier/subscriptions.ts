/**
 * Interval notifiers (mmu_interval_notifier, Linux 5.5 to 7.x): a subscriber's interest in an interval of an mm, and the
 * sequence scheme by which it learns whether what it read from the page tables may be used.
 *
 *   subscriptions of an mm                              subscription, two lines
 *   word  0  LOCK       spinlock                        word  0 .. 5  interval tree node (sync/intervaltree.ts)
 *         1  SEQ        invalidate_seq, from 2                6  SEQ       odd for ever after insertion
 *         2  ACTIVE     started and not yet ended             7  MM        immutable
 *         3  ROOT       interval tree                         8  OPS       index of the callback (optable)
 *         4  DEFERRED   list, by NEXT                         9  COOKIE    the subscriber's own word (its mirror)
 *         5  queue      readers and removers (3 words)       10  NEXT      deferred list
 *                                                            11  IN_TREE   1 while the node is in the tree
 *                                                            12  ORIGIN    actor + 1 whose invalidation set SEQ last
 *                                                            13  CAUSE     the operation it was in then (seam/trace.ts)
 *
 *   LOCK     guards ROOT, ACTIVE, DEFERRED, SEQ (writes), NEXT, IN_TREE. The tree changes only with LOCK held *and* SEQ even,
 *            so it may be walked without LOCK while SEQ is odd.
 *   SEQ      of the mm: even = tree may change; odd = an epoch. Written under LOCK, read without it by sleepers. Atomic.
 *   ORIGIN, CAUSE  guarded by the driver's lock, as SEQ of a subscription; for statistics.
 *   SEQ      of a subscription: written by its callback with the driver's lock held, and by insert under LOCK. Atomic.
 *
 *   IDLE     ACTIVE = 0, SEQ even   nobody invalidates
 *   PARTIAL  ACTIVE > 0, SEQ even   invalidations run, none met a subscription
 *   FULL     ACTIVE > 0, SEQ odd    an epoch: one met a subscription, or one was inserted meanwhile
 *
 *   start, nothing met    IDLE, PARTIAL -> PARTIAL · FULL -> FULL      ACTIVE + 1
 *   start, overlap        any -> FULL                                  ACTIVE + 1, SEQ |= 1
 *   insert                IDLE: sub.SEQ = SEQ - 1 · PARTIAL -> FULL, SEQ |= 1, sub.SEQ = SEQ · FULL: deferred, sub.SEQ = SEQ
 *   end, not the last     ACTIVE - 1
 *   end, the last         PARTIAL -> IDLE · FULL -> IDLE: SEQ + 1, deferred list done, everybody woken
 *
 * Why a reader may trust `readRetry` (Linux mm/mmu_notifier.c argues the same):
 *
 *     fault service                            invalidation of page P
 *     readBegin: s = sub.SEQ
 *     reads P's entry: frame A
 *                                              start: callback, driver's lock: sub.SEQ = epoch
 *                                              clears P's entry, frees A
 *     driver's lock
 *     readRetry: sub.SEQ != s                  [Required: true, A is not installed]
 */
import { EINVAL, EOVERFLOW } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { actorAt, OP, ORIGIN } from '../seam/actors.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { WAIT } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { SUBSCRIPTIONS, WINDOW } from '../sync/classes.ts'
import { assertHeld, assertMaySleep, checkOrder } from '../sync/held.ts'
import { intervalErase, intervalFirst, intervalInsert, intervalNext } from '../sync/intervaltree.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { waitUntil, wakeAll } from '../sync/waitqueue.ts'
import { type Mm, mmDrop, mmGrab, mmSubscriptions, mmUsers } from './mmhead.ts'

/** Word index of a subscription; SUB_WORDS words, embedded in the subscriber's record or allocated. */
export type Sub = WordAt & { readonly brand: 'sub' }
export const SUB_WORDS = 16

const LOCK = 0
const SEQ = 1
const ACTIVE = 2
const ROOT = 3
const DEFERRED = 4
const READERS = 5

const SUB_SEQ = 6
const SUB_MM = 7
const SUB_OPS = 8
const SUB_COOKIE = 9
const SUB_NEXT = 10
const SUB_IN_TREE = 11
const SUB_ORIGIN = 12
const SUB_CAUSE = 13

const FIRST_SEQ = 2

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const SUBSCRIPTIONS_AT = { lock: LOCK, seq: SEQ, seqOfOne: SUB_SEQ } as const

/** True while an epoch runs: some invalidation has met a subscription and not everything has ended. */
export function isInvalidating(seq: number): boolean {
  return (seq & 1) === 1
}

/** Makes the subscriptions of a new mm: idle, empty. Nobody else knows the mm. */
export function createSubscriptions(task: Task, mm: Mm): void {
  put(task, mmSubscriptions(mm) + SEQ, FIRST_SEQ)
}

export function subMm(task: Task, sub: Sub): Mm {
  return get(task, sub + SUB_MM) as Mm
}

export function subOps(task: Task, sub: Sub): number {
  return get(task, sub + SUB_OPS)
}

/** Is it in force: subscribed, and not removed? Inside an epoch, or when the machine stands still. */
export function subInForce(task: Task, sub: Sub): boolean {
  return get(task, sub + SUB_IN_TREE) === 1
}

/** Does it cover a page of [start, last]? Inside an epoch, or when the machine stands still. */
export function subMeets(task: Task, sub: Sub, start: number, last: number): boolean {
  return get(task, sub) >>> 0 <= last && start <= get(task, sub + 1) >>> 0
}

/** The word the subscriber gave at insertion: usually the word index of its mirror. */
export function subCookie(task: Task, sub: Sub): number {
  return get(task, sub + SUB_COOKIE)
}

/**
 * Subscribes `sub` to pages [start, last] of `mm`. `ops` is the index of the callback; `cookie` comes back in subCookie.
 * Returns 0; -EOVERFLOW when the interval is empty or wraps; -EINVAL when the mm has no users any more.
 * Caller is a user of the mm for the duration. Takes and drops `subscriptions`; keeps one mm COUNT until intervalRemove.
 * On return the node may still wait for the running epoch to end; a reader that begins meanwhile sleeps until then.
 */
export function intervalSubscribe(
  task: Task,
  sub: Sub,
  mm: Mm,
  start: number,
  last: number,
  ops: number,
  cookie: number,
): number {
  if (start > last) return -EOVERFLOW
  if (mmUsers(task, mm) === 0) return -EINVAL
  mmGrab(task, mm)
  put(task, sub + SUB_MM, mm)
  put(task, sub + SUB_OPS, ops)
  put(task, sub + SUB_COOKIE, cookie)
  const subs = mmSubscriptions(mm)
  spinLock(task, subs + LOCK, SUBSCRIPTIONS)
  const seq = atomicLoad(task, subs + SEQ)
  if (isInvalidating(seq)) {
    // FULL: the tree is being walked. The node goes in when the epoch ends; the interval waits in it.
    put(task, sub, start)
    put(task, sub + 1, last)
    defer(task, subs, sub)
    atomicStore(task, sub + SUB_SEQ, seq)
  } else {
    link(task, subs, sub, start, last)
    if (get(task, subs + ACTIVE) > 0) {
      // PARTIAL: an invalidation that nobody told us about may be changing our pages. Open an epoch: readers sleep it out.
      atomicStore(task, subs + SEQ, seq | 1)
      atomicStore(task, sub + SUB_SEQ, seq | 1)
    } else {
      atomicStore(task, sub + SUB_SEQ, seq - 1)
    }
  }
  spinUnlock(task, subs + LOCK)
  return 0
}

/**
 * Ends a subscription and drops its COUNT of the mm. On return no callback for it runs or will run.
 * May sleep until the running epoch ends: not from a callback, not with a lock that a callback takes. The device must have
 * stopped using the pages before: removing invalidates nothing.
 */
export function intervalRemove(task: Task, sub: Sub): void {
  const mm = subMm(task, sub)
  removeFrom(task, sub, mmSubscriptions(mm))
  mmDrop(task, mm)
}

function removeFrom(task: Task, sub: Sub, subs: WordAt): void {
  if (task.checked) {
    assertMaySleep(task, 'removing an interval notifier')
    checkOrder(task, WINDOW, subs)
  }
  spinLock(task, subs + LOCK, SUBSCRIPTIONS)
  const seq = atomicLoad(task, subs + SEQ)
  if (!isInvalidating(seq)) {
    unlink(task, subs, sub)
    spinUnlock(task, subs + LOCK)
    return
  }
  if (get(task, sub + SUB_IN_TREE) === 0) {
    undefer(task, subs, sub) // never got in: no callback knows it
    spinUnlock(task, subs + LOCK)
    return
  }
  defer(task, subs, sub)
  spinUnlock(task, subs + LOCK)
  // The sequence is compared under LOCK, which the end holds from its increment until the deferred list is done:
  //
  //     remover                                  end of the last invalidation
  //     sleeps
  //                                              LOCK, SEQ + 1
  //     SEQ moved on, so returns and frees sub
  //                                              erases sub from the tree        [Required: before the free]
  waitUntil(task, subs + READERS, WAIT.invalidationEnd, subs, () => {
    spinLock(task, subs + LOCK, SUBSCRIPTIONS)
    const moved = atomicLoad(task, subs + SEQ) !== seq
    spinUnlock(task, subs + LOCK)
    return moved
  })
}

/**
 * Begins a read of the page tables below `sub`: returns the sequence for readRetry. Sleeps, without a timeout, while this
 * very subscription has been hit by the running epoch; may return a sequence for which a retry is already certain.
 * Caller holds no lock that a callback takes, and no open window on this mm.
 */
export function readBegin(task: Task, sub: Sub): number {
  const subs = mmSubscriptions(subMm(task, sub))
  if (task.checked) {
    assertMaySleep(task, 'read_begin')
    checkOrder(task, WINDOW, subs)
  }
  spinLock(task, subs + LOCK, SUBSCRIPTIONS)
  const seq = atomicLoad(task, sub + SUB_SEQ)
  const busy = seq === atomicLoad(task, subs + SEQ)
  spinUnlock(task, subs + LOCK)
  if (busy) awaitEpochAfter(task, subs, seq)
  return seq
}

/** Sleeps until the epoch that `seq` is of is over. A function of its own: readBegin makes no closure when it need not wait. */
function awaitEpochAfter(task: Task, subs: WordAt, seq: number): void {
  waitUntil(task, subs + READERS, WAIT.invalidationEnd, subs, () => atomicLoad(task, subs + SEQ) !== seq)
}

/** True when what was read since readBegin returned `seq` must not be used. Caller holds the lock its callback takes. */
export function readRetry(task: Task, sub: Sub, seq: number): boolean {
  const retry = atomicLoad(task, sub + SUB_SEQ) !== seq
  probe(task, PROBE.readRetry, sub, seq, retry ? 1 : 0)
  return retry
}

/** Early hint without a lock: true is certain (readRetry will say so too), false is not. */
export function checkRetry(task: Task, sub: Sub, seq: number): boolean {
  return atomicLoad(task, sub + SUB_SEQ) !== seq
}

/** Stores the epoch in the subscription. First thing a callback does, with its driver's lock held, whatever it does next. */
export function setSeq(task: Task, sub: Sub, seq: number): void {
  assert(isInvalidating(seq), 'the sequence a callback stores is odd')
  const origin = task.words[task.record + ORIGIN] as number
  put(task, sub + SUB_ORIGIN, origin + 1)
  put(task, sub + SUB_CAUSE, task.words[actorAt(task.words, origin) + OP] as number)
  atomicStore(task, sub + SUB_SEQ, seq)
}

/** The sequence stored last. A reader that begins with it needs its own rule for what runs already. */
export function subSeq(task: Task, sub: Sub): number {
  return atomicLoad(task, sub + SUB_SEQ)
}

/** Actor whose invalidation hit the subscription last, -1 if none did. For statistics, under the lock its callback takes. */
export function subLastOrigin(task: Task, sub: Sub): number {
  return get(task, sub + SUB_ORIGIN) - 1
}

/** The operation (seam/trace.ts) whose invalidation hit the subscription last. As subLastOrigin. */
export function subLastCause(task: Task, sub: Sub): number {
  return get(task, sub + SUB_CAUSE)
}

/** First half of an invalidation. Returns the first subscription met, or 0; then `currentSeq` is the epoch's, odd. */
export function invalidationStart(task: Task, mm: Mm, start: number, last: number): Sub {
  const subs = mmSubscriptions(mm)
  spinLock(task, subs + LOCK, SUBSCRIPTIONS)
  put(task, subs + ACTIVE, get(task, subs + ACTIVE) + 1)
  const first = intervalFirst(task, subs + ROOT, start, last) as Sub
  if (first !== 0) {
    const seq = atomicLoad(task, subs + SEQ)
    if (!isInvalidating(seq)) atomicStore(task, subs + SEQ, seq | 1)
  }
  spinUnlock(task, subs + LOCK)
  return first
}

/** Second half: counts one invalidation less; the last one ends the epoch, does the deferred list and wakes everybody. */
export function invalidationEnd(task: Task, mm: Mm): void {
  const subs = mmSubscriptions(mm)
  spinLock(task, subs + LOCK, SUBSCRIPTIONS)
  const active = get(task, subs + ACTIVE) - 1
  assert(active >= 0, 'every end has its start')
  put(task, subs + ACTIVE, active)
  const seq = atomicLoad(task, subs + SEQ)
  if (active > 0 || !isInvalidating(seq)) {
    spinUnlock(task, subs + LOCK)
    return
  }
  atomicStore(task, subs + SEQ, seq + 1)
  for (let sub = get(task, subs + DEFERRED) as Sub; sub !== 0; sub = get(task, subs + DEFERRED) as Sub) {
    put(task, subs + DEFERRED, get(task, sub + SUB_NEXT))
    if (get(task, sub + SUB_IN_TREE) === 1) unlink(task, subs, sub)
    else link(task, subs, sub, get(task, sub) >>> 0, get(task, sub + 1) >>> 0)
  }
  spinUnlock(task, subs + LOCK)
  wakeAll(task, subs + READERS)
}

/** Takes the lock of the mm's subscriptions, which guards its list of classic notifiers as well. Spins. */
export function lockSubscriptions(task: Task, mm: Mm): void {
  spinLock(task, mmSubscriptions(mm) + LOCK, SUBSCRIPTIONS)
}

export function unlockSubscriptions(task: Task, mm: Mm): void {
  spinUnlock(task, mmSubscriptions(mm) + LOCK)
}

/** The mm's sequence. Inside a window that met a subscription: the epoch. */
export function currentSeq(task: Task, mm: Mm): number {
  return atomicLoad(task, mmSubscriptions(mm) + SEQ)
}

/** Invalidations running on the mm. Exact at quiescence only. */
export function activeInvalidations(task: Task, mm: Mm): number {
  return get(task, mmSubscriptions(mm) + ACTIVE)
}

/** Does a subscription wait for the end of the epoch, to go in or out? When the machine stands still. */
export function hasDeferred(task: Task, mm: Mm): boolean {
  return get(task, mmSubscriptions(mm) + DEFERRED) !== 0
}

/** Next subscription after `sub` that overlaps [start, last], or 0. Caller is inside an epoch: the tree stands still. */
export function nextSubscription(task: Task, mm: Mm, sub: Sub, start: number, last: number): Sub {
  return intervalNext(task, mmSubscriptions(mm) + ROOT, sub, start, last) as Sub
}

/** First subscription that overlaps [start, last], or 0. As nextSubscription. */
export function firstSubscription(task: Task, mm: Mm, start: number, last: number): Sub {
  return intervalFirst(task, mmSubscriptions(mm) + ROOT, start, last) as Sub
}

/** LOCK held, SEQ even (or just made so). */
function link(task: Task, subs: WordAt, sub: Sub, start: number, last: number): void {
  assertHeld(task, subs + LOCK, 'subscriptions lock')
  intervalInsert(task, subs + ROOT, sub, start, last)
  put(task, sub + SUB_IN_TREE, 1)
}

/** LOCK held, SEQ even (or just made so). */
function unlink(task: Task, subs: WordAt, sub: Sub): void {
  assertHeld(task, subs + LOCK, 'subscriptions lock')
  intervalErase(task, subs + ROOT, sub)
  put(task, sub + SUB_IN_TREE, 0)
}

/** LOCK held. */
function defer(task: Task, subs: WordAt, sub: Sub): void {
  put(task, sub + SUB_NEXT, get(task, subs + DEFERRED))
  put(task, subs + DEFERRED, sub)
}

/** LOCK held; `sub` is on the deferred list. */
function undefer(task: Task, subs: WordAt, sub: Sub): void {
  let at: WordAt = subs + DEFERRED
  while (get(task, at) !== sub) {
    assert(get(task, at) !== 0, 'a subscription that is not in the tree during an epoch is on the deferred list')
    at = get(task, at) + SUB_NEXT
  }
  put(task, at, get(task, sub + SUB_NEXT))
}
