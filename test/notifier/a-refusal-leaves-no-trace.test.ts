/**
 * The OOM reaper may not wait: a subscriber that would have to sleep refuses. Is everything then as if nobody had asked? The
 * caller of a refused start calls no end, so what start counted would be counted for ever.
 */
import t from 'tap'
import { EAGAIN } from '../../shared/memory/errno.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart, invalidateRangeStartNonblock } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { activeInvalidations, currentSeq, readBegin, readRetry, type Sub } from '../../shared/notifier/subscriptions.ts'
import { isWindowOpen, type NotifierRange, rangeBlockable, rangeInit, windowsOf } from '../../shared/notifier/windows.ts'
import { CALLBACK_DEPTH, HELD_COUNT, WINDOW_DEPTH } from '../../shared/seam/actors.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER } from '../../shared/sync/classes.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { solo, violationOf } from '../support/solo.ts'
import {
  type Call,
  deferredCount,
  recordCalls,
  stateOf,
  subSeq,
  subscribe,
  subscribers,
  unsubscribe,
} from '../support/subscriber.ts'

const PAGE = 150

interface Scene {
  readonly task: Task
  readonly cpu1: Task
  readonly mm: Mm
  readonly subs: readonly Sub[]
  readonly calls: Call[]
  readonly range: NotifierRange
  finish(): string[]
}

/** Three subscriptions to the page, in tree order, of which those in `refusing` refuse. */
function scene(refusing: readonly number[]): Scene {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const subs: Sub[] = []
  const calls = recordCalls([task, cpu1], (t, sub, range) => rangeBlockable(t, range) || !refusing.includes(subs.indexOf(sub)))
  const mm = createMm(task, 0)
  for (const page of [100, 110, 120]) subs.push(subscribe(task, mm, page, 199))
  return {
    task,
    cpu1,
    mm,
    subs,
    calls,
    range: rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear),
    finish() {
      for (const sub of subscribers(task, mm)) unsubscribe(task, sub)
      mmPut(task, mm)
      return leftovers()
    },
  }
}

/** What an actor has open and holds. */
function possessions(task: Task): number[] {
  return [HELD_COUNT, WINDOW_DEPTH, CALLBACK_DEPTH].map((word) => task.words[task.record + word] as number)
}

t.test('nobody refuses: the call is like any other, and has to be ended', async (t) => {
  const { task, mm, calls, range, finish } = scene([])
  t.equal(invalidateRangeStartNonblock(task, range), 0)
  t.equal(calls.length, 3)
  t.equal(stateOf(task, mm), 'FULL')
  invalidateRangeEnd(task, range)
  t.equal(stateOf(task, mm), 'IDLE')
  t.same(finish(), [])
})

t.test('nobody is met: it is open all the same, and has to be ended', async (t) => {
  const { task, mm, finish, range: other } = scene([0])
  invalidateRangeStart(task, other)
  invalidateRangeEnd(task, other)
  const range = rangeInit(task, mm, 5, 5, NOTIFY.clear)
  t.equal(invalidateRangeStartNonblock(task, range), 0)
  t.equal(stateOf(task, mm), 'PARTIAL')
  t.equal(isWindowOpen(task, mm, 5, 3), true)
  invalidateRangeEnd(task, range)
  t.same(finish(), [])
})

t.test('refused by the first, the second or the third: -EAGAIN, nobody behind it is asked, and nothing stays open', async (t) => {
  for (const refuser of [0, 1, 2]) {
    const { task, mm, subs, calls, range, finish } = scene([refuser])
    const before = currentSeq(task, mm)
    t.equal(invalidateRangeStartNonblock(task, range), -EAGAIN)
    t.same(
      calls.map(({ sub }) => sub),
      subs.slice(0, refuser + 1),
    )
    t.same(possessions(task), [0, 0, 0])
    t.same(windowsOf(task, task.id), [])
    t.equal(isWindowOpen(task, mm, PAGE, 3), false)
    t.equal(activeInvalidations(task, mm), 0)
    t.equal(stateOf(task, mm), 'IDLE')
    t.equal(currentSeq(task, mm), before + 2, 'an epoch that is over')
    for (const [i, sub] of subs.entries()) {
      t.equal(subSeq(task, sub), i < refuser ? before + 1 : before - 1, 'who let go was hit, who refused was not')
      const seq = readBegin(task, sub)
      t.equal(readRetry(task, sub, seq), false, 'readers neither sleep nor retry for ever')
    }
    t.same(finish(), [])
  }
})

t.test('refused inside somebody else’s epoch: that one goes on as it was', async (t) => {
  const { task, cpu1, mm, range, finish } = scene([1])
  const outer = rangeInit(cpu1, mm, 0, 1000, NOTIFY.clear)
  invalidateRangeStart(cpu1, outer)
  const seq = currentSeq(task, mm)
  t.equal(invalidateRangeStartNonblock(task, range), -EAGAIN)
  t.equal(stateOf(task, mm), 'FULL')
  t.equal(currentSeq(task, mm), seq)
  t.equal(activeInvalidations(task, mm), 1)
  t.same(possessions(task), [0, 0, 0])
  invalidateRangeEnd(cpu1, outer)
  t.equal(stateOf(task, mm), 'IDLE')
  t.same(finish(), [])
})

t.test('refused inside a window of one’s own: the outer one stays open', async (t) => {
  const { task, mm, range: outer, finish } = scene([2])
  invalidateRangeStart(task, outer)
  const held = possessions(task)
  const inner = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  t.equal(invalidateRangeStartNonblock(task, inner), -EAGAIN)
  t.same(possessions(task), held)
  t.same(windowsOf(task, task.id), [outer])
  invalidateRangeEnd(task, outer)
  t.equal(stateOf(task, mm), 'IDLE')
  t.same(finish(), [])
})

t.test('who subscribed meanwhile is let in', async (t) => {
  const { task, other, leftovers } = solo()
  const mm = createMm(task, 0)
  const old: Sub[] = []
  const young: Sub[] = []
  recordCalls([task], (t, sub) => {
    if (sub === old[0]) young.push(subscribe(t, mm, 300, 300))
    return sub === old[0]
  })
  old.push(subscribe(task, mm, 100, 199), subscribe(task, mm, 101, 199))
  t.equal(invalidateRangeStartNonblock(task, rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)), -EAGAIN)
  t.equal(young.length, 1)
  t.equal(deferredCount(task, mm), 0)
  t.same(subscribers(task, mm, 300, 300), young)
  readBegin(other(1), young[0] as Sub)
  for (const sub of subscribers(task, mm)) unsubscribe(task, sub)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a driver whose lock is taken refuses; once it is free the same call goes through', async (t) => {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  const lock = regionAt(task.words, 'programs')
  recordCalls([task], (t) => {
    if (!mutexTryLock(t, lock, DRIVER)) return false
    mutexUnlock(t, lock)
    return true
  })
  const mm = createMm(task, 0)
  const sub = subscribe(task, mm, 100, 199)
  mutexLock(cpu1, lock, DRIVER)
  t.equal(invalidateRangeStartNonblock(task, rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)), -EAGAIN)
  mutexUnlock(cpu1, lock)
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  t.equal(invalidateRangeStartNonblock(task, range), 0)
  invalidateRangeEnd(task, range)
  unsubscribe(task, sub)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('refusing a call that may block is a driver’s mistake, and reported', async (t) => {
  const { task } = solo()
  recordCalls([task], () => false)
  const mm = createMm(task, 0)
  subscribe(task, mm, 100, 199)
  t.equal(
    violationOf(() => invalidateRangeStart(task, rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear))),
    'CON: a callback refused an invalidation that may block',
  )
})
