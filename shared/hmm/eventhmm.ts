/**
 * struct hmm (2016): what the mirrors of one address space share. Made with the first mirror, unregistered with the last.
 *
 *   word   0 .. 7      8    9         10        11     12       13     16 .......... 31   32 .. 34
 *        +-----------+----+---------+---------+------+--------+------+------------------+---------+
 *        | notifier  | MM | MIRRORS | STOPPED | REFS | FAULTS | LOCK | MIRRORS_SEM      | queue   |
 *        +-----------+----+---------+---------+------+--------+------+------------------+---------+
 *
 *   notifier      its classic notifier (notifier/classic.ts): one for all mirrors. MM: immutable.
 *   MIRRORS       mirrors that hear of events. Under MIRRORS_SEM (rwsem, class `hmmMirrors`): events hold it for reading, who
 *                 adds or kills a mirror for writing.
 *   STOPPED       1 once the address space has ended. Written under MIRRORS_SEM.
 *   REFS          mirror records that name it. Atomic; the last one frees it.
 *   FAULTS        device faults in progress, under LOCK (spin, class `hmmFaults`); queue: who waits for one to end
 *                 (hmm/activefault.ts).
 *
 * The address space's head names its hmm; changed with mmap_sem held for writing.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import { EINVAL, ENOMEM } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { type Classic, classicCookie, classicRegister, classicUnregister } from '../notifier/classic.ts'
import { type Mm, mmapSem, mmDrop, mmGrab, mmHmmAt } from '../notifier/mmhead.ts'
import { atomicAdd } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { HMM_MIRRORS, MMAP_SEM } from '../sync/classes.ts'
import { assertHeld } from '../sync/held.ts'
import { downRead, downReadTry, downWrite, RWSEM_WORDS, upRead, upWrite } from '../sync/rwsem.ts'
import { WAIT_QUEUE_WORDS } from '../sync/waitqueue.ts'
import { type Mirror, mirrorDevice, mirrorEventNextAt, mirrorMm, mirrorSetEventHmm, NO_MIRROR } from './mirror.ts'

export type Hmm = WordAt & { readonly brand: 'hmm' }
export const NO_HMM = 0 as Hmm

const MM = 8
const MIRRORS = 9
const STOPPED = 10
const REFS = 11
const FAULTS = 12
const LOCK = 13
const MIRRORS_SEM = 16
const QUEUE = MIRRORS_SEM + RWSEM_WORDS
export const HMM_KIND = objectKind(16, 'hmm of 2016', QUEUE + WAIT_QUEUE_WORDS)

/** Number of HMM's callbacks among the classic notifiers' (CLASSIC_OPS). */
export const HMM_NOTIFIER = 63

/**
 * Adds a mirror to the hmm of its address space, which is made if there is none. 0; -EINVAL when this device mirrors it already or
 * the address space is ending; -ENOMEM. Events may arrive before it returns. Caller is a user of the mm, no lock held; may sleep.
 */
export function hmmJoin(task: Task, mirror: Mirror): number {
  const mm = mirrorMm(task, mirror)
  downWrite(task, mmapSem(mm), MMAP_SEM)
  const hmm = findOrCreate(task, mm)
  const result = typeof hmm === 'number' && hmm <= 0 ? hmm : link(task, hmm as Hmm, mirror)
  upWrite(task, mmapSem(mm))
  return result
}

/** mmap_sem held for writing. The hmm, or a negative errno. */
function findOrCreate(task: Task, mm: Mm): Hmm | number {
  const there = get(task, mmHmmAt(mm)) as Hmm
  if (there !== NO_HMM) return there
  const hmm = allocObject(task, HMM_KIND) as Hmm
  if (hmm === NO_HMM) return -ENOMEM
  put(task, hmm + MM, mm)
  const refused = classicRegister(task, hmm as WordAt as Classic, mm, HMM_NOTIFIER, hmm)
  if (refused !== 0) {
    freeObject(task, HMM_KIND, hmm)
    return refused
  }
  mmGrab(task, mm) // for as long as a mirror may want to leave, which is after the end of the address space, too
  put(task, mmHmmAt(mm), hmm)
  return hmm
}

/** mmap_sem held for writing. */
function link(task: Task, hmm: Hmm, mirror: Mirror): number {
  downWrite(task, hmm + MIRRORS_SEM, HMM_MIRRORS)
  let twice = get(task, hmm + STOPPED) === 1
  eachMirror(task, hmm, (other) => {
    if (mirrorDevice(task, other) === mirrorDevice(task, mirror)) twice = true
  })
  if (!twice) {
    put(task, mirrorEventNextAt(mirror), get(task, hmm + MIRRORS))
    put(task, hmm + MIRRORS, mirror)
    mirrorSetEventHmm(task, mirror, hmm)
    atomicAdd(task, hmm + REFS, 1)
  }
  upWrite(task, hmm + MIRRORS_SEM)
  return twice ? -EINVAL : 0
}

/**
 * Takes a mirror off the list: no event reaches it from now on. False if it was not on it. MIRRORS_SEM held for writing.
 */
export function hmmUnlink(task: Task, hmm: Hmm, mirror: Mirror): boolean {
  assertHeld(task, hmm + MIRRORS_SEM, 'the lock of the mirror list')
  let at: WordAt = hmm + MIRRORS
  while (get(task, at) !== NO_MIRROR && get(task, at) !== mirror) at = mirrorEventNextAt(get(task, at) as Mirror)
  if (get(task, at) === NO_MIRROR) return false
  put(task, at, get(task, mirrorEventNextAt(mirror)))
  return true
}

/** Ends the subscription of an hmm whose last mirror is off the list. No lock held; sleeps until running callbacks are done. */
export function hmmLeave(task: Task, hmm: Hmm): void {
  const mm = hmmMm(task, hmm)
  downWrite(task, mmapSem(mm), MMAP_SEM)
  const last = get(task, mmHmmAt(mm)) === hmm && get(task, hmm + MIRRORS) === NO_MIRROR
  if (last) put(task, mmHmmAt(mm), NO_HMM)
  upWrite(task, mmapSem(mm))
  if (last) classicUnregister(task, hmm as WordAt as Classic)
}

/** The record of a mirror that named it goes. The last one frees it. */
export function hmmPut(task: Task, hmm: Hmm): void {
  const before = atomicAdd(task, hmm + REFS, -1)
  assert(before > 0, 'an hmm is put by a mirror that names it')
  if (before > 1) return
  mmDrop(task, hmmMm(task, hmm))
  freeObject(task, HMM_KIND, hmm)
}

/** The hmm of a notifier callback. */
export function hmmOfNotifier(task: Task, notifier: Classic): Hmm {
  return classicCookie(task, notifier) as Hmm
}

export function hmmMm(task: Task, hmm: Hmm): Mm {
  return get(task, hmm + MM) as Mm
}

/** Has the address space ended? MIRRORS_SEM held. */
export function hmmStopped(task: Task, hmm: Hmm): boolean {
  return get(task, hmm + STOPPED) === 1
}

/** MIRRORS_SEM held for writing. */
export function hmmStop(task: Task, hmm: Hmm): void {
  put(task, hmm + STOPPED, 1)
}

/** The first mirror on the list, or NO_MIRROR. MIRRORS_SEM held. */
export function firstMirror(task: Task, hmm: Hmm): Mirror {
  return get(task, hmm + MIRRORS) as Mirror
}

/** Every mirror on the list. MIRRORS_SEM held. */
export function eachMirror(task: Task, hmm: Hmm, visit: (mirror: Mirror) => void): void {
  for (let mirror = firstMirror(task, hmm); mirror !== NO_MIRROR; mirror = get(task, mirrorEventNextAt(mirror)) as Mirror)
    visit(mirror)
}

/** Keeps the list as it is. False only where it may not sleep. */
export function lockMirrorsShared(task: Task, hmm: Hmm, maySleep: boolean): boolean {
  if (!maySleep) return downReadTry(task, hmm + MIRRORS_SEM, HMM_MIRRORS)
  downRead(task, hmm + MIRRORS_SEM, HMM_MIRRORS)
  return true
}

export function unlockMirrorsShared(task: Task, hmm: Hmm): void {
  upRead(task, hmm + MIRRORS_SEM)
}

export function lockMirrors(task: Task, hmm: Hmm): void {
  downWrite(task, hmm + MIRRORS_SEM, HMM_MIRRORS)
}

export function unlockMirrors(task: Task, hmm: Hmm): void {
  upWrite(task, hmm + MIRRORS_SEM)
}

/** Word of the lock of the fault list. */
export function hmmFaultLock(hmm: Hmm): WordAt {
  return hmm + LOCK
}

/** Word of the head of the fault list. */
export function hmmFaultsAt(hmm: Hmm): WordAt {
  return hmm + FAULTS
}

export function hmmFaultQueue(hmm: Hmm): WordAt {
  return hmm + QUEUE
}
