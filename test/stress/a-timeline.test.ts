/**
 * What `hmm stress --trace-out` writes: is it a trace that Perfetto can open, a track per actor, every wait with its reason, events that lie
 * within each other or apart, arrows that begin and end on events? And is it written whole, at Ctrl-C too, or not at all?
 */
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { z } from 'zod'
import { layMachine } from '../../shared/actor/machine.ts'
import { hostNowNs } from '../../shared/seam/clock.ts'
import { EVENT, eventBegins, eventEnds, timelineOf } from '../../shared/seam/timeline.ts'
import { OPERATION } from '../../shared/seam/trace.ts'
import { stressDocument } from '../../src/documents.ts'
import { chromeTrace } from '../../src/timeline/chrome.ts'
import { hmm, hmmStarted } from '../support/command.ts'

const place = { pid: z.literal(1), tid: z.number().int().nonnegative() }
const timed = { ...place, ts: z.number().nonnegative(), name: z.string().min(1), cat: z.string() }
const flow = { ...timed, id: z.number().int().positive() }
const eventSchema = z.discriminatedUnion('ph', [
  z.strictObject({ ph: z.literal('M'), ...place, name: z.string(), args: z.record(z.string(), z.unknown()) }),
  z.strictObject({ ph: z.literal('X'), ...timed, dur: z.number().nonnegative(), args: z.record(z.string(), z.unknown()) }),
  z.strictObject({ ph: z.literal('s'), ...flow }),
  z.strictObject({ ph: z.literal('t'), ...flow }),
  z.strictObject({ ph: z.literal('f'), ...flow, bp: z.literal('e') }),
])
const fileSchema = z.strictObject({
  displayTimeUnit: z.literal('ns'),
  otherData: z.strictObject({ writer: z.string(), dropped_events: z.record(z.string(), z.number()) }),
  traceEvents: z.array(eventSchema),
})
type Event = z.infer<typeof eventSchema>
type Step = Extract<Event, { ph: 's' | 't' | 'f' }>
type Slice = Extract<Event, { ph: 'X' }>

function read(file: string): { events: readonly Event[]; dropped: Record<string, number> } {
  const { traceEvents, otherData } = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  return { events: traceEvents, dropped: otherData.dropped_events }
}

function slicesOf(events: readonly Event[]): Map<number, Slice[]> {
  const tracks = new Map<number, Slice[]>()
  for (const event of events) if (event.ph === 'X') tracks.set(event.tid, [...(tracks.get(event.tid) ?? []), event])
  return tracks
}

/** Nanoseconds: sums of thousandths are not exact. */
const ns = (us: number) => Math.round(us * 1000)

/** Slices of one track that begin before their predecessor, or overlap it without lying in it. */
function misplaced(track: readonly Slice[]): Slice[] {
  const open: Slice[] = []
  return track.filter((slice, i) => {
    const end = ns(slice.ts + slice.dur)
    while (open.length > 0 && ns((open.at(-1) as Slice).ts + (open.at(-1) as Slice).dur) <= ns(slice.ts)) open.pop()
    const around = open.at(-1)
    open.push(slice)
    return slice.ts < (track[i - 1]?.ts ?? 0) || (around !== undefined && end > ns(around.ts + around.dur))
  })
}

t.test('a track per actor, nothing overlaps, every wait has a reason, arrows from fault to retry', (t) => {
  const folder = t.testdir()
  const file = join(folder, 'trace.json')
  const json = join(folder, 'result.json')
  const { status, stdout, stderr } = hmm('stress', '--duration', '2', '--trace-out', file, '--json', json)
  t.equal(status, 0, stderr)
  const { events, dropped } = read(file)
  const names = events.flatMap((event) => (event.ph === 'M' && event.name === 'thread_name' ? [event.args.name] : []))
  t.same(names, ['cpu 0', 'cpu 1', 'notifier 0', 'engine 0', 'engine 1', 'service 0', 'service 1'])
  const tracks = slicesOf(events)
  t.same([...tracks.keys()].sort(), [1, 2, 3, 4, 5, 6, 7])
  for (const [tid, track] of tracks) t.same(misplaced(track), [], `track ${tid}`)
  const waits = [...tracks.values()].flat().filter(({ cat }) => cat === 'wait')
  t.ok(waits.length > 0)
  t.same(
    waits.filter(
      ({ name, args }) => !/^waits for [a-z]/i.test(name) || String(args.reason).length < 5 || name === 'waits for none',
    ),
    [],
  )
  t.ok(tracks.get(1)?.some(({ name }) => /^invalidation of [A-Z]\+\d+/.test(name)))
  t.ok(tracks.get(6)?.some(({ name }) => /^fault service of [A-Z]\+\d+/.test(name)))
  t.ok(tracks.get(3)?.some(({ name }) => /^invalidation callbacks of [A-Z]\+\d+/.test(name)))
  const arrows = new Map<number, Step[]>()
  for (const event of events) if ('id' in event) arrows.set(event.id, [...(arrows.get(event.id) ?? []), event])
  t.ok(arrows.size > 0)
  for (const [id, steps] of arrows) checkArrow(t, id, steps, tracks)
  const { trace_out } = stressDocument.parse(JSON.parse(readFileSync(json, 'utf8')))
  const written = [...tracks.values()].reduce((sum, track) => sum + track.length, 0)
  t.match(trace_out, { file, events: written, dropped })
  t.match(stdout, /^timeline: .*trace\.json: [\d,]+ events, [\d,]+ arrows.*ui\.perfetto\.dev$/m)
  t.end()
})

/** Begins once, ends once, goes on in time, and each of its points is on an event; the last on the retry. */
function checkArrow(t: Test, id: number, steps: readonly Step[], tracks: Map<number, Slice[]>): void {
  t.match(steps.map(({ ph }) => ph).join(''), /^st+f$/, `arrow ${id}`)
  t.ok(
    steps.every(({ ts }, i) => ts >= (steps[i - 1]?.ts ?? 0)),
    `arrow ${id} goes on in time`,
  )
  const on = steps.map(({ tid, ts }) =>
    tracks.get(tid)?.filter((slice) => ns(slice.ts) <= ns(ts) && ns(ts) <= ns(slice.ts + slice.dur)),
  )
  t.ok(on.at(-2)?.some(({ cat }) => cat === 'invalidation'))
  t.ok(on.at(-1)?.some(({ cat, ts }) => cat === 'retry' && ts === steps.at(-1)?.ts))
}

t.test('Ctrl-C: it is written all the same', async (t) => {
  const file = join(t.testdir(), 'trace.json')
  const child = hmmStarted('stress', '--duration', '60', '--trace-out', file)
  let told = ''
  child.stderr.on('data', (text) => {
    told += text
    if (!child.killed && / 1 s /.test(told)) child.kill('SIGINT')
  })
  const [code] = await once(child, 'close')
  t.equal(code, 3, told)
  t.ok(read(file).events.length > 100)
})

t.test('a file that cannot be written: one sentence, and nothing is left', (t) => {
  const folder = t.testdir({ taken: {} })
  const early = hmm('stress', '--duration', '60', '--trace-out', join(folder, 'no', 'trace.json'))
  t.match(early, { status: 2, stderr: /^hmm: .*trace\.json cannot be written: there is no folder .*no\n$/ })
  const late = hmm('stress', '--duration', '0.2', '--trace-out', join(folder, 'taken'))
  t.match(late, { status: 3, stderr: /hmm: the result could not be written to .*taken: / })
  t.same(readdirSync(folder), ['taken'])
  t.notOk(existsSync(join(folder, 'no')))
  t.end()
})

t.test('the last events are kept, the others are counted, and the same memory gives the same text', (t) => {
  const shape = {
    cpus: 1,
    notifiers: 0,
    devices: 0,
    bytes: 2 ** 22,
    notify: 'inline',
    checked: false,
    noise: 0,
    seed: 1,
    cores: 1,
  } as const
  const { task } = layMachine({ ...shape, timeline: 4 }, hostNowNs)
  for (let i = 0; i < 7; i++) eventEnds(task, EVENT.operation, OPERATION.add, eventBegins(task), 65536 + i, 1)
  const { events, dropped } = timelineOf(task.words, task.id)
  t.equal(dropped, 3)
  t.same(
    events.map(({ a }) => a - 65536),
    [3, 4, 5, 6],
  )
  const told = chromeTrace(task.words, ['cpu 0', 'main 0'], 'a run')
  t.same(told, chromeTrace(task.words, ['cpu 0', 'main 0'], 'a run'))
  t.match(told.summary, { events: 4, arrows: 0, dropped: { 'main 0': 3 } })
  const none = layMachine(shape, hostNowNs).task
  t.equal(eventBegins(none), 0, 'who asks for none has none')
  t.same(timelineOf(none.words, none.id), { events: [], dropped: 0 })
  t.end()
})
