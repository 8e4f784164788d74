/**
 * An actor may invalidate inside its own invalidation, and a callback may invalidate too: do windows close in the order they
 * were opened, is each seen while it is open, and does a callback's own invalidation run on the callback's thread?
 */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import { type Mm, mmSubscriptions } from '../../shared/notifier/mmhead.ts'
import { activeInvalidations, currentSeq, readBegin, subLastOrigin } from '../../shared/notifier/subscriptions.ts'
import {
  isWindowOpen,
  type NotifierRange,
  rangeActor,
  rangeEvent,
  rangeInit,
  rangeLast,
  rangeMm,
  rangeOwner,
  rangeSeq,
  rangeStart,
  WINDOWS_PER_ACTOR,
  windowsOf,
} from '../../shared/notifier/windows.ts'
import { CALLBACK_DEPTH, HELD_COUNT } from '../../shared/seam/actors.ts'
import type { Task } from '../../shared/seam/task.ts'
import { isHeld } from '../../shared/sync/held.ts'
import { solo, violationOf } from '../support/solo.ts'
import { recordCalls, stateOf, subscribe, unsubscribe } from '../support/subscriber.ts'

/** Actors of the machine of `solo`: two cpus and main. */
const ACTORS = 3

function open(task: Task, mm: Mm, start: number, last = start): NotifierRange {
  const range = rangeInit(task, mm, start, last, NOTIFY.clear)
  invalidateRangeStart(task, range)
  return range
}

t.test('a window says what it is about', async (t) => {
  const { task, leftovers } = solo()
  const mm = createMm(task, 0)
  const range = rangeInit(task, mm, 5, 0xffffffff, NOTIFY.exclusive, 42)
  t.same(windowsOf(task, 0), [], 'prepared is not open')
  invalidateRangeStart(task, range)
  t.same(windowsOf(task, 0), [range])
  t.same(
    [rangeMm, rangeStart, rangeLast, rangeEvent, rangeOwner, rangeActor].map((read) => read(task, range)),
    [mm, 5, 0xffffffff, NOTIFY.exclusive, 42, 0],
  )
  t.equal(isHeld(task, mmSubscriptions(mm)), true, 'and is held like a lock')
  invalidateRangeEnd(task, range)
  t.equal(task.words[task.record + HELD_COUNT], 0)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a page is in an open window from start to end, on whichever actor, and only in its own mm', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const [mm, stranger] = [createMm(task, 0), createMm(task, 1)]
  const range = rangeInit(cpu1, mm, 10, 20, NOTIFY.clear)
  t.equal(isWindowOpen(task, mm, 15, ACTORS), false)
  invalidateRangeStart(cpu1, range)
  for (const [page, inside] of [
    [9, false],
    [10, true],
    [20, true],
    [21, false],
  ] as const)
    t.equal(isWindowOpen(task, mm, page, ACTORS), inside, `page ${page}`)
  t.equal(isWindowOpen(task, stranger, 15, ACTORS), false)
  t.equal(isWindowOpen(task, mm, 15, 1), false, 'asked about cpu 0 alone')
  invalidateRangeEnd(cpu1, range)
  t.equal(isWindowOpen(task, mm, 15, ACTORS), false)
  for (const one of [mm, stranger]) mmPut(task, one)
  t.same(leftovers(), [])
})

t.test('nested windows are one epoch, which ends with the outermost', async (t) => {
  const { task, leftovers } = solo()
  const calls = recordCalls([task])
  const mm = createMm(task, 0)
  const sub = subscribe(task, mm, 0, 100)
  const ranges = [1, 2, 3].map((page) => open(task, mm, page))
  t.same(windowsOf(task, 0), ranges, 'outermost first')
  t.equal(activeInvalidations(task, mm), 3)
  t.equal(new Set(calls.map(({ seq }) => seq)).size, 1)
  t.same(
    ranges.map((range) => rangeSeq(task, range)),
    ranges.map(() => currentSeq(task, mm)),
  )
  for (const range of [...ranges].reverse()) {
    t.equal(stateOf(task, mm), 'FULL')
    invalidateRangeEnd(task, range)
  }
  t.equal(stateOf(task, mm), 'IDLE')
  unsubscribe(task, sub)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test(`at most ${WINDOWS_PER_ACTOR} nest, and they end in reverse order`, async (t) => {
  const { task } = solo()
  const mm = createMm(task, 0)
  const ranges = Array.from({ length: WINDOWS_PER_ACTOR }, (_, page) => open(task, mm, page))
  t.throws(() => rangeInit(task, mm, 1, 1, NOTIFY.clear), /at most 6 invalidations nest on one actor/)
  t.throws(() => invalidateRangeEnd(task, ranges[0] as NotifierRange), /nested invalidations end in reverse order/)
})

t.test('a range is not empty, and is started once', async (t) => {
  const { task } = solo()
  const mm = createMm(task, 0)
  t.throws(() => rangeInit(task, mm, 2, 1, NOTIFY.clear), /an invalidated range is not empty/)
  const range = open(task, mm, 1)
  t.throws(() => invalidateRangeStart(task, range), /a range is started once/)
})

t.test('who has a window open on an mm may not wait for the end of one there', async (t) => {
  const { task } = solo()
  recordCalls([task])
  const mm = createMm(task, 0)
  const sub = subscribe(task, mm, 0, 100)
  open(task, mm, 500)
  t.equal(
    violationOf(() => readBegin(task, sub)),
    'DLK: invalidation window is taken again by an actor that holds it already',
  )
})

t.test('a callback that invalidates another mm does so on its own thread, one level deeper', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const [mm, second] = [createMm(task, 0), createMm(task, 1)]
  const depths: number[] = []
  const windows: number[] = []
  const calls = recordCalls([cpu1], (actor) => {
    depths.push(actor.words[actor.record + CALLBACK_DEPTH] as number)
    windows.push(windowsOf(actor, 1).length)
    if (depths.length === 1) invalidateRangeEnd(actor, open(actor, second, 7))
    return true
  })
  const subs = [subscribe(task, mm, 0, 100), subscribe(task, second, 0, 100)]
  invalidateRangeEnd(cpu1, open(cpu1, mm, 7))
  t.same(depths, [1, 2])
  t.same(windows, [1, 2])
  t.same(
    calls.map(({ sub }) => sub),
    subs,
  )
  t.equal(cpu1.words[cpu1.record + CALLBACK_DEPTH], 0)
  for (const sub of subs) {
    t.equal(subLastOrigin(task, sub), 1, 'it was cpu 1 that hit both')
    unsubscribe(task, sub)
  }
  for (const one of [mm, second]) {
    t.equal(stateOf(task, one), 'IDLE')
    mmPut(task, one)
  }
  t.same(leftovers(), [])
})
