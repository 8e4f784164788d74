/**
 * Classic notifiers (struct mmu_notifier): subscribers to a whole address space, with a callback at the start and one at the end
 * of every invalidation. The older kind; interval notifiers (notifier/subscriptions.ts) are what drivers use since 5.5.
 *
 *   of an mm                                             notifier, CLASSIC_WORDS words
 *   word  0 .. 15  SRCU    domain of the list walkers    word  0  NEXT    list link; kept when unlinked: walkers pass through
 *        16  INDEX   which counter windows use                 1  OPS     index of the callbacks (CLASSIC_OPS)
 *        17, 18      windows open, by index                    2  MM      immutable
 *        19  HEAD    list of notifiers, youngest first         3  BIRTH   number of its registration
 *        20  BIRTHS  registrations so far                      4  COOKIE  the subscriber's own word
 *        21  queue   who waits for older windows (3 words)     5  LINKED  1 while it is in the list
 *        24  MUTEX   one registration at a time                6  OPEN    starts it was told of and not yet the end, if it
 *        25  queue   who waits for any window's end (3 words)             has an `end`
 *
 *   HEAD, NEXT, LINKED change under the lock of the mm's subscriptions (classicLock); the list is walked inside an SRCU section.
 *   INDEX, counters, BIRTHS, OPEN: atomic.
 *
 * A window tells the end to those it told the start: BIRTHS, noted when it opens, says who that is. So a registration that comes
 * in the middle of a window is told neither, and waits until every such window is over before it returns: what its driver reads
 * afterwards, no older invalidation is about to take away. (The kernel takes all locks of the mm instead: no window is open then.)
 *
 *     window                                   registration                              fault of the new driver
 *     opens: BIRTHS = 0
 *                                              links N, BIRTHS = 1
 *     start: N is younger, not called
 *     clears the entry
 *     end: N is not called
 *                                              returns, now that the window is over
 *                                                                                       reads the entry: empty     [Required]
 */
import { EAGAIN, EINVAL } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { lookupOp, opKey } from '../seam/optable.ts'
import { WAIT } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { assertMaySleep } from '../sync/held.ts'
import { ownerDrop, ownerTake } from '../sync/ownerword.ts'
import { srcuReadLock, srcuReadUnlock, srcuSynchronize } from '../sync/srcu.ts'
import { waitUntil, wakeAll } from '../sync/waitqueue.ts'
import { type Mm, mmClassic, mmDrop, mmGrab, mmUsers } from './mmhead.ts'
import { lockSubscriptions, unlockSubscriptions } from './subscriptions.ts'
import { type NotifierRange, rangeBirths, rangeBlockable, rangeIndex, rangeMm, rangeSetClassic } from './windows.ts'

/** Word index of a notifier: CLASSIC_WORDS words in the subscriber's record. */
export type Classic = WordAt & { readonly brand: 'classic notifier' }
const NONE = 0 as Classic
export const CLASSIC_WORDS = 8

/** What a subscriber implements. All may sleep, but in a range that is not blockable; none may register or unregister. */
export interface ClassicOps {
  /**
   * Before entries change. False: refused, only if the range is not blockable; such a subscriber has no `end`, or says that it
   * `undoesRefusals`.
   */
  readonly start?: (task: Task, notifier: Classic, range: NotifierRange) => boolean
  /** A start that it refused has left no trace in it, and it is not told the end: so it may have one. */
  readonly undoesRefusals?: boolean
  /** After they changed. */
  readonly end?: (task: Task, notifier: Classic, range: NotifierRange) => void
  /** The address space ends, or the notifier is unregistered: drop everything, make nothing new. At least once, perhaps twice. */
  readonly release?: (task: Task, notifier: Classic, mm: Mm) => void
}

/** Callbacks by the index a notifier carries; registered by each worker that changes address spaces. */
export const CLASSIC_OPS = opKey<ClassicOps>('classic notifier')

const INDEX = 16
const WINDOWS = 17
const HEAD = 19
const BIRTHS = 20
const QUEUE = 21
const MUTEX = 24
const ACTIVE_QUEUE = 25

const NEXT = 0
const OPS = 1
const MM = 2
const BIRTH = 3
const COOKIE = 4
const LINKED = 5
const OPEN = 6

/**
 * Subscribes to `mm`. 0, or -EINVAL when the address space is already ending. Sleeps until the windows that are open now are
 * over: the caller holds no lock that a section between start and end takes. Keeps the mm's record until classicUnregister.
 */
export function classicRegister(task: Task, notifier: Classic, mm: Mm, ops: number, cookie: number): number {
  if (task.checked) assertMaySleep(task, 'registering a notifier')
  if (mmUsers(task, mm) === 0) return -EINVAL
  const at = mmClassic(mm)
  mmGrab(task, mm)
  put(task, notifier + OPS, ops)
  put(task, notifier + MM, mm)
  put(task, notifier + COOKIE, cookie)
  atomicStore(task, notifier + OPEN, 0)
  ownerTake(task, at + MUTEX)
  const birth = atomicLoad(task, at + BIRTHS) + 1
  put(task, notifier + BIRTH, birth)
  lockSubscriptions(task, mm)
  put(task, notifier + NEXT, atomicLoad(task, at + HEAD))
  put(task, notifier + LINKED, 1)
  atomicStore(task, at + HEAD, notifier)
  unlockSubscriptions(task, mm)
  atomicStore(task, at + BIRTHS, birth)
  waitForWindows(task, at)
  ownerDrop(task, at + MUTEX)
  return 0
}

/**
 * Ends a subscription: release, unless the exit of the mm has called it; then no callback of it runs any more, and the record is
 * the caller's again. Sleeps: not from a callback, not with a lock that a callback takes.
 */
export function classicUnregister(task: Task, notifier: Classic): void {
  const mm = get(task, notifier + MM) as Mm
  const at = mmClassic(mm)
  const inside = srcuReadLock(task, at)
  if (get(task, notifier + LINKED) === 1) opsOf(task, notifier).release?.(task, notifier, mm)
  srcuReadUnlock(task, at, inside)
  lockSubscriptions(task, mm)
  if (get(task, notifier + LINKED) === 1) unlink(task, at, notifier)
  unlockSubscriptions(task, mm)
  srcuSynchronize(task, at)
  mmDrop(task, mm)
}

/** The end of the address space: release to all, and all are unlinked. Records stay their owners'. Sleeps. */
export function classicRelease(task: Task, mm: Mm): void {
  const at = mmClassic(mm)
  if (atomicLoad(task, at + HEAD) === 0) return
  const inside = srcuReadLock(task, at)
  eachNotifier(task, at, (notifier) => opsOf(task, notifier).release?.(task, notifier, mm))
  srcuReadUnlock(task, at, inside)
  lockSubscriptions(task, mm)
  for (let notifier = headOf(task, at); notifier !== NONE; notifier = headOf(task, at)) unlink(task, at, notifier)
  unlockSubscriptions(task, mm)
  srcuSynchronize(task, at)
}

/** The subscriber's own word. */
export function classicCookie(task: Task, notifier: Classic): number {
  return get(task, notifier + COOKIE)
}

/** Starts a notifier was told of and not yet the end. 0 when nothing runs: what the pair audit looks at. */
export function classicOpen(task: Task, notifier: Classic): number {
  return atomicLoad(task, notifier + OPEN)
}

/** Notes that a window opens, before anything else of it. Ended by classicLeave. */
export function classicEnter(task: Task, range: NotifierRange): void {
  const at = mmClassic(rangeMm(task, range))
  const index = atomicLoad(task, at + INDEX)
  atomicAdd(task, at + WINDOWS + index, 1)
  rangeSetClassic(task, range, index, atomicLoad(task, at + BIRTHS))
}

/** The window is over, and closed already: who waits for its end looks at it next. */
export function classicLeave(task: Task, range: NotifierRange): void {
  const at = mmClassic(rangeMm(task, range))
  if (atomicAdd(task, at + WINDOWS + rangeIndex(task, range), -1) === 1) wakeAll(task, at + QUEUE)
  if (rangeBirths(task, range) > 0) wakeAll(task, at + ACTIVE_QUEUE)
}

/** Windows that are open on the mm: exact for those that stay open while it is asked. */
export function classicWindows(task: Task, mm: Mm): number {
  const at = mmClassic(mm) + WINDOWS
  return atomicLoad(task, at) + atomicLoad(task, at + 1)
}

/** Queue of those who wait for windows of the mm to end (notifier/active.ts). */
export function classicActiveQueue(mm: Mm): WordAt {
  return mmClassic(mm) + ACTIVE_QUEUE
}

/** Has the window anybody to tell? */
export function classicConcerns(task: Task, range: NotifierRange): boolean {
  return rangeBirths(task, range) > 0 && atomicLoad(task, mmClassic(rangeMm(task, range)) + HEAD) !== 0
}

/**
 * Tells all classic subscribers of a start. 0; or -EAGAIN if one refused: then all are called nevertheless, and those that were
 * told and have an end are told that, because the caller will not end what was refused.
 */
export function classicStart(task: Task, range: NotifierRange): number {
  const at = mmClassic(rangeMm(task, range))
  const inside = srcuReadLock(task, at)
  const refusers: Classic[] = []
  eachConcerned(task, at, range, (notifier, ops) => {
    const stopped = ops.start?.(task, notifier, range) ?? true
    if (stopped && ops.end !== undefined) atomicAdd(task, notifier + OPEN, 1)
    if (stopped) return
    if (rangeBlockable(task, range)) violation(task, 'CON', 'a classic notifier refused an invalidation that may block')
    else if (ops.end !== undefined && ops.undoesRefusals !== true)
      violation(task, 'CON', 'a classic notifier that may refuse a start has an end: it cannot know whether it is told')
    else refusers.push(notifier)
  })
  if (refusers.length > 0) endOpen(task, at, range, refusers)
  srcuReadUnlock(task, at, inside)
  return refusers.length > 0 ? -EAGAIN : 0
}

/** Tells the end to those that were told the start. */
export function classicEnd(task: Task, range: NotifierRange): void {
  const at = mmClassic(rangeMm(task, range))
  const inside = srcuReadLock(task, at)
  endOpen(task, at, range)
  srcuReadUnlock(task, at, inside)
}

/** Inside a section. Those who refused this very start are not told its end. */
function endOpen(task: Task, at: WordAt, range: NotifierRange, refusers: readonly Classic[] = []): void {
  eachConcerned(task, at, range, (notifier, ops) => {
    if (ops.end === undefined || refusers.includes(notifier)) return
    ops.end(task, notifier, range)
    assert(atomicAdd(task, notifier + OPEN, -1) > 0, 'an end follows its start')
  })
}

function eachConcerned(task: Task, at: WordAt, range: NotifierRange, visit: (notifier: Classic, ops: ClassicOps) => void): void {
  eachNotifier(task, at, (notifier) => {
    if (get(task, notifier + BIRTH) <= rangeBirths(task, range)) visit(notifier, opsOf(task, notifier))
  })
}

/** Every notifier of an mm. Inside an SRCU section of it, or when nothing runs. */
export function eachClassic(task: Task, mm: Mm, visit: (notifier: Classic) => void): void {
  eachNotifier(task, mmClassic(mm), visit)
}

function eachNotifier(task: Task, at: WordAt, visit: (notifier: Classic) => void): void {
  for (let notifier = headOf(task, at); notifier !== NONE; notifier = atomicLoad(task, notifier + NEXT) as Classic)
    visit(notifier)
}

function headOf(task: Task, at: WordAt): Classic {
  return atomicLoad(task, at + HEAD) as Classic
}

function opsOf(task: Task, notifier: Classic): ClassicOps {
  return lookupOp(task, CLASSIC_OPS, get(task, notifier + OPS))
}

/** Subscriptions' lock held. */
function unlink(task: Task, at: WordAt, notifier: Classic): void {
  let link: WordAt = at + HEAD
  while (atomicLoad(task, link) !== notifier) {
    link = atomicLoad(task, link) + NEXT
    assert(link !== NEXT, 'an unlinked notifier is in the list')
  }
  atomicStore(task, link, atomicLoad(task, notifier + NEXT))
  put(task, notifier + LINKED, 0)
}

/** Waits until every window that is open now is over: both counters in turn, as an SRCU grace period. MUTEX held. */
function waitForWindows(task: Task, at: WordAt): void {
  for (let turn = 0; turn < 2; turn++) {
    const old = atomicLoad(task, at + INDEX)
    atomicStore(task, at + INDEX, old ^ 1)
    waitUntil(task, at + QUEUE, WAIT.invalidationEnd, at, () => atomicLoad(task, at + WINDOWS + old) === 0)
  }
}
