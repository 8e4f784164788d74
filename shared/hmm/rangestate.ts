/**
 * The states of a range in the era range-valid: the state machine that the 2019 series meant (section 4.7), without the slip that it
 * shipped with (section 4.9, row 1: the end of an invalidation made a spoilt result valid again).
 *
 *                  register, nothing runs                 fill begins              fill succeeds
 *        IDLE ------------------------------> VALID ---------------> FILLING ---------------> FILLED
 *          |                                    ^                       |                        |
 *          | register, an invalidation runs     | the last end          | start touches          | start touches it
 *          +----------------------------> INVALID <---------------------+------------------------+
 *
 *        FILLING, FILLED -> FILLING    the driver fills again, because it wants more or the last fill failed
 *        any -> INVALID for ever       the address space has ended          any -> IDLE    unregister
 *
 * Only what was filled since the last start is valid. A start and its end that both fit into one walk of the page table spoil it,
 * too:
 *
 *     fault service                            invalidation of page P
 *     FILLING
 *     reads P's entry: frame A
 *                                              start: INVALID; callback: nothing to take away
 *                                              clears P's entry, frees A
 *                                              end: may be filled again
 *     walk is over: not FILLING any more
 *     begins again                             [Required: A is not installed]
 *
 * The step from INVALID to VALID is nobody's to take. A spoilt range notes the epoch of its hmm, which moves on when no invalidation
 * runs any more: INVALID in an epoch that is over counts as VALID. So an end visits no ranges, and a start only those that it
 * touches, by the interval tree. The epoch is of the whole mm, as `notifiers` was: a stream of invalidations elsewhere that leaves no
 * gap keeps a touched range INVALID, which is what the timeout of the wait is for (row 14).
 */
import { LAST_VPN } from '../mm/vma.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { intervalErase, intervalFirst, intervalInsert, intervalNext } from '../sync/intervaltree.ts'
import { type Hmm, hmmBusyEpoch, hmmEpoch, hmmIsDead, hmmRanges, lockHmm, NO_HMM, unlockHmm } from './hmm.ts'
import { nodeRange, type Range, rangeHmmAt, rangeNode, rangeValidityAt } from './range.ts'

export const RANGE_STATE = { idle: 0, valid: 1, filling: 2, filled: 3, invalid: 4 } as const

/** The hmm a range is registered with; NO_HMM while it is with none. */
export function rangeHmm(task: Task, range: Range): Hmm {
  return atomicLoad(task, rangeHmmAt(range)) as Hmm
}

/** A RANGE_STATE value. Changes without the hmm's lock as soon as it is read, but for FILLED and FILLING of one's own: they may fall. */
export function rangeState(task: Task, range: Range): number {
  const word = atomicLoad(task, rangeValidityAt(range))
  const state = word & STATE_MASK
  if (state !== RANGE_STATE.invalid) return state
  const hmm = rangeHmm(task, range)
  return word >>> STATE_BITS === hmmEpoch(task, hmm) || hmmIsDead(task, hmm) ? RANGE_STATE.invalid : RANGE_STATE.valid
}

/** VALIDITY: the state, and above it, if it is INVALID, the epoch that it was spoilt in. */
const STATE_BITS = 3
const STATE_MASK = (1 << STATE_BITS) - 1

/** INVALID until the invalidations of that epoch have ended. */
function spoiltIn(epoch: number): number {
  return (epoch << STATE_BITS) | RANGE_STATE.invalid
}

/** Enters a range for pages [first, last]. Caller gives it a reference of the hmm. */
export function rangeLink(task: Task, hmm: Hmm, range: Range, first: number, last: number): void {
  lockHmm(task, hmm)
  intervalInsert(task, hmmRanges(hmm), rangeNode(range), first, last)
  atomicStore(task, rangeHmmAt(range), hmm)
  const epoch = hmmBusyEpoch(task, hmm)
  atomicStore(task, rangeValidityAt(range), epoch === -1 ? RANGE_STATE.valid : spoiltIn(epoch))
  unlockHmm(task, hmm)
}

/** The counterpart. Its reference is the caller's again. */
export function rangeUnlink(task: Task, range: Range): void {
  const hmm = rangeHmm(task, range)
  lockHmm(task, hmm)
  intervalErase(task, hmmRanges(hmm), rangeNode(range))
  atomicStore(task, rangeValidityAt(range), RANGE_STATE.idle)
  unlockHmm(task, hmm)
  atomicStore(task, rangeHmmAt(range), NO_HMM)
}

/** A fill begins. False: not now, an invalidation that may have touched the range still runs. */
export function rangeFillBegins(task: Task, range: Range): boolean {
  const hmm = rangeHmm(task, range)
  lockHmm(task, hmm)
  const may = rangeState(task, range) !== RANGE_STATE.invalid
  if (may) atomicStore(task, rangeValidityAt(range), RANGE_STATE.filling)
  unlockHmm(task, hmm)
  return may
}

/** Has the fill that runs been spoilt? A no may be old when it is heard. */
export function rangeFillSpoilt(task: Task, range: Range): boolean {
  return atomicLoad(task, rangeValidityAt(range)) !== RANGE_STATE.filling
}

/** A fill was carried through. False: it was spoilt meanwhile. */
export function rangeFillEnds(task: Task, range: Range): boolean {
  const hmm = rangeHmm(task, range)
  lockHmm(task, hmm)
  const good = !rangeFillSpoilt(task, range)
  if (good) atomicStore(task, rangeValidityAt(range), RANGE_STATE.filled)
  unlockHmm(task, hmm)
  return good
}

/** May what was filled be used? Means something under the lock that the callback takes. */
export function rangeIsFilled(task: Task, range: Range): boolean {
  return atomicLoad(task, rangeValidityAt(range)) === RANGE_STATE.filled
}

/**
 * Spoils every range that shares a page with [first, last]. Lock of the hmm held, by an invalidation that is counted: so the epoch lasts
 * until its end; or when the address space has ended, and no epoch matters.
 */
export function spoilRanges(task: Task, hmm: Hmm, first = 0, last = LAST_VPN): void {
  const root = hmmRanges(hmm)
  const invalid = spoiltIn(hmmEpoch(task, hmm))
  for (let node = intervalFirst(task, root, first, last); node !== 0; node = intervalNext(task, root, node, first, last))
    atomicStore(task, rangeValidityAt(nodeRange(node)), invalid)
}
