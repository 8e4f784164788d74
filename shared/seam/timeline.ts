/**
 * Timelines: what each actor did and waited for, with times, for who asks for them (`hmm stress --trace-out`). A ring per actor; when
 * it is full the oldest event makes room. A machine without the region pays one branch at each operation and wait.
 *
 *   per actor
 *   word   0        1                16 ...
 *        +--------+---------+-------+----------------------------------------------------------+
 *        | EVENTS | NEXT    | pad   | EVENTS x (WHAT, A, B, C, BEGAN: 2 words, ENDED: 2 words)  |
 *        +--------+---------+-------+----------------------------------------------------------+
 *
 *   EVENTS   power of two, written when the machine is laid out.
 *   NEXT     events ever written.
 *   WHAT     kind of event, CODE << 8: the operation or the kind of wait.
 *   BEGAN    nanoseconds on the clock that the threads have in common, high and low word. An event is written when it has ended.
 *
 * Written plainly by the actor itself; read when it has stopped.
 */
import { regionAt, regionWords } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt, type Words } from '../memory/words.ts'
import { sharedNowUs } from './clock.ts'
import { ACTOR_COUNT_AT } from './superblock.ts'
import type { Task } from './task.ts'

/**
 * Kinds. A, B and C are: of an operation its own (seam/trace.ts); of a wait the word it is about; of a fault the page, 1, the device; of
 * an invalidation its first page, pages, sequence; of a retry the actor whose invalidation caused it, how many in a row, sequence.
 */
export const EVENT = { operation: 1, wait: 2, fault: 3, invalidation: 4, retry: 5 } as const
export type EventKind = keyof typeof EVENT
const KINDS = ['none', ...Object.keys(EVENT)] as (EventKind | 'none')[]

const EVENTS = 0
const NEXT = 1
const EVENT_WORDS = 8
const TWO_32 = 2 ** 32

/** Words one actor's ring of that many events takes. */
export function timelineWords(events: number): number {
  return LINE_WORDS + events * EVENT_WORDS
}

/** Makes the rings. Once, by the booting thread. */
export function createTimelines(words: Words, actors: number, events: number): void {
  for (let actor = 0; actor < actors; actor++)
    words[regionAt(words, 'timeline') + actor * timelineWords(events) + EVENTS] = events
}

/** First word of an actor's ring; 0 in a machine that keeps none. */
export function timelineAt(words: Words, actor: number): WordAt {
  const size = regionWords(words, 'timeline')
  return size === 0 ? 0 : regionAt(words, 'timeline') + actor * (size / (words[ACTOR_COUNT_AT] as number))
}

/** The time for an event that begins now; 0 where none is kept. */
export function eventBegins(task: Task): number {
  return task.timelineAt === 0 ? 0 : sharedNowUs() * 1000
}

/** Writes an event that began then and ends now. */
export function eventEnds(task: Task, kind: number, code: number, beganNs: number, a = 0, b = 0, c = 0): void {
  const at = task.timelineAt
  if (at === 0 || beganNs === 0) return
  const { words } = task
  const endedNs = sharedNowUs() * 1000
  const next = words[at + NEXT] as number
  const slot = at + LINE_WORDS + (next & ((words[at + EVENTS] as number) - 1)) * EVENT_WORDS
  words[slot] = kind | (code << 8)
  words[slot + 1] = a
  words[slot + 2] = b
  words[slot + 3] = c
  putTime(words, slot + 4, beganNs)
  putTime(words, slot + 6, endedNs)
  words[at + NEXT] = next + 1
}

function putTime(words: Words, at: WordAt, ns: number): void {
  words[at] = Math.floor(ns / TWO_32)
  words[at + 1] = (ns % TWO_32) | 0
}

function timeOf(words: Words, at: WordAt): number {
  return (words[at] as number) * TWO_32 + ((words[at + 1] as number) >>> 0)
}

export interface TimelineEvent {
  readonly kind: EventKind
  /** The operation, or the kind of wait. */
  readonly code: number
  readonly a: number
  readonly b: number
  readonly c: number
  readonly beganNs: number
  readonly endedNs: number
}

/** The last events of an actor in the order in which they ended, and how many older ones have made room for them. */
export function timelineOf(words: Words, actor: number): { events: TimelineEvent[]; dropped: number } {
  const at = timelineAt(words, actor)
  if (at === 0) return { events: [], dropped: 0 }
  const next = words[at + NEXT] as number
  const dropped = Math.max(0, next - (words[at + EVENTS] as number))
  const events = Array.from({ length: next - dropped }, (_, i): TimelineEvent => {
    const slot = at + LINE_WORDS + ((dropped + i) & ((words[at + EVENTS] as number) - 1)) * EVENT_WORDS
    const what = words[slot] as number
    return {
      kind: KINDS[what & 255] as EventKind,
      code: what >>> 8,
      a: (words[slot + 1] as number) >>> 0,
      b: words[slot + 2] as number,
      c: words[slot + 3] as number,
      beganNs: timeOf(words, slot + 4),
      endedNs: timeOf(words, slot + 6),
    }
  })
  return { events, dropped }
}
