/**
 * Device faults in progress, and the rule between them and changes of the address space: the CPU always wins. A fault that is on
 * the list when an invalidation of its pages starts is told to back off, and the invalidation waits until it has left the list,
 * not longer; a fault does not begin while an invalidation of its pages is running (notifier/active.ts draws why none is missed).
 *
 *   record   word  0  NEXT      1, 2  START, LAST    3  BACKOFF    4  ACTOR    5  MIRROR
 *
 *   list and all words but BACKOFF: under the hmm's fault lock. BACKOFF, atomic: 0, or actor + 1 whose change sends it back.
 *
 * So what a fault reads from the CPU page table stays true while it is on the list: a publication precedes the withdrawal of
 * the same page, and the two never run at once.
 *
 *     device fault                             munmap
 *     on the list
 *     reads the entry of page P
 *                                              start: finds the fault, BACKOFF = 1, sleeps
 *     fills the mirror table
 *     BACKOFF: does not publish
 *     leaves the list
 *                                              update(): P withdrawn; then the table is cleared
 *                                              P is freed                          [Required: the device never had P]
 *     begins again: waits for the end
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { rangeInactive, rangeWaitActive } from '../notifier/active.ts'
import { ORIGIN } from '../seam/actors.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { WAIT } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { HMM_FAULTS } from '../sync/classes.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { waitUntil, wakeAll } from '../sync/waitqueue.ts'
import type { HmmEvent } from './event.ts'
import { type Hmm, hmmFaultLock, hmmFaultQueue, hmmFaultsAt, hmmMm } from './eventhmm.ts'
import { type Mirror, NO_MIRROR } from './mirror.ts'

/** A fault that is, or will be, on the list. */
export type ActiveFault = WordAt & { readonly brand: 'active device fault' }
export const NO_FAULT = 0 as ActiveFault

const NEXT = 0
const START = 1
const LAST = 2
const BACKOFF = 3
const ACTOR = 4
const MIRROR = 5
export const FAULT_KIND = objectKind(17, 'device fault', 16)

/** A record for faults of `mirror`. NO_FAULT when memory is out. */
export function createFault(task: Task, mirror: Mirror): ActiveFault {
  const fault = allocObject(task, FAULT_KIND) as ActiveFault
  if (fault === NO_FAULT) return NO_FAULT
  put(task, fault + MIRROR, mirror)
  put(task, fault + ACTOR, task.id)
  return fault
}

export function freeFault(task: Task, fault: ActiveFault): void {
  freeObject(task, FAULT_KIND, fault)
}

/**
 * Puts the fault over pages [start, last] on the list, as soon as no invalidation overlaps it. Sleeps. mmap_sem held for reading,
 * no lock that a section between start and end takes. deviceFaultEnd follows.
 */
export function deviceFaultStart(task: Task, hmm: Hmm, fault: ActiveFault, start: number, last: number): void {
  const mm = hmmMm(task, hmm)
  put(task, fault + START, start | 0)
  put(task, fault + LAST, last | 0)
  for (;;) {
    rangeWaitActive(task, mm, start, last)
    spinLock(task, hmmFaultLock(hmm), HMM_FAULTS)
    const inactive = rangeInactive(task, mm, start, last)
    if (inactive) {
      atomicStore(task, fault + BACKOFF, 0)
      put(task, fault + NEXT, get(task, hmmFaultsAt(hmm)))
      put(task, hmmFaultsAt(hmm), fault)
    }
    spinUnlock(task, hmmFaultLock(hmm))
    if (inactive) return
  }
}

/** Takes the fault off the list and lets go on who waits for that. */
export function deviceFaultEnd(task: Task, hmm: Hmm, fault: ActiveFault): void {
  spinLock(task, hmmFaultLock(hmm), HMM_FAULTS)
  let at: WordAt = hmmFaultsAt(hmm)
  while (get(task, at) !== fault) {
    at = get(task, at) + NEXT
    assert(at !== NEXT, 'a fault that ends is on the list')
  }
  put(task, at, get(task, fault + NEXT))
  spinUnlock(task, hmmFaultLock(hmm))
  wakeAll(task, hmmFaultQueue(hmm))
}

/** Must the fault give way? Asked before each table and before publishing. */
export function mustBackOff(task: Task, fault: ActiveFault): boolean {
  return atomicLoad(task, fault + BACKOFF) !== 0
}

/** Actor whose change sent the fault back; -1 if none did. */
export function backedOffFor(task: Task, fault: ActiveFault): number {
  return atomicLoad(task, fault + BACKOFF) - 1
}

/**
 * Sends all overlapping faults back (with `mirror`: its own only) and sleeps until they have left the list. False if there was one
 * and the event does not allow to sleep. Called while no such fault can begin: inside the window, or with the mirror dead.
 */
export function waitDeviceFault(task: Task, hmm: Hmm, event: HmmEvent, mirror: Mirror = NO_MIRROR): boolean {
  if (!sendBack(task, hmm, event, mirror)) return true
  if (!event.blockable) return false
  waitUntil(task, hmmFaultQueue(hmm), WAIT.backoff, hmm, () => !sendBack(task, hmm, event, mirror))
  return true
}

/** Tells overlapping faults to back off. True if there is one. */
function sendBack(task: Task, hmm: Hmm, event: HmmEvent, mirror: Mirror): boolean {
  const origin = task.words[task.record + ORIGIN] as number
  let found = false
  spinLock(task, hmmFaultLock(hmm), HMM_FAULTS)
  eachFault(task, hmm, (fault) => {
    const start = get(task, fault + START) >>> 0
    const last = get(task, fault + LAST) >>> 0
    if (last < event.start || event.end <= start) return
    if (mirror !== NO_MIRROR && get(task, fault + MIRROR) !== mirror) return
    assert(get(task, fault + ACTOR) !== origin, 'a device fault does not change the pages that it is about to show')
    atomicStore(task, fault + BACKOFF, origin + 1)
    found = true
  })
  spinUnlock(task, hmmFaultLock(hmm))
  return found
}

function eachFault(task: Task, hmm: Hmm, visit: (fault: ActiveFault) => void): void {
  for (let fault = get(task, hmmFaultsAt(hmm)); fault !== NO_FAULT; fault = get(task, fault + NEXT)) visit(fault as ActiveFault)
}

/** Faults that one address space has in progress at most: one for each actor. */
const MOST_FAULTS = 64

/** Actors with a fault on the list, for reports: a snapshot of words that others change. */
export function faultActors(task: Task, hmm: Hmm): number[] {
  const actors: number[] = []
  let fault = task.words[hmmFaultsAt(hmm)] as number
  for (; fault !== NO_FAULT && actors.length < MOST_FAULTS; fault = task.words[fault + NEXT] as number)
    actors.push(task.words[fault + ACTOR] as number)
  return actors
}
