/**
 * Actor records: one per worker thread of the machine, eight lines each.
 *
 *   word    0            16 .......... 31        32 ........ 47      48 ........ 63     64 ........ 111       112 .. 127
 *         +------+-----+---------------------+-------------------+------------------+---------------------+-----------+
 *         | PARK | pad | status              | queue links       | translation      | held locks          | chance    |
 *         +------+-----+---------------------+-------------------+------------------+---------------------+-----------+
 *
 *   PARK          the futex word this actor sleeps on; states in seam/park.ts. Atomic.
 *   status        what this actor is doing: written by itself only; read, racily, by whoever reports on it.
 *   queue links   its place in at most one wait queue. Guarded by that queue's lock (Q_*), or owned by the holder of the
 *                 owner word it waits for (LOCK_NEXT).
 *   translation   INSIDE, RCU: atomic, written by itself, read by whoever needs its acknowledgement.
 *   held locks    stack of (class, address). Written by itself; read by an actor that serves a request for it, which is
 *                 ordered after the request, and racily by reports.
 *   chance        two streams of four words: workload and noise. Private to the actor.
 */
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'

export const ACTOR_WORDS = 128
/** Most actors a machine can have: an owner word has eight bits for an actor number plus one (sync/ownerword.ts). */
export const MAX_ACTORS = 254

export const PARK = 0

export const KIND = 16
export const INDEX = 17
export const PHASE = 18
/** Heartbeat: bumped at every lock, wait and operation. Plain; only equality over time means something. */
export const STEPS = 19
export const WAIT_KIND = 20
export const WAIT_ON = 21
/** Current operation (seam/trace.ts) and its three arguments. */
export const OP = 22
export const OP_A = 23
export const OP_B = 24
export const OP_C = 25
/** Operations completed in this run. */
export const OP_DONE = 26
/** Actor number on whose behalf this one works (a dispatcher serving a request), or its own number. */
export const ORIGIN = 27
/** Nesting of notifier callbacks on this actor: an invalidation raised inside runs inline. */
export const CALLBACK_DEPTH = 28
/** Open invalidation windows of this actor (notifier/windows.ts). */
export const WINDOW_DEPTH = 29
/** 1 once a fatal signal was sent to this actor: killable waits give up. Atomic. */
export const KILLED = 30
/** Depth of the callback on this actor from which on nothing may sleep: a refusable one. 0 if there is none. */
export const MAY_NOT_SLEEP = 31

export const Q_NEXT = 32
export const Q_PREV = 33
export const Q_MODE = 34
export const Q_GRANT = 35
/** Wake-ups that ended without the lock since it was queued (sync/rwsem.ts). */
export const Q_LOST = 36
export const LOCK_NEXT = 37
/** 1 while in the waiter stack of an owner word (sync/ownerword.ts). Atomic. */
export const LOCK_QUEUED = 38

/** Odd while between translation and data touch of one access (mm/shootdown.ts). */
export const INSIDE = 48
/** Word index of the mm whose pages this actor accesses; 0 = none. */
export const CUR_MM = 49
/** Nesting depth and epoch of its rcu read section; 0 = quiescent (sync/rcu.ts). */
export const RCU = 50

/** Where a long walk of this actor is: nothing reads it, but its states differ from step to step (check/lasso.ts). */
export const WALKED = 51

export const HELD_COUNT = 64
export const HELD = 65
export const HELD_MAX = 22

export const CHANCE = 112
export const NOISE_CHANCE = 116

/** Kinds of actor, and the names they have in reports. */
export const ACTOR_KIND = { main: 0, cpu: 1, notifier: 2, engine: 3, service: 4, reclaim: 5 } as const
/** What an actor is: main, cpu, notifier, engine, service or reclaim. */
export type ActorKind = keyof typeof ACTOR_KIND
const KIND_NAMES = Object.keys(ACTOR_KIND) as ActorKind[]

/** PHASE values. */
export const PHASE_OFF = 0
export const PHASE_IDLE = 1
export const PHASE_RUNNING = 2
export const PHASE_WAITING = 3
export const PHASE_DONE = 4

/** Word index of actor `id`'s record. */
export type ActorAt = WordAt & { readonly brand: 'actor' }

export function actorAt(words: Words, id: number): ActorAt {
  return (regionAt(words, 'actors') + id * ACTOR_WORDS) as ActorAt
}

/** `cpu 0`, `engine 2`: how reports name an actor. */
export function actorName(words: Words, id: number): string {
  const at = actorAt(words, id)
  return `${KIND_NAMES[words[at + KIND] as number] ?? 'actor'} ${words[at + INDEX]}`
}
