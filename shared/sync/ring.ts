/**
 * Mailbox ring: a bounded queue of fixed-size messages from any actors to one consumer, entirely in the buffer.
 *
 *   word   0 .. 15                        16 .. 31                 32 .. 47               48 ...
 *        +------------------------------+------------------------+----------------------+--------------------+
 *        | geometry: SLOTS, SLOT_WORDS, | HEAD  (next to read)   | TAIL (next to write) | slots              |
 *        | CONSUMER                     | SLEEPING               | LOCK                 |                    |
 *        +------------------------------+------------------------+----------------------+--------------------+
 *
 *   geometry   immutable. SLOTS is a power of two; CONSUMER is the actor that reads.
 *   HEAD       counts messages read. Written by the consumer, read by producers. Atomic.
 *   TAIL       counts messages written. Written with LOCK held, read by the consumer. Atomic.
 *   SLEEPING   1 while the consumer is about to sleep on an empty ring. Atomic. Spares a producer the wake otherwise.
 *   slots      message i in slot i mod SLOTS. Owned by the producers' lock holder until TAIL passes it, then by the
 *              consumer until HEAD passes it.
 *
 *     consumer                                 producer
 *     TAIL == HEAD: empty
 *                                              fills the slot, TAIL + 1
 *                                              SLEEPING == 0: wakes nobody
 *     SLEEPING = 1
 *     TAIL != HEAD: SLEEPING = 0, reads        [Required: the second look comes after SLEEPING = 1]
 *
 * Who alone may write a count reads it plainly: nobody can change it meanwhile, so that look is no schedule point. That is the
 * consumer for HEAD, and a producer with LOCK for TAIL. Counts wrap at 2^32; only their difference is used.
 */
import { lineAligned, type WordAt } from '../memory/words.ts'
import { atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { parkAtOnce, WAIT, wake } from '../seam/park.ts'
import { get } from '../seam/plain.ts'
import { tick } from '../seam/point.ts'
import { spinWhile } from '../seam/spin.ts'
import type { Task } from '../seam/task.ts'
import { RING } from './classes.ts'
import { spinLock, spinUnlock } from './spinlock.ts'

/** Word index of a ring: a queue of records of a fixed size for many producers and one consumer. */
export type Ring = WordAt & { readonly brand: 'ring' }

const SLOTS = 0
const SLOT_WORDS = 1
const CONSUMER = 2
const HEAD = 16
const SLEEPING = 17
const TAIL = 32
const LOCK = 33
const FIRST_SLOT = 48

/** Words of a ring with `slots` messages of `slotWords` words. */
export function ringWords(slots: number, slotWords: number): number {
  return FIRST_SLOT + lineAligned(slots * slotWords)
}

/** Makes an empty ring at `at`, once, before anyone uses it. `slots` is a power of two. */
export function createRing(task: Task, at: WordAt, options: { slots: number; slotWords: number; consumer: number }): Ring {
  assert((options.slots & (options.slots - 1)) === 0 && options.slots > 0, 'a ring has a power of two of slots')
  task.words.fill(0, at, at + FIRST_SLOT)
  task.words[at + SLOTS] = options.slots
  task.words[at + SLOT_WORDS] = options.slotWords
  task.words[at + CONSUMER] = options.consumer
  return at as Ring
}

/**
 * Reserves the next slot and returns its word index, or 0 when the ring is full. On success the producers' lock is held
 * until `ringPublish`: fill the slot with plain stores and publish at once.
 */
export function ringReserve(task: Task, ring: Ring): WordAt {
  spinLock(task, ring + LOCK, RING)
  const tail = get(task, ring + TAIL)
  if (((tail - atomicLoad(task, ring + HEAD)) | 0) >= (task.words[ring + SLOTS] as number)) {
    spinUnlock(task, ring + LOCK)
    return 0
  }
  return slotAt(task, ring, tail)
}

/** Hands the reserved slot to the consumer and wakes it if it sleeps. Drops the producers' lock. */
export function ringPublish(task: Task, ring: Ring): void {
  atomicStore(task, ring + TAIL, (get(task, ring + TAIL) + 1) | 0)
  spinUnlock(task, ring + LOCK)
  if (atomicLoad(task, ring + SLEEPING) === 1) wake(task, task.words[ring + CONSUMER] as number)
}

/** Number of the message that is being written, counted from 0 and modulo 2^32. Between ringReserve and ringPublish. */
export function ringNumber(task: Task, ring: Ring): number {
  return get(task, ring + TAIL)
}

/** Has message `number` been read and given back? Once it has, it stays so for 2^31 messages. */
export function ringIsPast(task: Task, ring: Ring, number: number): boolean {
  return ((atomicLoad(task, ring + HEAD) - number) | 0) > 0
}

/** Word index of the oldest message, or 0 when there is none. Consumer only. */
export function ringPeek(task: Task, ring: Ring): WordAt {
  const head = get(task, ring + HEAD)
  return head === atomicLoad(task, ring + TAIL) ? 0 : slotAt(task, ring, head)
}

/** Messages waiting. Consumer: exact; others: a hint. */
export function ringCount(task: Task, ring: Ring): number {
  return (atomicLoad(task, ring + TAIL) - get(task, ring + HEAD)) | 0
}

/** Word index of the `i`-th waiting message; i < ringCount. Consumer only. */
export function ringPeekAt(task: Task, ring: Ring, i: number): WordAt {
  return slotAt(task, ring, (get(task, ring + HEAD) + i) | 0)
}

/** Gives back the `count` oldest slots. Consumer only. */
export function ringConsume(task: Task, ring: Ring, count: number): void {
  atomicStore(task, ring + HEAD, (get(task, ring + HEAD) + count) | 0)
}

/** Returns once a message is there. Consumer only. */
export function ringWait(task: Task, ring: Ring): void {
  tick(task)
  while (ringPeek(task, ring) === 0) ringSleep(task, ring, WAIT.ring)
}

/** Sleeps until a message arrives or somebody wakes the consumer for another reason. `kind` is a WAIT value. */
export function ringSleep(task: Task, ring: Ring, kind: number): void {
  // Who still looks at TAIL need not be woken, and a producer that finds SLEEPING 0 wakes nobody.
  if (spinWhile(task, kind, ring + TAIL, get(task, ring + HEAD))) return
  atomicStore(task, ring + SLEEPING, 1)
  if (ringPeek(task, ring) === 0) parkAtOnce(task, kind, ring)
  atomicStore(task, ring + SLEEPING, 0)
}

/** Word of a ring's SLEEPING flag, for a consumer of several rings: raise all, look at all, then sleep. */
export function ringSleepingAt(ring: Ring): WordAt {
  return ring + SLEEPING
}

function slotAt(task: Task, ring: Ring, index: number): WordAt {
  const slots = task.words[ring + SLOTS] as number
  return ring + FIRST_SLOT + (index & (slots - 1)) * (task.words[ring + SLOT_WORDS] as number)
}
