/**
 * Courses: what the actors of a machine do while a benchmark measures them. Cpu 0 leads: it sets up, does or orders the operation so
 * many times, and takes everything down; the course says which actor takes the times. A course that did something else than it should
 * have done ends with an error: it is wrong, not fast.
 *
 *   mailbox      two cpus: a message there and back over two rings                                      mailbox.ts
 *   unmap        cpu 0 unmaps pages that the devices mirror                                             unmap.ts
 *   fault        an engine touches pages that are not there                                             fault.ts
 *   contention   engines touch pages that cpu 0 drops all the time                                      contention.ts
 *   locks        two cpus at one lock                                                                   locks.ts
 */
import { HmmError } from '../../seam/error.ts'
import { isAsleep } from '../../seam/park.ts'
import { tick } from '../../seam/point.ts'
import type { Task } from '../../seam/task.ts'

/** A message there and back; `parked`: each is sent when its receiver sleeps. */
export interface MailboxCourse {
  readonly name: 'mailbox'
  readonly parked: boolean
  readonly rounds: number
}

/** `running`: the engines are at accesses of other pages meanwhile; else they sleep. */
export interface UnmapCourse {
  readonly name: 'unmap'
  readonly devices: number
  readonly running: boolean
  /** Batches of UNMAP_BATCH pages. */
  readonly batches: number
}

/** `awake`: the service has just served another fault; else it sleeps. */
export interface FaultCourse {
  readonly name: 'fault'
  readonly awake: boolean
  /** Batches of FAULT_BATCH pages. */
  readonly batches: number
}

export interface ContentionCourse {
  readonly name: 'contention'
  readonly devices: number
  /** How often cpu 0 drops all pages. */
  readonly dropsPerS: number
  readonly seconds: number
}

/** What two cpus do at the same word. `atomic` takes no lock: it is what the others are compared with. */
export const CONTENDED = [
  'atomic',
  'spinlock',
  'mutex',
  'rwsem-write',
  'rwsem-read',
  'rwsem-read-write',
  'seqcount-read-write',
  'rcu-read-retire',
] as const
export type Contended = (typeof CONTENDED)[number]

export interface LocksCourse {
  readonly name: 'locks'
  readonly lock: Contended
  /** Batches of LOCK_BATCH operations. */
  readonly batches: number
}

export type Course = MailboxCourse | UnmapCourse | FaultCourse | ContentionCourse | LocksCourse

export interface BenchProgram {
  readonly kind: 'bench'
  readonly course: Course
  /** For the times (samples.ts): one buffer for each actor that takes any, cpu 0 or the engines by device number. */
  readonly samples: readonly SharedArrayBuffer[]
}

/** Pages whose unmapping is measured one by one before the next are mapped. */
export const UNMAP_BATCH = 32
/** Pages that an engine touches before they are taken away again. */
export const FAULT_BATCH = 64
/** Messages to a receiver that is awake that are timed as one: one of them takes not much more than reading the clock. */
export const MAIL_BATCH = 512
/** Operations at a lock that are timed as one: reading the clock costs more than one of them. */
export const LOCK_BATCH = 8192
/** From saying so to being asleep. */
const FALL_ASLEEP_NS = 10_000
/** Of so many batches, or rounds, the first is a warm-up. */
export const WARM_UP_SHARE = 5

/** Throws when what a course measured is not what it was to measure. */
export function mustBe(condition: boolean, what: string): asserts condition {
  if (!condition) throw new HmmError('HMM_ERR_BENCH', what)
}

/** Returns once actor `id` sleeps: it has said so, and the host has had the time to see to it. No part of what is measured. */
export function awaitSleep(task: Task, id: number): void {
  while (!isAsleep(task, id)) tick(task)
  const until = task.nowNs() + FALL_ASLEEP_NS
  while (task.nowNs() < until) tick(task)
}
