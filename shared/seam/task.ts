/**
 * Task: one thread's handle on the machine, as the kernel's `current`. It holds the thread's view of the buffer, its actor
 * number, and the switches that decide what a schedule point does. Every function that touches the buffer takes it first.
 * All protocol state is in the buffer; what is here is private to the thread and may be lost with it.
 */
import { hasRegions, memoryOf, regionAt, regionWords, type SharedMemory } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import { type ActorAt, actorAt, STEPS } from './actors.ts'
import type { OpTables } from './optable.ts'
import { emptyProbes, type ProbeTable } from './probe.ts'
import { spinBudgets } from './spin.ts'
import { CHECKED_AT } from './superblock.ts'
import { timelineAt } from './timeline.ts'

/** Bits of `Task.gate`: any of them set sends a schedule point down its slow path (seam/point.ts). */
export const GATE_NOISE = 1
export const GATE_CONTROL = 2

/** What a controlled actor does instead of running free, spinning and sleeping (seam/control.ts). */
export interface ControlPort {
  point(kind: number, at: WordAt): void
  sleep(): void
  nap(ns: number): void
  spin(at: WordAt): void
  /** A lock was taken, or is about to be dropped: for the log of steps. */
  noteHold(held: number, lock: WordAt, taken: boolean): void
}

/** Kinds of wait there is room for (seam/park.ts). */
const WAIT_KINDS = 32

/** Measures how long locks are waited for and held (sync/locktimes.ts). */
export interface LockClock {
  /** This actor is about to wait for a lock of that class. */
  waits(cls: number): void
  taken(cls: number, lock: WordAt): void
  dropped(lock: WordAt): void
}

/** What a thread needs to take part in a machine. */
export interface TaskOptions {
  readonly buffer: SharedArrayBuffer
  /** Actor number of the calling thread. */
  readonly actor: number
  /** The only clock: monotonic nanoseconds. Virtual in controlled mode. */
  readonly nowNs: () => number
}

/** One thread's handle on the machine. */
export class Task {
  readonly words: Words
  readonly id: number
  readonly record: ActorAt
  /** What the buffer is the memory of, for loops that are WebAssembly; null: the same loops as they are in TypeScript. */
  memory: SharedMemory | null
  /** The clock: the host's, or in controlled mode the scheduler's. */
  nowNs: () => number
  /** Upward calls, registered when the worker boots (seam/optable.ts). */
  readonly tables: OpTables = new Map()
  /** What the oracles want to hear about (shared/check fills it). */
  probes: ProbeTable = emptyProbes()
  /** GATE_* bits. 0 in a plain free run, so that a point costs one predictable branch. */
  gate = 0
  /** Set while this actor is controlled, together with GATE_CONTROL. */
  baton: ControlPort | null = null
  /** Set where phases and locks are measured. Needs `checked`: it is told by the book of held locks. */
  lockClock: LockClock | null = null
  /** Held-lock, order and object-lifetime checks are on. */
  checked = false
  /** Set while HaltSignal unwinds: unlocking becomes a no-op. */
  halting = false
  /**
   * Uses the module (hmm/module.ts) where accesses are checked as well, in the form whose atomics are schedule points: for exploring the
   * module itself.
   */
  exploresModule = false
  /** Local copy of the heartbeat. */
  steps = 0
  /** Sleeps so far. Who sleeps while it tests a condition may have spent the token that was for the condition. */
  parks = 0
  /** How long it spins before it sleeps, by kind of wait. */
  readonly spins = spinBudgets(WAIT_KINDS)
  readonly stepsAt: WordAt
  /** This actor's ring of events with times, 0 if none is kept; and when its operation and its wait began (seam/timeline.ts). */
  readonly timelineAt: WordAt
  operationBegan = 0
  waitBegan = 0
  /** Freed-object shadow: one bit per line of the words below `shadowLimit` (frame/objects.ts). */
  readonly shadowAt: WordAt
  readonly shadowLimit: WordAt

  constructor(options: TaskOptions) {
    const words = new Int32Array(options.buffer)
    if (!hasRegions(words)) throw new TypeError('this buffer was not made by hmm-runtime: it has no superblock')
    this.words = words
    this.id = options.actor
    this.record = actorAt(words, options.actor)
    this.nowNs = options.nowNs
    this.memory = memoryOf(options.buffer)
    this.timelineAt = timelineAt(words, options.actor)
    this.stepsAt = this.record + STEPS
    this.shadowAt = regionAt(words, 'shadow')
    this.shadowLimit = regionAt(words, 'heap') + regionWords(words, 'heap')
    this.checked = words[CHECKED_AT] === 1
  }
}
