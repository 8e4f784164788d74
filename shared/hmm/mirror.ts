/**
 * Mirrors: one device's view of one address space. The record a driver works with: its subscription, its update lock, its
 * mirror page table and words of its own.
 *
 *   word   0 .. 15        16     17 .. 31   32       33   34     35     36         37, 38            39, 40, 46, 47  48 .......... 79
 *        +--------------+------+----------+--------+----+------+------+----------+-----------------+-----------+-----------------+
 *        | subscription | LOCK | pad      | DEVICE | MM | ROOT | REFS | INSTANCE | STATE, ACCEPTED | HMM, NEXT | driver's words  |
 *        +--------------+------+----------+--------+----+------+------+----------+-----------------+-----------+-----------------+
 *
 *   LOCK       the driver's update lock (mutex, class `driver`): taken by its callback, and held when it installs entries.
 *   DEVICE, MM, ROOT   immutable. INSTANCE: how the hardware names the context; written once, under the device's lock.
 *   REFS       holders of the record. Atomic.
 *   STATE      LIVE -> DEAD once, when it is detached or its mm exits. Atomic.
 *   ACCEPTED   1 once the driver's attach said yes. Written before anybody else knows the mirror.
 *   HMM, NEXT  era range-valid, words 46, 47: the hmm it is a mirror of, 0 if none, and the next mirror of that. Guarded by its
 *              mirrors_sem. Era events, words 39, 40: the same for its hmm (hmm/eventhmm.ts, which says under which lock); that is
 *              written once, before the hardware knows the mirror.
 *   NOTES      word 41: the driver's notes about pages (hmm/pagenotes.ts), 0 for none. Guarded by LOCK.
 *   driver's words   guarded by LOCK, or by whatever rule the driver states.
 */
import { allocObject, freeObject, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { LAST_VPN } from '../mm/vma.ts'
import { type Mm, mmDrop, mmGrab } from '../notifier/mmhead.ts'
import type { Sub } from '../notifier/subscriptions.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { DRIVER } from '../sync/classes.ts'
import { assertHeld } from '../sync/held.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../sync/mutex.ts'
import { type Directory, NO_DIRECTORY } from './directory.ts'
import { type Geometry, geometryFor } from './geometry.ts'
import type { TableView } from './iterator.ts'
import { keepDirectories } from './kept.ts'
import { MIRROR_HW_READ, MIRROR_HW_WRITE } from './mirrorpte.ts'
import { createTable, freeTable } from './table.ts'

/** Word index of a mirror: what one device sees of one address space. Counted; getMirror and putMirror of `dev`. */
export type Mirror = WordAt & { readonly brand: 'mirror' }
export const NO_MIRROR = 0 as Mirror

const LOCK = 16
const DEVICE = 32
const MM = 33
const ROOT = 34
const REFS = 35
const INSTANCE = 36
const STATE = 37
const ACCEPTED = 38
const HMM = 46
const HMM_NEXT = 47
const EVENT_HMM = 39
const EVENT_NEXT = 40
const NOTES = 41
const DRIVER_WORDS_AT = 48
/** Words of its own that a driver has in each mirror. */
export const MIRROR_DRIVER_WORDS = 32

export const MIRROR_KIND = objectKind(10, 'mirror', DRIVER_WORDS_AT + MIRROR_DRIVER_WORDS)

/** STATE of a mirror that is not dead. */
export const MIRROR_LIVE = 1
const DEAD = 2

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const MIRROR_AT = { lock: LOCK, mm: MM, root: ROOT, state: STATE } as const

/** Every mirror here reaches a whole address space. */
export const MIRROR_GEOMETRY: Geometry = geometryFor(LAST_VPN)

/**
 * A mirror with one reference that subscribes to nothing yet. NO_MIRROR when memory is out. It keeps the mm's record: who has a
 * reference to a mirror that is being closed may still ask whether its mm has users. Caller is one.
 */
export function createMirror(task: Task, device: number, mm: Mm): Mirror {
  const mirror = allocObject(task, MIRROR_KIND) as Mirror
  if (mirror === NO_MIRROR) return NO_MIRROR
  const root = createTable(task, MIRROR_GEOMETRY)
  if (root === NO_DIRECTORY) {
    freeObject(task, MIRROR_KIND, mirror)
    return NO_MIRROR
  }
  mmGrab(task, mm)
  put(task, mirror + DEVICE, device)
  put(task, mirror + MM, mm)
  put(task, mirror + ROOT, root)
  put(task, mirror + INSTANCE, -1)
  atomicStore(task, mirror + REFS, 1)
  atomicStore(task, mirror + STATE, MIRROR_LIVE)
  return mirror
}

/** Takes a reference unless the last one is gone. Caller holds the lock of a table that names the mirror. */
export function mirrorGetUnlessGone(task: Task, mirror: Mirror): boolean {
  for (;;) {
    const refs = atomicLoad(task, mirror + REFS)
    if (refs === 0) return false
    if (atomicCas(task, mirror + REFS, refs, refs + 1) === refs) return true
  }
}

/** Drops a reference; true when it was the last, and the caller must end the mirror (device/attach.ts). */
export function mirrorPutTest(task: Task, mirror: Mirror): boolean {
  const before = atomicAdd(task, mirror + REFS, -1)
  assert(before > 0, 'a mirror is put by who holds it')
  return before === 1
}

/** Has the mirror's table keep empty directories for `ms`; actor `keeper` ends that. Only the opener knows the mirror yet. */
export function mirrorKeepDirectories(task: Task, mirror: Mirror, ms: number, keeper: number): void {
  keepDirectories(task, mirrorRoot(task, mirror), ms, keeper)
}

/** Frees the record of a mirror without references, and its table. It subscribes to nothing, and nobody walks the table. */
export function freeMirror(task: Task, mirror: Mirror): void {
  freeTable(task, mirrorTable(task, mirror))
  mmDrop(task, mirrorMm(task, mirror))
  freeObject(task, MIRROR_KIND, mirror)
}

/** Remembers that the driver accepted the mirror: its detach is owed. Only the opener knows the mirror yet. */
export function mirrorSetAccepted(task: Task, mirror: Mirror): void {
  put(task, mirror + ACCEPTED, 1)
}

export function mirrorAccepted(task: Task, mirror: Mirror): boolean {
  return get(task, mirror + ACCEPTED) === 1
}

/** The hmm the mirror belongs to (era events); 0 for none. */
export function mirrorEventHmm(task: Task, mirror: Mirror): WordAt {
  return get(task, mirror + EVENT_HMM)
}

export function mirrorSetEventHmm(task: Task, mirror: Mirror, hmm: WordAt): void {
  put(task, mirror + EVENT_HMM, hmm)
}

/**
 * Bits that the hardware wants to see on a valid entry before it uses it: none, where a driver installs entries itself; where HMM
 * fills the table, those that say that the driver's update() has shown it the entry.
 */
export function mirrorShown(task: Task, mirror: Mirror, write: boolean): number {
  if (mirrorEventHmm(task, mirror) === 0) return 0
  return write ? MIRROR_HW_READ | MIRROR_HW_WRITE : MIRROR_HW_READ
}

/** Link of the hmm's list of mirrors. */
export function mirrorEventNextAt(mirror: Mirror): WordAt {
  return mirror + EVENT_NEXT
}

/** Word that names the first block of the driver's notes about pages. Update lock held. */
export function mirrorNotesAt(mirror: Mirror): WordAt {
  return mirror + NOTES
}

/** The mirror's subscription: its first words. */
export function mirrorSub(mirror: Mirror): Sub {
  return mirror as WordAt as Sub
}

/** Number of the device. */
export function mirrorDevice(task: Task, mirror: Mirror): number {
  return get(task, mirror + DEVICE)
}

export function mirrorMm(task: Task, mirror: Mirror): Mm {
  return get(task, mirror + MM) as Mm
}

export function mirrorRoot(task: Task, mirror: Mirror): Directory {
  return get(task, mirror + ROOT) as Directory
}

export function mirrorTable(task: Task, mirror: Mirror): TableView {
  return { geometry: MIRROR_GEOMETRY, root: mirrorRoot(task, mirror) }
}

/** Gives the mirror its number in hardware. Device lock held. */
export function mirrorSetInstance(task: Task, mirror: Mirror, instance: number): void {
  put(task, mirror + INSTANCE, instance)
}

export function mirrorInstance(task: Task, mirror: Mirror): number {
  return get(task, mirror + INSTANCE)
}

export function mirrorIsLive(task: Task, mirror: Mirror): boolean {
  return atomicLoad(task, mirror + STATE) === MIRROR_LIVE
}

/** Marks the mirror dead: faults on it are refused from now on. True for the caller that did it. */
export function mirrorKill(task: Task, mirror: Mirror): boolean {
  return atomicCas(task, mirror + STATE, MIRROR_LIVE, DEAD) === MIRROR_LIVE
}

/** Word that names the hmm the mirror is registered with (hmm/hmm.ts). */
export function mirrorHmmAt(mirror: Mirror): WordAt {
  return mirror + HMM
}

/** Word that names the next mirror of the same hmm. */
export function mirrorNextAt(mirror: Mirror): WordAt {
  return mirror + HMM_NEXT
}

/** Word `index` of the driver's own words in this mirror. */
export function mirrorWord(mirror: Mirror, index: number): WordAt {
  assert(index >= 0 && index < MIRROR_DRIVER_WORDS, `a driver has ${MIRROR_DRIVER_WORDS} words per mirror`)
  return mirror + DRIVER_WORDS_AT + index
}

/** Takes the mirror's update lock. May sleep. */
export function mirrorLock(task: Task, mirror: Mirror): void {
  mutexLock(task, mirror + LOCK, DRIVER)
}

/** Tries to take the update lock: all that a callback may do when its range is not blockable. */
export function mirrorTryLock(task: Task, mirror: Mirror): boolean {
  return mutexTryLock(task, mirror + LOCK, DRIVER)
}

export function mirrorUnlock(task: Task, mirror: Mirror): void {
  mutexUnlock(task, mirror + LOCK)
}

export function assertMirrorLocked(task: Task, mirror: Mirror): void {
  assertHeld(task, mirror + LOCK, "the mirror's update lock")
}
