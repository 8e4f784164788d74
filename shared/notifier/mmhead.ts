/**
 * The head of an address space: all that the notifier room, and a driver, may know of an mm. The rest of the record is in
 * shared/mm.
 *
 *   word   0       1       2      3     4 .. 15    16 .......... 31    32 ................ 63    64 ........... 95
 *        +-------+-------+------+-----+----------+-------------------+-----------------------+-------------------+
 *        | COUNT | USERS | ASID | HMM | pad      | MMAP_SEM          | subscriptions         | classic notifiers |
 *        +-------+-------+------+-----+----------+-------------------+-----------------------+-------------------+
 *
 *   COUNT      holders of the record itself (kernel: mm_count). The last one frees it. Atomic.
 *   USERS      holders of the address space (mm_users): at 0 it is torn down. All users together hold one COUNT. Atomic.
 *   ASID       process number; immutable while the record lives.
 *   HMM        what mirrors of this address space share, in eras that have such a record: range-valid (hmm/hmm.ts; guarded by the
 *              lock of the subscriptions) and events (hmm/eventhmm.ts; under MMAP_SEM). 0 if none.
 *   MMAP_SEM   rwsem, class `mmapSem`: the outermost lock of everything that looks at or changes the address space.
 */
import type { WordAt } from '../memory/words.ts'
import { atomicAdd, atomicCas, atomicLoad } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { lookupOp, opKey } from '../seam/optable.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'

/** Word index of an address space (kernel: mm_struct). */
export type Mm = WordAt & { readonly brand: 'mm' }
export const NO_MM = 0 as Mm

export const MM_COUNT = 0
export const MM_USERS = 1
export const MM_ASID = 2
const HMM = 3
const MMAP_SEM = 16
const SUBSCRIPTIONS = 32
const CLASSIC = 64
export const MM_HEAD_WORDS = 96

export function mmapSem(mm: Mm): WordAt {
  return mm + MMAP_SEM
}

/** Word that names the hmm of the mm; 0 for none. */
export function mmHmmAt(mm: Mm): WordAt {
  return mm + HMM
}

/** Word index of the mm's subscriptions (notifier/subscriptions.ts). */
export function mmSubscriptions(mm: Mm): WordAt {
  return mm + SUBSCRIPTIONS
}

/** Word index of the mm's classic notifiers (notifier/classic.ts). */
export function mmClassic(mm: Mm): WordAt {
  return mm + CLASSIC
}

/** Process number of the mm. */
export function mmAsid(task: Task, mm: Mm): number {
  return get(task, mm + MM_ASID)
}

/** Keeps the record (not the address space) alive. Caller knows a holder. */
export function mmGrab(task: Task, mm: Mm): void {
  assert(atomicAdd(task, mm + MM_COUNT, 1) > 0, 'an mm is grabbed while somebody holds it')
}

/** Frees the record of an mm whose last holder is gone; registered by shared/mm under index 0. */
export const MM_FREE = opKey<(task: Task, mm: Mm) => void>('mm free')

/** Drops a hold on the record; the last one frees it. */
export function mmDrop(task: Task, mm: Mm): void {
  const before = atomicAdd(task, mm + MM_COUNT, -1)
  assert(before > 0, 'an mm is dropped by who holds it')
  if (before === 1) lookupOp(task, MM_FREE, 0)(task, mm)
}

/** Becomes a user of the address space unless it is already being torn down; false then (kernel: mmget_not_zero). */
export function mmGetNotZero(task: Task, mm: Mm): boolean {
  for (;;) {
    const users = atomicLoad(task, mm + MM_USERS)
    if (users === 0) return false
    if (atomicCas(task, mm + MM_USERS, users, users + 1) === users) return true
  }
}

export function mmUsers(task: Task, mm: Mm): number {
  return atomicLoad(task, mm + MM_USERS)
}
