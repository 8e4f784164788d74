/**
 * The feed: how the accesses of a trace reach the actors that make them. The booting thread reads the trace and fills one ring for
 * each consumer (the cpus, then the engines); a consumer takes batches from its own ring. Only a machine booted for a trace has one.
 *
 *   region `feed`
 *   word   0        1                16 ...
 *        +--------+---------+-------+----------------------------+
 *        | WANTED | ENGINES | pad   | rings: cpus, then engines  |
 *        +--------+---------+-------+----------------------------+
 *
 *   batch, one message of a ring
 *   word   0       1 ...
 *        +-------+--------------------------------------------------------+
 *        | COUNT | VPN, OP << 16 | WORD: two words for each of the accesses |
 *        +-------+--------------------------------------------------------+
 *
 *   WANTED    0, or the first page of a stretch of 2 MiB that must be mapped before the booting thread goes on. Set by it, and back
 *             to 0 by cpu 0. Atomic.
 *   ENGINES   0, then KNOWN with a bit for each engine that makes accesses. By cpu 0, before it opens the run. Atomic.
 *
 * The booting thread never waits here: what cannot be done now answers so, and it comes back later.
 */
import { regionAt } from '../memory/regions.ts'
import { HUGE_PAGES, LINE_WORDS, lineAligned, type WordAt } from '../memory/words.ts'
import { atomicLoad, atomicStore, quietLoad, quietStore } from '../seam/atomics.ts'
import { WAIT, wake } from '../seam/park.ts'
import { get, put } from '../seam/plain.ts'
import { WIND_DOWN_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import {
  createRing,
  type Ring,
  ringConsume,
  ringCount,
  ringPeek,
  ringPublish,
  ringReserve,
  ringSleep,
  ringWords,
} from '../sync/ring.ts'

/** What an access of a trace does to its word. `modify` reads and writes it in one step. */
export const FEED_OP = { load: 0, store: 1, modify: 2 } as const

/** Accesses of one batch: as many as an engine has in flight. */
export const BATCH = 64
/** Pages that are mapped at once: 2 MiB, a leaf table of the cpus and of the devices. */
export const STRETCH_PAGES = HUGE_PAGES

const WANTED = 0
const ENGINES = 1
const KNOWN = 1 << 30

const COUNT = 0
const ACCESSES = 1
const ACCESS_WORDS = 2
const WORD_BITS = 16
/** Batches that may wait in one ring: milliseconds of work, so that an actor has some while the booting thread reads on. */
const SLOTS = 32
const SLOT_WORDS = lineAligned(ACCESSES + BATCH * ACCESS_WORDS)
const RING_WORDS = lineAligned(ringWords(SLOTS, SLOT_WORDS))

/** Words of the feed of a machine with that many consumers. */
export function feedWords(consumers: number): number {
  return LINE_WORDS + consumers * RING_WORDS
}

/** Makes the feed; `actors` are the consumers, in order. Once, by the booting thread. */
export function createFeed(task: Task, actors: readonly number[]): void {
  for (const [i, consumer] of actors.entries())
    createRing(task, ringAt(task, i), { slots: SLOTS, slotWords: SLOT_WORDS, consumer })
}

/** The ring of consumer `index`: cpus first, then engines. */
export function feedRing(task: Task, index: number): Ring {
  return ringAt(task, index) as Ring
}

function ringAt(task: Task, index: number): WordAt {
  return regionAt(task.words, 'feed') + LINE_WORDS + index * RING_WORDS
}

function at(task: Task, word: number): WordAt {
  return regionAt(task.words, 'feed') + word
}

/* ---- the booting thread ---- */

/** A batch that is being put together for one consumer: pages, and what is done to them. */
export class Batch {
  count = 0
  private readonly words = new Int32Array(BATCH * ACCESS_WORDS)

  get full(): boolean {
    return this.count === BATCH
  }

  /** Adds an access to the 32-bit word `word` of page `vpn`. `op` is a FEED_OP value; the batch is not full. */
  add(vpn: number, word: number, op: number): void {
    this.words[this.count * ACCESS_WORDS] = vpn | 0
    this.words[this.count * ACCESS_WORDS + 1] = (op << WORD_BITS) | word
    this.count++
  }

  /** Hands the accesses over and is empty again; false, and nothing is changed, while the ring is full. */
  give(task: Task, ring: Ring): boolean {
    const slot = ringReserve(task, ring)
    if (slot === 0) return false
    put(task, slot + COUNT, this.count)
    for (let i = 0; i < this.count * ACCESS_WORDS; i++) put(task, slot + ACCESSES + i, this.words[i] as number)
    ringPublish(task, ring)
    this.count = 0
    return true
  }
}

/** Asks cpu 0 to map the stretch that begins at page `vpn`. Nothing else is asked for. */
export function askForStretch(task: Task, vpn: number): void {
  quietStore(task, at(task, WANTED), vpn | 0)
  wake(task, 0)
}

/** Is a stretch asked for that is not mapped yet? */
export function stretchIsPending(task: Task): boolean {
  return quietLoad(task, at(task, WANTED)) !== 0
}

/** Engines that make accesses, by device number, or null as long as cpu 0 has not said so. */
export function feedingEngines(task: Task, devices: number): number[] | null {
  const mask = quietLoad(task, at(task, ENGINES))
  if (mask === 0) return null
  return Array.from({ length: devices }, (_, device) => device).filter((device) => (mask & (1 << device)) !== 0)
}

/** Have the first `consumers` consumers done all that was given to them? */
export function feedIsDrained(task: Task, consumers: number): boolean {
  for (let i = 0; i < consumers; i++) if (ringCount(task, feedRing(task, i)) !== 0) return false
  return true
}

/** Ends the load: consumers stop after the batch that they are at. Wakes those that wait for one. */
export function endFeed(task: Task, actors: number): void {
  quietStore(task, WIND_DOWN_AT, 1)
  for (let id = 0; id < actors; id++) wake(task, id)
}

/* ---- consumers ---- */

/** Says which engines make accesses: bit d for device d. Cpu 0. */
export function announceEngines(task: Task, mask: number): void {
  atomicStore(task, at(task, ENGINES), KNOWN | mask)
}

/** First page of the stretch that is to be mapped, or 0. Cpu 0. */
export function wantedStretch(task: Task): number {
  return atomicLoad(task, at(task, WANTED)) >>> 0
}

/** The wanted stretch is mapped. Cpu 0. */
export function stretchIsMapped(task: Task): void {
  atomicStore(task, at(task, WANTED), 0)
}

/** The oldest batch of a ring, or 0 when there is none. It stays until dropBatch. */
export function nextBatch(task: Task, ring: Ring): WordAt {
  return ringPeek(task, ring)
}

/** Sleeps until there is a batch, or until somebody has another reason to wake this actor. */
export function awaitBatch(task: Task, ring: Ring): void {
  ringSleep(task, ring, WAIT.ring)
}

/** The oldest batch is done. */
export function dropBatch(task: Task, ring: Ring): void {
  ringConsume(task, ring, 1)
}

/** Accesses of a batch. */
export function batchCount(task: Task, batch: WordAt): number {
  return get(task, batch + COUNT)
}

export function batchVpn(task: Task, batch: WordAt, i: number): number {
  return get(task, batch + ACCESSES + i * ACCESS_WORDS) >>> 0
}

/** 32-bit word of the page that access `i` is to. */
export function batchWord(task: Task, batch: WordAt, i: number): number {
  return get(task, batch + ACCESSES + i * ACCESS_WORDS + 1) & ((1 << WORD_BITS) - 1)
}

/** FEED_OP value of access `i`. */
export function batchOp(task: Task, batch: WordAt, i: number): number {
  return get(task, batch + ACCESSES + i * ACCESS_WORDS + 1) >> WORD_BITS
}
