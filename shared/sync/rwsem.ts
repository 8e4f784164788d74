/**
 * Read-write semaphore, fair as Linux's rwsem (kernel/locking/rwsem.c, 6.x), which mmap_sem is.
 *
 *   word   0       1        2 .. 4         5 .. 15
 *        +-------+--------+--------------+----------+
 *        | COUNT | OWNER  | actor queue  | pad      |
 *        +-------+--------+--------------+----------+
 *
 *   COUNT   bit 0 writer holds it · bit 1 somebody is queued · bit 2 handoff · bits 8.. number of readers. Atomic.
 *   OWNER   actor + 1 that holds it for writing; a hint for spinners and reports. Atomic.
 *   queue   FIFO of waiting actors; Q_MODE is MODE_READ or MODE_WRITE, Q_GRANT 1 once a reader was given the lock.
 *           Guarded by the queue's lock, but for Q_GRANT, which is atomic.
 *
 *   event                          COUNT
 *   read, nobody else waits        +READER
 *   read, writer or queue          +READER, seen to be wrong, -READER and queue (or steal, below)
 *   write, free                    0 -> WRITER
 *   last reader or writer leaves   -READER / -WRITER; WAITERS set: wake the front
 *   downgrade                      -WRITER +READER in one step, then wake the front readers
 *   front waiter lost twice        +HANDOFF: nobody may steal any more; cleared when the front gets the lock
 *
 * Fairness: a queued writer keeps new readers out (so a second read lock by the same actor can deadlock, and is reported in
 * checked builds); readers at the front are granted together, up to 256 of them, past writers in between; a waiter that was
 * woken twice and lost both times gets a handoff. The kernel decides the last by time (4 ms); we count, so that a schedule
 * alone determines what happens.
 */
import { EINTR } from '../memory/errno.ts'
import type { WordAt } from '../memory/words.ts'
import { actorAt, Q_GRANT, Q_LOST } from '../seam/actors.ts'
import { atomicAdd, atomicAnd, atomicCas, atomicLoad, atomicOr, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { isAsleep, isKilled, park, WAIT, wake } from '../seam/park.ts'
import { tick } from '../seam/point.ts'
import { coreIsFree } from '../seam/spin.ts'
import type { Task } from '../seam/task.ts'
import type { LockClass } from './classes.ts'
import { assertHeldExclusive, assertMaySleep, checkOrder, popHeld, pushHeld } from './held.ts'
import { queueAppend, queueFirst, queueLock, queueMode, queueNext, queueRemove, queueUnlock } from './queue.ts'

/** Words of an rwsem. Zeroed, it is free. */
export const RWSEM_WORDS = 16
const COUNT = 0
const OWNER = 1
const QUEUE = 2

const WRITER = 1
const WAITERS = 2
const HANDOFF = 4
const READER = 1 << 8

/** What COUNT is made of, for the module (hmm/modulelayout.ts). */
export const RWSEM_COUNT = { at: COUNT, writer: WRITER, waiters: WAITERS, handoff: HANDOFF, reader: READER } as const

const MODE_READ = 1
const MODE_WRITE = 2
/** Readers granted in one go, as the kernel's MAX_READERS_WAKEUP. */
const MAX_GRANT = 256
/** Wake-ups that may end without the lock before a handoff is asked for. */
const LOST_WAKEUPS = 2
/** Looks at a running writer before queueing: about a microsecond of atomic loads. */
const SPIN_TRIES = 50

/** Takes `sem` for reading. May sleep. Not recursive. */
export function downRead(task: Task, sem: WordAt, cls: LockClass): void {
  if (task.checked) beforeWait(task, sem, cls)
  takeRead(task, sem, cls, false)
}

/** As downRead, but returns -EINTR, without the lock, when this actor is killed while it waits. 0 otherwise. */
export function downReadKillable(task: Task, sem: WordAt, cls: LockClass): number {
  if (task.checked) beforeWait(task, sem, cls)
  return takeRead(task, sem, cls, true) ? 0 : -EINTR
}

/** Takes `sem` for reading if that needs no waiting; fails also when somebody is queued. */
export function downReadTry(task: Task, sem: WordAt, cls: LockClass): boolean {
  for (;;) {
    const count = atomicLoad(task, sem + COUNT)
    if ((count & (WRITER | WAITERS | HANDOFF)) !== 0) return false
    if (atomicCas(task, sem + COUNT, count, count + READER) === count) {
      pushHeld(task, cls, sem, true)
      return true
    }
  }
}

/** Drops a read hold. */
export function upRead(task: Task, sem: WordAt): void {
  popHeld(task, sem)
  if (task.halting) return
  const count = atomicAdd(task, sem + COUNT, -READER) - READER
  assert(count >= 0, 'a reader leaves a semaphore that it holds')
  if (count < READER && (count & (WRITER | WAITERS)) === WAITERS) wakeFront(task, sem)
}

/** The rest of upRead for a last reader that has left by itself (hmm/module.ts), and saw somebody wait. */
export function lastReaderLeft(task: Task, sem: WordAt): void {
  wakeFront(task, sem)
}

/** Takes `sem` for writing. May sleep. */
export function downWrite(task: Task, sem: WordAt, cls: LockClass): void {
  if (task.checked) beforeWait(task, sem, cls)
  takeWrite(task, sem, cls, false)
}

/** As downWrite, but returns -EINTR, without the lock, when this actor is killed while it waits. 0 otherwise. */
export function downWriteKillable(task: Task, sem: WordAt, cls: LockClass): number {
  if (task.checked) beforeWait(task, sem, cls)
  return takeWrite(task, sem, cls, true) ? 0 : -EINTR
}

/** Takes `sem` for writing if it is free and nobody is queued. */
export function downWriteTry(task: Task, sem: WordAt, cls: LockClass): boolean {
  if (atomicCas(task, sem + COUNT, 0, WRITER) !== 0) return false
  atomicStore(task, sem + OWNER, task.id + 1)
  pushHeld(task, cls, sem)
  return true
}

/** Drops a write hold. */
export function upWrite(task: Task, sem: WordAt): void {
  popHeld(task, sem)
  if (task.halting) return
  atomicStore(task, sem + OWNER, 0)
  const count = atomicAnd(task, sem + COUNT, ~WRITER)
  assert((count & WRITER) !== 0, 'a writer leaves a semaphore that it holds')
  if ((count & WAITERS) !== 0) wakeFront(task, sem)
}

/** Turns a write hold into a read hold without letting a writer in between. Caller holds `sem` for writing. */
export function downgradeWrite(task: Task, sem: WordAt, cls: LockClass): void {
  assertHeldExclusive(task, sem, cls.name)
  popHeld(task, sem)
  atomicStore(task, sem + OWNER, 0)
  const count = atomicAdd(task, sem + COUNT, READER - WRITER)
  pushHeld(task, cls, sem, true)
  if ((count & WAITERS) !== 0) {
    queueLock(task, sem + QUEUE)
    grantReaders(task, sem)
    queueUnlock(task, sem + QUEUE)
  }
}

/** Actor that holds `sem` for writing, or -1. A hint. */
export function rwsemWriter(task: Task, sem: WordAt): number {
  return atomicLoad(task, sem + OWNER) - 1
}

/** True while anybody holds `sem`. A hint, for audits and asserts of the holder. */
export function rwsemIsHeld(task: Task, sem: WordAt): boolean {
  const count = atomicLoad(task, sem + COUNT)
  return (count & WRITER) !== 0 || count >= READER
}

function takeRead(task: Task, sem: WordAt, cls: LockClass, killable: boolean): boolean {
  tick(task)
  const count = atomicAdd(task, sem + COUNT, READER)
  if ((count & (WRITER | WAITERS | HANDOFF)) !== 0 && !readSlowly(task, sem, count, killable)) return false
  pushHeld(task, cls, sem, true)
  return true
}

function takeWrite(task: Task, sem: WordAt, cls: LockClass, killable: boolean): boolean {
  tick(task)
  if (atomicCas(task, sem + COUNT, 0, WRITER) !== 0 && !writeSlowly(task, sem, killable)) return false
  atomicStore(task, sem + OWNER, task.id + 1)
  pushHeld(task, cls, sem)
  return true
}

function beforeWait(task: Task, sem: WordAt, cls: LockClass): void {
  assertMaySleep(task, `taking ${cls.name}`)
  checkOrder(task, cls, sem)
}

/** Our +READER is in COUNT; `before` is what COUNT was without it. False only when killed. */
function readSlowly(task: Task, sem: WordAt, before: number, killable: boolean): boolean {
  // Steal while the woken writer is on its way, unless other readers already do: then a queued writer would never come in.
  if (before < READER && (before & (WRITER | HANDOFF)) === 0) {
    queueLock(task, sem + QUEUE)
    if (frontIs(task, sem, MODE_READ)) grantReaders(task, sem)
    queueUnlock(task, sem + QUEUE)
    return true
  }
  queueLock(task, sem + QUEUE)
  const first = queueFirst(task, sem + QUEUE) < 0
  if (first && (atomicLoad(task, sem + COUNT) & (WRITER | HANDOFF)) === 0) {
    queueUnlock(task, sem + QUEUE) // the writer left meanwhile and nobody queues: the bias we added is the lock
    return true
  }
  atomicStore(task, task.record + Q_GRANT, 0)
  queueAppend(task, sem + QUEUE, MODE_READ)
  const count = atomicAdd(task, sem + COUNT, (first ? WAITERS : 0) - READER) + (first ? WAITERS : 0) - READER
  // Giving the bias back may have been the last thing that kept the front asleep; or the writer has downgraded meanwhile.
  grantIfFree(task, sem, count)
  queueUnlock(task, sem + QUEUE)
  while (atomicLoad(task, task.record + Q_GRANT) === 0) {
    if (killable && isKilled(task)) {
      if (giveUp(task, sem)) return false
      break // granted meanwhile; the token of that wake-up may have been spent while waiting for the queue's lock
    }
    park(task, WAIT.rwsemRead, sem)
  }
  return true
}

function writeSlowly(task: Task, sem: WordAt, killable: boolean): boolean {
  for (let tries = 0; tries < SPIN_TRIES; tries++) {
    const count = atomicLoad(task, sem + COUNT)
    if ((count & HANDOFF) !== 0) break
    if ((count & WRITER) === 0 && count < READER) {
      if (atomicCas(task, sem + COUNT, count, count | WRITER) === count) return true
      continue
    }
    const owner = atomicLoad(task, sem + OWNER) - 1
    if (!coreIsFree(task) || (owner >= 0 && isAsleep(task, owner))) break
  }
  queueLock(task, sem + QUEUE)
  const first = queueFirst(task, sem + QUEUE) < 0
  queueAppend(task, sem + QUEUE, MODE_WRITE)
  let count = first ? atomicOr(task, sem + COUNT, WAITERS) | WAITERS : atomicLoad(task, sem + COUNT)
  if (!first) grantIfFree(task, sem, count)
  for (let woken = false; ; woken = true) {
    // Caller of this loop's body holds the queue's lock.
    while (mayTakeWrite(task, sem, count)) {
      const alone = queueFirst(task, sem + QUEUE) === task.id && queueNext(task, task.id) < 0
      const next = (count & ~HANDOFF & (alone ? ~WAITERS : ~0)) | WRITER
      const seen = atomicCas(task, sem + COUNT, count, next)
      if (seen === count) {
        queueRemove(task, sem + QUEUE, task.id)
        queueUnlock(task, sem + QUEUE)
        return true
      }
      count = seen
    }
    if (woken) lostWakeup(task, sem, task.id)
    queueUnlock(task, sem + QUEUE)
    if (killable && isKilled(task) && giveUp(task, sem)) return false
    park(task, WAIT.rwsemWrite, sem)
    queueLock(task, sem + QUEUE)
    count = atomicLoad(task, sem + COUNT)
  }
}

/** May this queued writer take the lock now? Caller holds the queue's lock. */
function mayTakeWrite(task: Task, sem: WordAt, count: number): boolean {
  if ((count & WRITER) !== 0 || count >= READER) return false
  return (count & HANDOFF) === 0 || queueFirst(task, sem + QUEUE) === task.id
}

function wakeFront(task: Task, sem: WordAt): void {
  queueLock(task, sem + QUEUE)
  grantFront(task, sem)
  queueUnlock(task, sem + QUEUE)
}

/** The front can go where `count` has no holder, and a front reader beside other readers too. Caller holds the queue's lock. */
function grantIfFree(task: Task, sem: WordAt, count: number): void {
  if ((count & WRITER) === 0 && (count < READER || frontIs(task, sem, MODE_READ))) grantFront(task, sem)
}

/** Wakes a front writer (it still has to win), or grants the front readers. Caller holds the queue's lock. */
function grantFront(task: Task, sem: WordAt): void {
  const front = queueFirst(task, sem + QUEUE)
  if (front < 0) return
  if (queueMode(task, front) === MODE_WRITE) {
    wake(task, front)
    return
  }
  // A writer may have taken the lock since: add one bias and look, so that the grant below cannot overlap it.
  const count = atomicAdd(task, sem + COUNT, READER)
  if ((count & WRITER) === 0) grantReaders(task, sem)
  else lostWakeup(task, sem, front)
  const after = atomicAdd(task, sem + COUNT, -READER) - READER
  // The probing bias may have turned away a front writer's attempt meanwhile: nobody else would wake it.
  if (after < READER && (after & (WRITER | WAITERS)) === WAITERS && frontIs(task, sem, MODE_WRITE)) {
    wake(task, queueFirst(task, sem + QUEUE))
  }
}

/** Gives the lock to all queued readers at once. Caller holds the queue's lock, and COUNT has a reader and no writer. */
function grantReaders(task: Task, sem: WordAt): void {
  let granted = 0
  let actor = queueFirst(task, sem + QUEUE)
  if (actor < 0 || queueMode(task, actor) !== MODE_READ) return
  while (actor >= 0 && granted < MAX_GRANT) {
    const next = queueNext(task, actor)
    if (queueMode(task, actor) === MODE_READ) {
      queueRemove(task, sem + QUEUE, actor)
      atomicAdd(task, sem + COUNT, READER)
      atomicStore(task, actorAt(task.words, actor) + Q_GRANT, 1)
      wake(task, actor)
      granted++
    }
    actor = next
  }
  // The front was a reader and has it now: a handoff it may have asked for is done.
  atomicAnd(task, sem + COUNT, queueFirst(task, sem + QUEUE) < 0 ? ~(HANDOFF | WAITERS) : ~HANDOFF)
}

/** A wake-up of queued `actor` ended without the lock. Often enough, and nobody may steal any more. Queue's lock held. */
function lostWakeup(task: Task, sem: WordAt, actor: number): void {
  const at = actorAt(task.words, actor) + Q_LOST
  task.words[at] = (task.words[at] as number) + 1
  if ((task.words[at] as number) >= LOST_WAKEUPS && queueFirst(task, sem + QUEUE) === actor) atomicOr(task, sem + COUNT, HANDOFF)
}

/** Takes a killed actor out of the queue; false if it had been given the lock after all. */
function giveUp(task: Task, sem: WordAt): boolean {
  queueLock(task, sem + QUEUE)
  const queued = queueMode(task, task.id) !== 0
  if (queued) {
    const first = queueFirst(task, sem + QUEUE) === task.id
    queueRemove(task, sem + QUEUE, task.id)
    const empty = queueFirst(task, sem + QUEUE) < 0
    const count = first ? atomicAnd(task, sem + COUNT, empty ? ~(HANDOFF | WAITERS) : ~HANDOFF) : 0
    if (first && !empty) grantIfFree(task, sem, count)
  }
  queueUnlock(task, sem + QUEUE)
  return queued
}

function frontIs(task: Task, sem: WordAt, mode: number): boolean {
  const front = queueFirst(task, sem + QUEUE)
  return front >= 0 && queueMode(task, front) === mode
}
