/**
 * Actor queue: a FIFO of waiting actors, linked through their records. The list half of rwsem and wait queue.
 *
 *   word   0       1       2
 *        +------+-------+------+
 *        | LOCK | FIRST | LAST |      FIRST, LAST: actor + 1, 0 = empty
 *        +------+-------+------+
 *
 *   LOCK          spinlock, class `queue`.
 *   FIRST, LAST   and Q_NEXT, Q_PREV, Q_MODE of every queued actor. Guarded by LOCK.
 *
 * An actor is in at most one queue at a time; Q_MODE is 0 exactly while it is in none.
 */
import type { WordAt } from '../memory/words.ts'
import { actorAt, Q_LOST, Q_MODE, Q_NEXT, Q_PREV } from '../seam/actors.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { QUEUE } from './classes.ts'
import { assertHeld } from './held.ts'
import { spinLock, spinUnlock } from './spinlock.ts'

export const QUEUE_WORDS = 3
const LOCK = 0
const FIRST = 1
const LAST = 2

export function queueLock(task: Task, queue: WordAt): void {
  spinLock(task, queue + LOCK, QUEUE)
}

export function queueUnlock(task: Task, queue: WordAt): void {
  spinUnlock(task, queue + LOCK)
}

/** First waiting actor, or -1. Caller holds the queue's lock. */
export function queueFirst(task: Task, queue: WordAt): number {
  assertHeld(task, queue + LOCK, 'queue lock')
  return (task.words[queue + FIRST] as number) - 1
}

/** The actor behind `actor`, or -1. Caller holds the queue's lock. */
export function queueNext(task: Task, actor: number): number {
  return (task.words[actorAt(task.words, actor) + Q_NEXT] as number) - 1
}

/** Mode an actor was queued with. Caller holds the queue's lock. */
export function queueMode(task: Task, actor: number): number {
  return task.words[actorAt(task.words, actor) + Q_MODE] as number
}

/** Puts the calling actor at the end. `mode` is not 0. Caller holds the queue's lock. */
export function queueAppend(task: Task, queue: WordAt, mode: number): void {
  assertHeld(task, queue + LOCK, 'queue lock')
  const { words, record, id } = task
  assert(words[record + Q_MODE] === 0, 'an actor waits in one queue at a time')
  const last = words[queue + LAST] as number
  words[record + Q_MODE] = mode
  words[record + Q_LOST] = 0
  words[record + Q_NEXT] = 0
  words[record + Q_PREV] = last
  if (last === 0) words[queue + FIRST] = id + 1
  else words[actorAt(words, last - 1) + Q_NEXT] = id + 1
  words[queue + LAST] = id + 1
}

/** Takes `actor` out. Caller holds the queue's lock; `actor` is in this queue. */
export function queueRemove(task: Task, queue: WordAt, actor: number): void {
  assertHeld(task, queue + LOCK, 'queue lock')
  const { words } = task
  const at = actorAt(words, actor)
  assert(words[at + Q_MODE] !== 0, 'only a queued actor is taken out of a queue')
  const next = words[at + Q_NEXT] as number
  const prev = words[at + Q_PREV] as number
  if (prev === 0) words[queue + FIRST] = next
  else words[actorAt(words, prev - 1) + Q_NEXT] = next
  if (next === 0) words[queue + LAST] = prev
  else words[actorAt(words, next - 1) + Q_PREV] = prev
  words[at + Q_MODE] = 0
}
