/**
 * Who holds what, and in which order (checked builds). Each actor has a stack of held locks in its record; each class has a
 * row of bits "was held when ... was taken" in the `locks` region. Taking a lock adds edges from all held classes; an edge
 * that closes a cycle is an inverted order and is reported at once, before anything hangs.
 *
 * A dispatcher that serves an invalidation works for the actor that raised it: its ORIGIN names that actor, and order,
 * `isHeld` and "is this my own" look at the origin's stack as well as its own. The origin waits, so its stack stands still.
 *
 *   held entry (one word):  class << 0 | shared << 7        followed by one word: address of the lock
 *   order row  (two words): bit k = class k was taken while this row's class was held. Atomic or.
 */
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import { actorAt, HELD, HELD_COUNT, HELD_MAX, MAY_NOT_SLEEP, ORIGIN, RCU } from '../seam/actors.ts'
import { assert } from '../seam/error.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { classIsSpin, className, FIRST_USER_CLASS, type LockClass, MAX_CLASSES } from './classes.ts'

export const HELD_CLASS_MASK = 0x7f
export const HELD_SHARED = 0x80
/** Words of the `locks` region: two per class. */
export const LOCK_GRAPH_WORDS = MAX_CLASSES * 2

/** Records that this actor now holds `lock`: right after it was taken, so that a waiter is never taken for a holder. */
export function pushHeld(task: Task, cls: LockClass, lock: WordAt, shared = false): void {
  if (!task.checked) return
  const { words, record } = task
  const depth = words[record + HELD_COUNT] as number
  assert(depth < HELD_MAX / 2, `an actor holds at most ${HELD_MAX / 2} locks`)
  const held = cls.id | (shared ? HELD_SHARED : 0)
  words[record + HELD + depth * 2] = held
  words[record + HELD + depth * 2 + 1] = lock
  words[record + HELD_COUNT] = depth + 1
  task.baton?.noteHold(held, lock, true)
  task.lockClock?.taken(cls.id, lock)
}

/** Forgets the youngest entry for `lock`. */
export function popHeld(task: Task, lock: WordAt): void {
  if (!task.checked || task.halting) return
  const { words, record } = task
  const depth = words[record + HELD_COUNT] as number
  for (let i = depth - 1; i >= 0; i--) {
    if (words[record + HELD + i * 2 + 1] !== lock) continue
    task.baton?.noteHold(words[record + HELD + i * 2] as number, lock, false)
    task.lockClock?.dropped(lock)
    words.copyWithin(record + HELD + i * 2, record + HELD + (i + 1) * 2, record + HELD + depth * 2)
    words[record + HELD_COUNT] = depth - 1
    return
  }
  violation(task, 'CON', `unlock of a lock that this actor does not hold (word ${lock})`)
}

/** Orders of classes that were seen: the second was taken while the first was held. */
export function seenOrders(words: Words): { readonly held: number; readonly taken: number }[] {
  const orders: { held: number; taken: number }[] = []
  for (let held = 1; held < MAX_CLASSES; held++) {
    const row = regionAt(words, 'locks') + held * 2
    for (let taken = 1; taken < MAX_CLASSES; taken++) {
      if ((((words[row + (taken >> 5)] as number) >>> (taken & 31)) & 1) === 1) orders.push({ held, taken })
    }
  }
  return orders
}

/** True when this actor, or the actor it works for, holds `lock` (for writing too, unless `shared` is enough). */
export function isHeld(task: Task, lock: WordAt, shared = true): boolean {
  const origin = task.words[task.record + ORIGIN] as number
  return holds(task, task.record, lock, shared) || (origin !== task.id && holds(task, actorAt(task.words, origin), lock, shared))
}

/** First line of every function whose comment says "caller holds X". Checked builds only. */
export function assertHeld(task: Task, lock: WordAt, name: string): void {
  if (task.checked && !task.halting && !isHeld(task, lock)) violation(task, 'CON', `${name} must be held here, and is not`)
}

/** As assertHeld, for an exclusive hold. */
export function assertHeldExclusive(task: Task, lock: WordAt, name: string): void {
  if (task.checked && !task.halting && !isHeld(task, lock, false))
    violation(task, 'CON', `${name} must be held for writing here, and is not`)
}

/** The counterpart: for functions that sleep on what a holder of `lock` would have to do. */
export function assertNotHeld(task: Task, lock: WordAt, name: string): void {
  if (task.checked && !task.halting && isHeld(task, lock)) violation(task, 'CON', `${name} must not be held here, and is`)
}

/** A sleep is about to happen: no spin-class lock may be held, no rcu section open, no refusable callback running. Checked builds only. */
export function assertMaySleep(task: Task, what: string): void {
  if (!task.checked || task.halting) return
  const { words, record } = task
  if (words[record + RCU] !== 0) violation(task, 'CON', `${what} may sleep, but an rcu section is open`)
  if (words[record + MAY_NOT_SLEEP] !== 0)
    violation(task, 'CON', `${what} may sleep, but the invalidation may not: try, and refuse it`)
  for (let i = 0; i < (words[record + HELD_COUNT] as number); i++) {
    const id = (words[record + HELD + i * 2] as number) & HELD_CLASS_MASK
    if (classIsSpin(id)) violation(task, 'CON', `${what} may sleep, but ${className(id)} is held`)
  }
}

/**
 * Checks, before `lock` is waited for, that its class may be taken now. Also for waits that behave like a lock without
 * being one (an invalidation's end, a grace period): those pass through their pseudo class. A try needs no check: it
 * cannot deadlock.
 */
export function checkOrder(task: Task, cls: LockClass, lock: WordAt): void {
  if (!task.checked || task.halting) return
  task.lockClock?.waits(cls.id)
  checkOrderAgainst(task, task.record, cls, lock)
  const origin = task.words[task.record + ORIGIN] as number
  if (origin !== task.id) checkOrderAgainst(task, actorAt(task.words, origin), cls, lock)
}

function holds(task: Task, record: WordAt, lock: WordAt, shared: boolean): boolean {
  const { words } = task
  for (let i = 0; i < (words[record + HELD_COUNT] as number); i++) {
    if (words[record + HELD + i * 2 + 1] !== lock) continue
    if (shared || ((words[record + HELD + i * 2] as number) & HELD_SHARED) === 0) return true
  }
  return false
}

function checkOrderAgainst(task: Task, holder: WordAt, cls: LockClass, lock: WordAt): void {
  const { words } = task
  for (let i = 0; i < (words[holder + HELD_COUNT] as number); i++) {
    const held = (words[holder + HELD + i * 2] as number) & HELD_CLASS_MASK
    if (words[holder + HELD + i * 2 + 1] === lock && held === cls.id) {
      violation(task, 'DLK', `${cls.name} is taken again by an actor that holds it already`)
    }
    const edges = regionAt(words, 'locks') + held * 2 + (cls.id >> 5)
    const bit = 1 << (cls.id & 31)
    if (((words[edges] as number) & bit) !== 0) continue // seen before, and judged then
    // The edge is drawn before it is judged: of two actors that close a cycle at the same moment, one at least sees it.
    Atomics.or(words, edges, bit)
    if (inverts(task, held, cls.id)) {
      violation(
        task,
        'DLK',
        `lock order inverted: ${cls.name} is taken while ${className(held)} is held; the order is ${cls.name} before ${className(held)}`,
      )
    }
  }
}

/** Does the edge held -> taken contradict the book, or close a cycle among what has been seen? */
function inverts(task: Task, held: number, taken: number): boolean {
  if (held < FIRST_USER_CLASS && taken < FIRST_USER_CLASS) return taken <= held
  return reaches(task, taken, held, new Set())
}

function reaches(task: Task, from: number, to: number, seen: Set<number>): boolean {
  if (from === to) return true
  if (seen.has(from)) return false
  seen.add(from)
  const row = regionAt(task.words, 'locks') + from * 2
  for (let next = 1; next < MAX_CLASSES; next++) {
    const bookEdge = from < FIRST_USER_CLASS && next < FIRST_USER_CLASS && from < next
    const seenEdge = ((Atomics.load(task.words, row + (next >> 5)) >>> (next & 31)) & 1) === 1
    if ((bookEdge || seenEdge) && reaches(task, next, to, seen)) return true
  }
  return false
}
