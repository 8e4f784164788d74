/**
 * Locks as the pass takes them: the step that succeeds where nobody is in the way. Whatever else there is to do, to wait, to queue, to
 * wake, is done by the very functions of shared/sync, which the host hands in. The words are theirs, and so are the transitions.
 *
 *   owner word    0 -> me, me -> 0                                    sync/ownerword.ts: take, drop
 *   rwsem         +READER, while nobody writes or waits; -READER      sync/rwsem.ts: downRead, upRead
 *   users of mm   n -> n + 1, n > 0; n -> n - 1, n > 1                notifier/mmhead.ts, mm/exit.ts: the last one ends the mm
 */
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from './atomics'
import {
  ACTOR_RCU, MM_USERS, RCU_EPOCH, RCU_NESTING_BITS, RCU_WAITERS, RWSEM_HANDOFF, RWSEM_READER, RWSEM_WAITERS, RWSEM_WRITER,
} from './layout'

@external("host", "ownerTake")
declare function ownerTakeSlowly(word: u32): void
@external("host", "ownerDrop")
declare function ownerDropSlowly(word: u32): void
@external("host", "downRead")
declare function downReadSlowly(word: u32): void
@external("host", "readerLeft")
declare function readerLeft(word: u32): void
@external("host", "mmPut")
declare function mmPutSlowly(word: u32): void
@external("host", "rcuLeft")
declare function rcuLeft(): void

/** Returns with the owner word at `lock` taken by `me` (actor + 1). May wait. */
@inline
export function take(lock: u32, me: i32): void {
  if (atomicCas(lock, 0, me) != 0) ownerTakeSlowly(lock >> 2)
}

/** Gives the owner word up, and wakes the oldest waiter. */
@inline
export function drop(lock: u32, me: i32): void {
  if (atomicCas(lock, me, 0) != me) ownerDropSlowly(lock >> 2)
}

/** Takes the rwsem at `sem` for reading. May wait. */
@inline
export function downRead(sem: u32): void {
  const count = atomicLoad(sem)
  if ((count & (RWSEM_WRITER | RWSEM_WAITERS | RWSEM_HANDOFF)) != 0 || atomicCas(sem, count, count + RWSEM_READER) != count)
    downReadSlowly(sem >> 2)
}

/** Drops it. The last reader wakes who waits. */
@inline
export function upRead(sem: u32): void {
  const count = atomicAdd(sem, -RWSEM_READER) - RWSEM_READER
  if (count < RWSEM_READER && (count & RWSEM_WAITERS) != 0) readerLeft(sem >> 2)
}

/** Becomes a user of the mm. False: it has none any more, or they come and go at this moment. */
@inline
export function mmGet(mm: u32): bool {
  const users = atomicLoad(mm + MM_USERS)
  return users != 0 && atomicCas(mm + MM_USERS, users, users + 1) == users
}

/** Is a user no longer; the last one ends the mm. No lock held. */
@inline
export function mmPut(mm: u32): void {
  const users = atomicLoad(mm + MM_USERS)
  if (users == 1 || atomicCas(mm + MM_USERS, users, users - 1) != users) mmPutSlowly(mm >> 2)
}

/** Enters a section of rcu; the actor is in none. */
@inline
export function rcuReadLock(actor: u32): void {
  atomicStore(actor + ACTOR_RCU, (atomicLoad(RCU_EPOCH) << RCU_NESTING_BITS) | 1)
}

/** Leaves it, and wakes who waits for the end of sections. */
@inline
export function rcuReadUnlock(actor: u32): void {
  atomicStore(actor + ACTOR_RCU, 0)
  if (atomicLoad(RCU_WAITERS) != 0) rcuLeft()
}
