/**
 * struct hmm (2019, Linux 5.2): what one address space and its mirrors have in common in the era range-valid. Hung on the mm,
 * made with the first mirror, counted, and gone with the last reference.
 *
 *   word  0 ....... 15   16     17     18   19     20          21    22       23        24 .. 26   32 ....... 39
 *       +--------------+------+------+----+------+-----------+-----+--------+---------+----------+-------------+
 *       | MIRRORS_SEM  | LOCK | REFS | MM | DEAD | NOTIFIERS | SEQ | RANGES | MIRRORS | queue    | notifier    |
 *       +--------------+------+------+----+------+-----------+-----+--------+---------+----------+-------------+
 *
 *   MIRRORS_SEM  rwsem: MIRRORS, and the links in the mirrors. Held for reading while their callbacks run, so that unregistering
 *                returns when none does.
 *   LOCK         mutex: RANGES (interval tree), their states, SEQ, and raising NOTIFIERS. Never held around a callback.
 *   REFS         one for each mirror and each registered range; taken from other than 0 only. Atomic.
 *   DEAD         1 once the address space has ended. Atomic.
 *   NOTIFIERS    bits 0 .. 11: invalidations between start and end; above: how often that number has fallen to 0 (the epoch). Raised
 *                with LOCK held; atomic, so that it is lowered without.
 *   SEQ          odd; grows by 2 with each start: what callbacks are handed.
 *   queue        who waits until no invalidation runs. notifier: the classic subscription of all mirrors together.
 *
 * A callback finds its hmm by the notifier and not by the mm, and needs no reference: the last put waits for the notifier's
 * readers before it frees (section 4.9, rows 3 and 15: the notifier keeps the mm's record).
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { EINVAL, ENOMEM } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { CLASSIC_WORDS, type Classic, classicRegister, classicUnregister } from '../notifier/classic.ts'
import { type Mm, mmapSem, mmHmmAt } from '../notifier/mmhead.ts'
import { lockSubscriptions, unlockSubscriptions } from '../notifier/subscriptions.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { HMM, MIRRORS_SEM } from '../sync/classes.ts'
import { assertHeldExclusive } from '../sync/held.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../sync/mutex.ts'
import { downRead, downReadTry, downWrite, upRead, upWrite } from '../sync/rwsem.ts'
import { wakeAll } from '../sync/waitqueue.ts'
import { type Mirror, mirrorHmmAt, mirrorMm, mirrorNextAt, NO_MIRROR } from './mirror.ts'

export type Hmm = WordAt & { readonly brand: 'hmm' }
export const NO_HMM = 0 as Hmm

const LOCK = 16
const REFS = 17
const MM = 18
const DEAD = 19
const NOTIFIERS = 20
const COUNT_BITS = 12
const SEQ = 21
const RANGES = 22
const MIRRORS = 23
const QUEUE = 24
const NOTIFIER = 32

const HMM_KIND = objectKind(24, 'hmm', NOTIFIER + CLASSIC_WORDS)

/** Index of the hmm's callbacks among the classic notifiers' (hmm/rangevalid.ts registers them). */
export const HMM_OPS = 0

/** The mm's hmm with a reference for the caller, or NO_HMM. Caller keeps the mm. */
export function hmmLookup(task: Task, mm: Mm): Hmm {
  lockSubscriptions(task, mm)
  const hmm = atomicLoad(task, mmHmmAt(mm)) as Hmm
  const found = hmm !== NO_HMM && getUnlessGone(task, hmm) ? hmm : NO_HMM
  unlockSubscriptions(task, mm)
  return found
}

/**
 * As hmmLookup, and makes one where there is none; NO_HMM when memory is out or the address space is ending. Caller holds mmap_sem
 * for writing, so that nobody uses the new one before its notifier hears of invalidations. May sleep.
 */
export function hmmGetOrCreate(task: Task, mm: Mm): Hmm {
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  const there = hmmLookup(task, mm)
  if (there !== NO_HMM) return there
  const hmm = allocObject(task, HMM_KIND) as Hmm
  if (hmm === NO_HMM) return NO_HMM
  put(task, hmm + MM, mm)
  put(task, hmm + SEQ, 1)
  atomicStore(task, hmm + REFS, 1)
  if (classicRegister(task, hmmNotifier(hmm), mm, HMM_OPS, hmm) !== 0) {
    freeObject(task, HMM_KIND, hmm)
    return NO_HMM
  }
  lockSubscriptions(task, mm)
  atomicStore(task, mmHmmAt(mm), hmm)
  unlockSubscriptions(task, mm)
  return hmm
}

/** Another reference. Caller has one. */
export function hmmGet(task: Task, hmm: Hmm): void {
  assert(atomicAdd(task, hmm + REFS, 1) > 0, 'an hmm is got by who has a reference')
}

/**
 * Drops a reference; the last one ends the subscription, which sleeps until no callback runs, and frees. Not from a callback, no lock
 * held that one takes.
 */
export function hmmPut(task: Task, hmm: Hmm): void {
  const before = atomicAdd(task, hmm + REFS, -1)
  assert(before > 0, 'an hmm is put by who has a reference')
  if (before > 1) return
  const mm = hmmMm(task, hmm)
  lockSubscriptions(task, mm)
  if (atomicLoad(task, mmHmmAt(mm)) === hmm) atomicStore(task, mmHmmAt(mm), 0)
  unlockSubscriptions(task, mm)
  classicUnregister(task, hmmNotifier(hmm))
  freeObject(task, HMM_KIND, hmm)
}

/**
 * Makes `mirror` hear of the invalidations of its mm. 0; -EINVAL when it is registered already or the address space is ending;
 * -ENOMEM. Caller is a user of the mm and holds mmap_sem for writing. May sleep.
 */
export function hmmMirrorRegister(task: Task, mirror: Mirror): number {
  if (get(task, mirrorHmmAt(mirror)) !== NO_HMM) return -EINVAL
  const hmm = hmmGetOrCreate(task, mirrorMm(task, mirror))
  if (hmm === NO_HMM) return -ENOMEM
  downWrite(task, hmm, MIRRORS_SEM)
  put(task, mirrorHmmAt(mirror), hmm)
  put(task, mirrorNextAt(mirror), get(task, hmm + MIRRORS))
  put(task, hmm + MIRRORS, mirror)
  upWrite(task, hmm)
  return 0
}

/** The counterpart; nothing to do for a mirror that is not registered. When it returns no callback of the mirror runs. */
export function hmmMirrorUnregister(task: Task, mirror: Mirror): void {
  const hmm = get(task, mirrorHmmAt(mirror)) as Hmm
  if (hmm === NO_HMM) return
  downWrite(task, hmm, MIRRORS_SEM)
  let link: WordAt = hmm + MIRRORS
  while (get(task, link) !== mirror) link = mirrorNextAt(get(task, link) as Mirror)
  put(task, link, get(task, mirrorNextAt(mirror)))
  put(task, mirrorHmmAt(mirror), NO_HMM)
  upWrite(task, hmm)
  hmmPut(task, hmm)
}

/** Visits the mirrors until `visit` says false; false then. mirrors_sem held. */
export function eachMirror(task: Task, hmm: Hmm, visit: (mirror: Mirror) => boolean): boolean {
  for (let mirror = get(task, hmm + MIRRORS) as Mirror; mirror !== NO_MIRROR; mirror = get(task, mirrorNextAt(mirror)) as Mirror)
    if (!visit(mirror)) return false
  return true
}

/** Takes mirrors_sem for reading; if it may not sleep, false when it is not to be had. */
export function lockMirrors(task: Task, hmm: Hmm, maySleep: boolean): boolean {
  if (!maySleep) return downReadTry(task, hmm, MIRRORS_SEM)
  downRead(task, hmm, MIRRORS_SEM)
  return true
}

export function unlockMirrors(task: Task, hmm: Hmm): void {
  upRead(task, hmm)
}

/** Takes the hmm's lock; if it may not sleep, false when it is not to be had. */
export function lockHmm(task: Task, hmm: Hmm, maySleep = true): boolean {
  if (!maySleep) return mutexTryLock(task, hmm + LOCK, HMM)
  mutexLock(task, hmm + LOCK, HMM)
  return true
}

export function unlockHmm(task: Task, hmm: Hmm): void {
  mutexUnlock(task, hmm + LOCK)
}

/** Counts a running invalidation and returns the sequence for its callbacks. Lock held: the epoch stays until its end. */
export function hmmStart(task: Task, hmm: Hmm): number {
  const seq = (get(task, hmm + SEQ) + 2) | 0
  put(task, hmm + SEQ, seq)
  atomicAdd(task, hmm + NOTIFIERS, 1)
  return seq
}

/** It is over, or was refused: with the last one every waiter goes on. */
export function hmmEnd(task: Task, hmm: Hmm): void {
  let word = atomicLoad(task, hmm + NOTIFIERS)
  for (;;) {
    const running = notifiersIn(word)
    assert(running > 0, 'every end has its start')
    const less = running > 1 ? word - 1 : (((word >>> COUNT_BITS) + 1) << COUNT_BITS) | 0
    const seen = atomicCas(task, hmm + NOTIFIERS, word, less)
    if (seen === word && running > 1) return
    if (seen === word) break
    word = seen
  }
  wakeAll(task, hmm + QUEUE)
}

/** Invalidations between start and end. */
export function hmmNotifiers(task: Task, hmm: Hmm): number {
  return notifiersIn(atomicLoad(task, hmm + NOTIFIERS))
}

/** How often no invalidation has run any more. What it was in one of them, it is not after it. */
export function hmmEpoch(task: Task, hmm: Hmm): number {
  return atomicLoad(task, hmm + NOTIFIERS) >>> COUNT_BITS
}

/** The epoch if an invalidation runs in it, otherwise -1: both from one look, because the last end may come between two. */
export function hmmBusyEpoch(task: Task, hmm: Hmm): number {
  const word = atomicLoad(task, hmm + NOTIFIERS)
  return notifiersIn(word) === 0 ? -1 : word >>> COUNT_BITS
}

/** The number of invalidations in a value of the word that counts them. */
export function notifiersIn(word: number): number {
  return word & ((1 << COUNT_BITS) - 1)
}

/** That word, for reports. */
export function hmmNotifiersAt(hmm: Hmm): WordAt {
  return hmm + NOTIFIERS
}

/** The address space has ended: for ever. */
export function hmmKill(task: Task, hmm: Hmm): void {
  atomicStore(task, hmm + DEAD, 1)
  wakeAll(task, hmm + QUEUE)
}

export function hmmIsDead(task: Task, hmm: Hmm): boolean {
  return atomicLoad(task, hmm + DEAD) === 1
}

export function hmmMm(task: Task, hmm: Hmm): Mm {
  return get(task, hmm + MM) as Mm
}

/** References; exact when nothing runs. */
export function hmmRefs(task: Task, hmm: Hmm): number {
  return atomicLoad(task, hmm + REFS)
}

/** Word that holds the root of the tree of ranges. */
export function hmmRanges(hmm: Hmm): WordAt {
  return hmm + RANGES
}

/** The queue of those who wait for the end of invalidations, or of the address space. */
export function hmmQueue(hmm: Hmm): WordAt {
  return hmm + QUEUE
}

export function hmmNotifier(hmm: Hmm): Classic {
  return (hmm + NOTIFIER) as Classic
}

/** Subscriptions' lock held: that is what keeps the record from being freed meanwhile. */
function getUnlessGone(task: Task, hmm: Hmm): boolean {
  for (;;) {
    const refs = atomicLoad(task, hmm + REFS)
    if (refs === 0) return false
    if (atomicCas(task, hmm + REFS, refs, refs + 1) === refs) return true
  }
}
