/**
 * Timelines as Chrome trace-event JSON, which Perfetto (ui.perfetto.dev) and chrome://tracing open: a track per actor, an event for each
 * operation, wait, invalidation and retry, the reason of every wait, and arrows from faults to what spoilt their service.
 *
 * Times are microseconds from the first event. On each track they ascend, and what lies within another event follows it.
 */
import { WAIT_NAMES, type WaitName } from '../../shared/seam/park.ts'
import { type TimelineEvent, timelineOf } from '../../shared/seam/timeline.ts'
import { describeOp, pageName } from '../../shared/seam/trace.ts'
import { type Arrow, arrowsOf, type Placed } from './arrows.ts'

/** What came of a run's timelines. */
export interface TimelineSummary {
  /** Events in the file: of operations, waits, faults, invalidations and retries. */
  readonly events: number
  readonly arrows: number
  /** Older events that there was no room for, by actor: those that have any. */
  readonly dropped: Readonly<Record<string, number>>
}

const REASONS: Readonly<Record<WaitName, string>> = {
  none: 'nothing',
  lock: 'another actor holds the lock',
  rwsemRead: 'a writer has the semaphore, or comes first',
  rwsemWrite: 'others have the semaphore',
  invalidationEnd: 'an invalidation of its range is running',
  dispatch: 'the dispatcher runs the callbacks of its invalidation',
  ring: 'a ring is empty or full',
  replay: 'the service is at its faults',
  gracePeriod: 'readers have to leave first',
  shootdown: 'another actor has to flush its TLB',
  frameLock: 'somebody has locked the page',
  command: 'no command has come',
  work: 'there is nothing to do',
  nap: 'a pause',
  backoff: 'a device fault has to give way',
  fence: 'a job of the device is running',
  copies: 'the copy engine is at it',
}

/** The text of the file, and what is in it. `names`: of the actors, in the order of their numbers. */
export function chromeTrace(
  words: Int32Array,
  names: readonly string[],
  title: string,
): { text: string; summary: TimelineSummary } {
  const kept = names.map((_, actor) => timelineOf(words, actor))
  const tracks = kept.map(({ events }, track) => nested(events).map((event): Placed => ({ ...event, track })))
  const all = tracks.flat()
  const origin = all.reduce((least, { beganNs }) => Math.min(least, beganNs), Number.POSITIVE_INFINITY)
  const us = (ns: number) => Math.round(ns - origin) / 1000
  const arrows = arrowsOf(tracks)
  const dropped = Object.fromEntries(names.flatMap((name, i) => (kept[i]?.dropped ? [[name, kept[i].dropped]] : [])))
  const lines = [
    { name: 'process_name', ph: 'M', pid: 1, tid: 0, args: { name: title } },
    ...names.flatMap((name, i) => [
      { name: 'thread_name', ph: 'M', pid: 1, tid: i + 1, args: { name } },
      { name: 'thread_sort_index', ph: 'M', pid: 1, tid: i + 1, args: { sort_index: i } },
    ]),
    ...tracks.flatMap((track) => track.map((event) => completeEvent(event, names, us))),
    ...arrows.flatMap((arrow, id) => flowEvents(arrow, id + 1, us)),
  ]
  const other = { writer: 'hmm-runtime', dropped_events: dropped }
  const text = `{"displayTimeUnit":"ns","otherData":${JSON.stringify(other)},"traceEvents":[\n${lines.map((line) => JSON.stringify(line)).join(',\n')}\n]}\n`
  return { text, summary: { events: all.length, arrows: arrows.length, dropped } }
}

/** In the order of their beginnings, the longer one first; a retry lasts until the next one, or its operation ends. */
function nested(events: readonly TimelineEvent[]): TimelineEvent[] {
  const sorted = [...events].sort((x, y) => x.beganNs - y.beganNs || y.endedNs - x.endedNs)
  let operation: TimelineEvent | undefined
  return sorted.map((event, i) => {
    if (event.kind === 'operation') operation = event
    if (event.kind !== 'retry') return event
    let end = operation === undefined || operation.endedNs < event.beganNs ? event.beganNs : operation.endedNs
    for (let j = i + 1; j < sorted.length && (sorted[j] as TimelineEvent).beganNs < end; j++)
      if (sorted[j]?.kind === 'retry') end = (sorted[j] as TimelineEvent).beganNs
    return { ...event, endedNs: end }
  })
}

function completeEvent(event: Placed, names: readonly string[], us: (ns: number) => number): object {
  const began = us(event.beganNs)
  const place = { ph: 'X', pid: 1, tid: event.track + 1, ts: began, dur: Math.round((us(event.endedNs) - began) * 1000) / 1000 }
  return { ...told(event, names), ...place }
}

function told({ kind, code, a, b, c }: TimelineEvent, names: readonly string[]): { name: string; cat: string; args: object } {
  const span = `${pageName(a)}${b > 1 ? ` (${b} pages)` : ''}`
  switch (kind) {
    case 'operation':
      return { name: describeOp(code, a, b), cat: kind, args: {} }
    case 'wait': {
      const wait = WAIT_NAMES[code] ?? 'none'
      return { name: `waits for ${wait}`, cat: kind, args: { reason: REASONS[wait], word: a } }
    }
    case 'fault':
      return { name: `fault of ${span}`, cat: kind, args: { device: c } }
    case 'invalidation':
      return { name: `invalidation of ${span}`, cat: kind, args: { sequence: c } }
    case 'retry':
      return { name: `retry ${b}`, cat: kind, args: { reason: `an invalidation by ${names[a] ?? 'nobody'}`, sequence: c } }
  }
}

function flowEvents(arrow: Arrow, id: number, us: (ns: number) => number): object[] {
  return arrow.map(({ track, ns }, i) => {
    const ph = i === 0 ? 's' : i === arrow.length - 1 ? 'f' : 't'
    return { name: 'spoilt', cat: 'retry', ph, id, pid: 1, tid: track + 1, ts: us(ns), ...(ph === 'f' ? { bp: 'e' } : {}) }
  })
}
