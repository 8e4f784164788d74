/**
 * Owner word: a lock in one word, with its owner's name and its waiters in it. The core of spinlock and mutex.
 *
 *      bit 31 ............ 16 15 ........... 8 7 ............ 0
 *          +-----------------+----------------+----------------+
 *          | 0               | waiter + 1     | owner + 1      |      0 = free, nobody waits
 *          +-----------------+----------------+----------------+
 *
 *   owner    actor that holds it.
 *   waiter   youngest actor of a stack of waiters; each waiter's LOCK_NEXT names the next older one, 0 ends it.
 *
 *   state                 event                      next
 *   (0, w)     free       take: cas                  (me, w)       w may be non-empty: the woken waiter is on its way
 *   (o, w)     held       queue: LOCK_NEXT = w, cas  (o, me)       then sleep until LOCK_QUEUED of me is 0
 *   (me, 0)    held       drop: cas                  (0, 0)
 *   (me, w)    held       drop: unlink the oldest    (0, w')       LOCK_QUEUED of the oldest = 0, wake it
 *
 * Only waiters push, by compare-and-exchange of the word; only the owner unlinks. So the inner links need no lock: the
 * owner reads links that were written before the push it saw. A free lock may be taken by anyone (barging); the woken
 * waiter then queues again. Wake-ups are not lost: whoever takes a lock with waiters wakes one of them when it drops it.
 */

import type { WordAt } from '../memory/words.ts'
import { actorAt, LOCK_NEXT, LOCK_QUEUED } from '../seam/actors.ts'
import { atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { isAsleep, park, WAIT, wake } from '../seam/park.ts'
import { tick } from '../seam/point.ts'
import { coreIsFree } from '../seam/spin.ts'
import type { Task } from '../seam/task.ts'

/** Failed tries before a waiter sleeps: more only burns a core that the owner may be waiting for. */
const MAX_TRIES = 50
const OWNER = 0xff

/** Returns true when the word was free and is now ours. Never waits. */
export function ownerTry(task: Task, at: WordAt): boolean {
  const word = atomicLoad(task, at)
  return (word & OWNER) === 0 && atomicCas(task, at, word, word | (task.id + 1)) === word
}

/** Returns with the word owned. Spins a little, then sleeps. */
export function ownerTake(task: Task, at: WordAt): void {
  tick(task)
  if (atomicCas(task, at, 0, task.id + 1) !== 0) takeSlowly(task, at)
}

/** Gives the word up and wakes the oldest waiter, if any. Caller owns it. */
export function ownerDrop(task: Task, at: WordAt): void {
  if (task.halting) return
  const me = task.id + 1
  if (atomicCas(task, at, me, 0) === me) return
  for (;;) {
    const word = atomicLoad(task, at)
    assert((word & OWNER) === me, 'a lock is dropped by its owner')
    let younger = 0
    let oldest = (word >>> 8) & OWNER
    for (let next = linkOf(task, oldest); next !== 0; next = linkOf(task, oldest)) {
      younger = oldest
      oldest = next
    }
    if (younger === 0) {
      if (atomicCas(task, at, word, 0) !== word) continue // somebody queued meanwhile: find the oldest again
    } else {
      task.words[actorAt(task.words, younger - 1) + LOCK_NEXT] = 0
      let held = word
      for (let seen = atomicCas(task, at, held, held & ~OWNER); seen !== held; seen = atomicCas(task, at, held, held & ~OWNER))
        held = seen
    }
    atomicStore(task, actorAt(task.words, oldest - 1) + LOCK_QUEUED, 0)
    wake(task, oldest - 1)
    return
  }
}

/** Actor that owns the word, or -1. Stale as soon as it is read unless it is the caller. */
export function ownerOf(task: Task, at: WordAt): number {
  return (atomicLoad(task, at) & OWNER) - 1
}

function takeSlowly(task: Task, at: WordAt): void {
  const me = task.id + 1
  let tries = 0
  for (;;) {
    tick(task)
    const word = atomicLoad(task, at)
    const owner = word & OWNER
    assert(owner !== me, 'a lock is not taken twice by the same actor')
    if (owner === 0) {
      if (atomicCas(task, at, word, word | me) === word) return
    } else if (tries < MAX_TRIES && coreIsFree(task) && !isAsleep(task, owner - 1)) {
      tries++
    } else {
      task.words[task.record + LOCK_NEXT] = word >>> 8
      atomicStore(task, task.record + LOCK_QUEUED, 1)
      if (atomicCas(task, at, word, owner | (me << 8)) !== word) continue
      while (atomicLoad(task, task.record + LOCK_QUEUED) !== 0) park(task, WAIT.lock, at)
    }
  }
}

function linkOf(task: Task, waiter: number): number {
  return task.words[actorAt(task.words, waiter - 1) + LOCK_NEXT] as number
}
