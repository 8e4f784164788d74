/**
 * What lies between a driver and the notifiers, by era: how a mirror subscribes, and how the fill of a range is kept apart from the
 * invalidations that collide with it. Drivers see the functions below and not which protocol is behind them.
 *
 * The loop of a driver (section 4.7 of the 2019 series; Linux Documentation/mm/hmm.rst):
 *
 *     rangeRegister
 *     again:  rangeWait: false, give up              not with mmap_sem for writing, not with the update lock
 *             mmap_sem read, rangeFault, mmap_sem    -EBUSY: again
 *             update lock
 *             rangeValid? no: unlock, again
 *             install entries
 *             unlock
 *     rangeUnregister
 */
import { EFAULT, EINVAL } from '../memory/errno.ts'
import { PAGE_SHIFT } from '../memory/words.ts'
import { mmPut } from '../mm/exit.ts'
import { LAST_VPN } from '../mm/vma.ts'
import { mmGetNotZero } from '../notifier/mmhead.ts'
import { assert } from '../seam/error.ts'
import { ERA_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { ERAS, type Era, eraOf } from './era.ts'
import { EVENTS } from './eventera.ts'
import { type Mirror, mirrorIsLive, mirrorMm } from './mirror.ts'
import { type Range, rangeBind, rangeCapacity, rangeIsRegistered, rangeMirror, rangeMm, rangeRelease } from './range.ts'
import { RANGE_VALID } from './rangevalid.ts'
import { SEQUENCE } from './sequence.ts'

export interface Protocol {
  /** A new mirror wants to hear of invalidations. 0 or a negative errno. Caller is a user of the mm, no lock held; may sleep. */
  subscribe(task: Task, mirror: Mirror): number
  /** No callback for this mirror runs after it. No lock held that a callback takes; may sleep. */
  withdraw(task: Task, mirror: Mirror): void
  /** The mirror's record is about to be freed: what the protocol keeps in it goes. */
  ended?(task: Task, mirror: Mirror): void
  /** A range is bound to a mirror and a span. 0 or a negative errno. */
  register(task: Task, range: Range): number
  unregister(task: Task, range: Range): void
  /** A fill begins: sleeps while an invalidation of the range is running. False: give up. Neither mmap_sem nor a lock held. */
  wait(task: Task, range: Range): boolean
  /** A walk of the page tables begins. False: not now, begin again with `wait`. mmap_sem held. */
  fillBegins(task: Task, range: Range): boolean
  /** Has the fill been spoilt already? Asked during the walk and after it, without the update lock; a no may be old when it is heard. */
  disturbed(task: Task, range: Range): boolean
  /** The walk was carried through. False: it was spoilt meanwhile. mmap_sem held. */
  fillEnds(task: Task, range: Range): boolean
  /** May the entries be used? Update lock held, and kept until they are installed. */
  valid(task: Task, range: Range): boolean
  /** The callback of an invalidation is at work on the mirror, with the update lock held: fills before it are void. */
  invalidated(task: Task, mirror: Mirror, seq: number): void
  /** For code without ranges: the sequence that its read begins with. Sleeps while an invalidation runs that the reader would see. */
  readBegin(task: Task, mirror: Mirror): number
  /** Must what was read since readBegin be thrown away? Update lock held. */
  readRetry(task: Task, mirror: Mirror, seq: number): boolean
}

const PROTOCOLS: Readonly<Record<Era, Protocol>> = {
  events: EVENTS,
  'range-valid': RANGE_VALID,
  sequence: SEQUENCE,
  // The two passes lie below this, in the walk over the subscribers (notifier/secondpass.ts).
  'two-pass': SEQUENCE,
  // The difference is how a range is filled (hmm/unlocked.ts).
  'unlocked-timeout': SEQUENCE,
}

/** The same by the number of the era, as the machine has it. */
const BY_NUMBER: readonly (Protocol | undefined)[] = ERAS.map((era) => PROTOCOLS[era])

/** Eras that this build has: all there are, in the order of ERAS. */
export const ERAS_THERE = Object.keys(PROTOCOLS) as Era[]

/** The protocol of the machine's era. */
export function protocolOf(task: Task): Protocol {
  const protocol = BY_NUMBER[task.words[ERA_AT] as number]
  assert(protocol !== undefined, 'a machine is booted for an era that is there')
  return protocol
}

/**
 * Registers `range` for pages [start, start + pages) of the mirror's address space. 0; -EINVAL for a span that is empty, too large or
 * not made of whole pages of `pageShift`, which is PAGE_SHIFT but in the era range-valid; -EFAULT when the mirror is dead or its mm
 * has no users any more. On success the caller is a user of the mm until rangeUnregister.
 */
export function rangeRegister(
  task: Task,
  range: Range,
  mirror: Mirror,
  start: number,
  pages: number,
  pageShift = PAGE_SHIFT,
): number {
  assert(!rangeIsRegistered(task, range), 'a range is registered once at a time')
  if (pageShift !== PAGE_SHIFT && (eraOf(task) !== 'range-valid' || pageShift < PAGE_SHIFT)) return -EINVAL
  const unit = pageShift === PAGE_SHIFT ? 1 : 2 ** (pageShift - PAGE_SHIFT)
  if (!Number.isInteger(start / unit) || !Number.isInteger(pages / unit) || start < 0 || pages <= 0) return -EINVAL
  if (pages / unit > rangeCapacity(task, range) || start + pages - 1 > LAST_VPN) return -EINVAL
  const mm = mirrorMm(task, mirror)
  if (!mirrorIsLive(task, mirror) || !mmGetNotZero(task, mm)) return -EFAULT
  rangeBind(task, range, mirror, start, pages / unit, pageShift)
  const refused = protocolOf(task).register(task, range)
  if (refused === 0) return 0
  rangeRelease(task, range)
  mmPut(task, mm)
  return refused
}

/**
 * Begins a fill. Sleeps while an invalidation that the protocol counts for this range is running.
 * False when the mirror is dead: give up. Caller holds neither the update lock nor any other lock that a callback or a
 * start..end section takes.
 */
export function rangeWait(task: Task, range: Range): boolean {
  return protocolOf(task).wait(task, range)
}

/**
 * May the entries be used? Caller holds the update lock, and keeps it until they are installed. Never in a dead mirror:
 *
 *     fault service                            detach
 *                                              marks the mirror dead
 *                                              removes the subscription: no callback from now on
 *                                              update lock, empties the table, unlock
 *     update lock, sequence unchanged
 *     mirror is dead: false                    [Required: nothing is installed behind the emptying]
 */
export function rangeValid(task: Task, range: Range): boolean {
  return protocolOf(task).valid(task, range) && mirrorIsLive(task, rangeMirror(task, range))
}

/**
 * Ends the registration. The mm may have lost its last other user: then this tears it down, so no lock may be held that
 * a callback takes.
 */
export function rangeUnregister(task: Task, range: Range): void {
  assert(rangeIsRegistered(task, range), 'a range is unregistered once')
  protocolOf(task).unregister(task, range)
  rangeRelease(task, range)
  mmPut(task, rangeMm(task, range))
}
