/**
 * Idle, partial, full: does every start, end, insert and remove lead from each state to the one in the table? (Linux
 * mm/mmu_notifier.c; the table stands in shared/notifier/subscriptions.ts.)
 */
import t from 'tap'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import { type Mm, mmSubscriptions } from '../../shared/notifier/mmhead.ts'
import { activeInvalidations, currentSeq, type Sub } from '../../shared/notifier/subscriptions.ts'
import { type NotifierRange, rangeInit } from '../../shared/notifier/windows.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo } from '../support/solo.ts'
import { deferredCount, recordCalls, stateOf, subSeq, subscribe, subscribers, unsubscribe } from '../support/subscriber.ts'

/** Pages that somebody subscribes to, and pages that nobody does. */
const WATCHED = 150
const UNWATCHED = 5
type State = 'IDLE' | 'PARTIAL' | 'FULL'
const STATES: readonly State[] = ['IDLE', 'PARTIAL', 'FULL']

interface Scene {
  readonly task: Task
  readonly mm: Mm
  /** Subscription to pages 100 to 199. */
  readonly sub: Sub
  /** Sequence before anything happened. */
  readonly before: number
  /** Ends what put the mm into its state. */
  end(): void
  /** Gives everything back, and returns what is missing. */
  finish(): string[]
}

function open(task: Task, mm: Mm, page: number): NotifierRange {
  const range = rangeInit(task, mm, page, page, NOTIFY.clear)
  invalidateRangeStart(task, range)
  return range
}

/** An mm with one subscription, brought into `state` by an invalidation of cpu 1. */
function sceneIn(state: State): Scene {
  const { task, other, leftovers } = solo()
  const cpu1 = other(1)
  recordCalls([task, cpu1])
  const mm = createMm(task, 0)
  const sub = subscribe(task, mm, 100, 199)
  const before = currentSeq(task, mm)
  const range = state === 'IDLE' ? null : open(cpu1, mm, state === 'FULL' ? WATCHED : UNWATCHED)
  return {
    task,
    mm,
    sub,
    before,
    end: () => (range === null ? undefined : invalidateRangeEnd(cpu1, range)),
    finish() {
      for (const one of subscribers(task, mm)) unsubscribe(task, one)
      mmPut(task, mm)
      return leftovers()
    },
  }
}

t.test('the scenes are what they are called', async (t) => {
  for (const state of STATES) {
    const { task, mm, before, end, finish } = sceneIn(state)
    t.equal(stateOf(task, mm), state)
    t.equal(currentSeq(task, mm), state === 'FULL' ? before + 1 : before)
    end()
    t.equal(stateOf(task, mm), 'IDLE')
    t.same(finish(), [])
  }
})

t.test('an mm begins idle, with sequence 2 and no subscription', async (t) => {
  const { task, leftovers } = solo()
  const mm = createMm(task, 0)
  t.equal(currentSeq(task, mm), 2)
  t.equal(stateOf(task, mm), 'IDLE')
  t.same(subscribers(task, mm), [])
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('start, nothing met: one more active; only idle becomes partial', async (t) => {
  for (const [state, next] of [
    ['IDLE', 'PARTIAL'],
    ['PARTIAL', 'PARTIAL'],
    ['FULL', 'FULL'],
  ] as const) {
    const { task, mm, end, finish } = sceneIn(state)
    const active = activeInvalidations(task, mm)
    const seq = currentSeq(task, mm)
    const range = open(task, mm, UNWATCHED)
    t.equal(stateOf(task, mm), next, `from ${state}`)
    t.equal(activeInvalidations(task, mm), active + 1)
    t.equal(currentSeq(task, mm), seq)
    invalidateRangeEnd(task, range)
    end()
    t.same(finish(), [])
  }
})

t.test('start, overlap: full from any state; the epoch keeps its number while it lasts', async (t) => {
  for (const state of STATES) {
    const { task, mm, sub, before, end, finish } = sceneIn(state)
    const active = activeInvalidations(task, mm)
    const range = open(task, mm, WATCHED)
    t.equal(stateOf(task, mm), 'FULL', `from ${state}`)
    t.equal(activeInvalidations(task, mm), active + 1)
    t.equal(currentSeq(task, mm), before + 1)
    t.equal(subSeq(task, sub), before + 1)
    invalidateRangeEnd(task, range)
    end()
    t.equal(currentSeq(task, mm), before + 2, 'even again, and a new number')
    t.same(finish(), [])
  }
})

t.test('end, not the last: one less, nothing else', async (t) => {
  for (const page of [WATCHED, UNWATCHED]) {
    const { task, mm, end, finish } = sceneIn('PARTIAL')
    const range = open(task, mm, page)
    const seq = currentSeq(task, mm)
    const state = stateOf(task, mm)
    end()
    t.equal(stateOf(task, mm), state)
    t.equal(currentSeq(task, mm), seq)
    t.equal(activeInvalidations(task, mm), 1)
    invalidateRangeEnd(task, range)
    t.same(finish(), [])
  }
})

t.test('end, the last: partial keeps its sequence, full takes the next', async (t) => {
  for (const [state, step] of [
    ['PARTIAL', 0],
    ['FULL', 2],
  ] as const) {
    const { task, mm, before, end, finish } = sceneIn(state)
    end()
    t.equal(stateOf(task, mm), 'IDLE')
    t.equal(currentSeq(task, mm), before + step)
    t.same(finish(), [])
  }
})

t.test('insert: at once when idle or partial, deferred when full; its sequence says whether readers sleep', async (t) => {
  for (const [state, next, inTree, ownSeq] of [
    ['IDLE', 'IDLE', true, -1],
    ['PARTIAL', 'FULL', true, +1],
    ['FULL', 'FULL', false, +1],
  ] as const) {
    const { task, mm, before, end, finish } = sceneIn(state)
    const young = subscribe(task, mm, 300, 399)
    t.equal(stateOf(task, mm), next, `into ${state}`)
    t.equal(subscribers(task, mm).includes(young), inTree)
    t.equal(deferredCount(task, mm), inTree ? 0 : 1)
    t.equal(subSeq(task, young), before + ownSeq)
    t.equal(currentSeq(task, mm), next === 'FULL' ? before + 1 : before)
    end()
    t.ok(subscribers(task, mm).includes(young), 'after the end it is in the tree')
    t.equal(deferredCount(task, mm), 0)
    t.equal(subSeq(task, young), before + ownSeq, 'and its sequence is what it was')
    t.equal(stateOf(task, mm), 'IDLE')
    t.same(finish(), [])
  }
})

t.test('remove: at once while the sequence is even, even if somebody invalidates', async (t) => {
  for (const state of ['IDLE', 'PARTIAL'] as const) {
    const { task, mm, sub, end, finish } = sceneIn(state)
    unsubscribe(task, sub)
    t.equal(stateOf(task, mm), state)
    t.same(subscribers(task, mm), [])
    end()
    t.same(finish(), [])
  }
})

t.test('remove of what still waits to be inserted: it is taken off the list, wherever it stands there', async (t) => {
  for (const victim of [0, 1, 2]) {
    const { task, mm, end, finish } = sceneIn('FULL')
    const young = [300, 400, 500].map((page) => subscribe(task, mm, page, page + 9))
    unsubscribe(task, young[victim] as Sub)
    t.equal(deferredCount(task, mm), 2)
    t.equal(stateOf(task, mm), 'FULL')
    end()
    t.same(
      subscribers(task, mm, 300, 600),
      young.filter((_, i) => i !== victim),
    )
    t.same(finish(), [])
  }
})

t.test('a callback comes for the pages that were subscribed to, and for no others', async (t) => {
  const { task, leftovers } = solo()
  const calls = recordCalls([task])
  const mm = createMm(task, 0)
  const low = subscribe(task, mm, 10, 20)
  const high = subscribe(task, mm, 15, 0xffffffff)
  for (const [start, last, met] of [
    [0, 9, []],
    [9, 10, [low]],
    [20, 21, [low, high]],
    [21, 21, [high]],
    [0xffffffff, 0xffffffff, [high]],
    [0, 0xffffffff, [low, high]],
  ] as const) {
    calls.length = 0
    const range = rangeInit(task, mm, start, last, NOTIFY.unmap)
    invalidateRangeStart(task, range)
    t.same(
      calls.map(({ sub }) => sub),
      met,
      `pages ${start} to ${last}`,
    )
    t.ok(calls.every((call) => call.start === start && call.last === last && call.event === NOTIFY.unmap))
    invalidateRangeEnd(task, range)
  }
  for (const sub of [low, high]) unsubscribe(task, sub)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('the sequence wraps, and everything goes on', async (t) => {
  const { task, leftovers } = solo()
  recordCalls([task])
  const mm = createMm(task, 0)
  task.words[mmSubscriptions(mm) + 1] = 0x7ffffffe
  const sub = subscribe(task, mm, 100, 199)
  for (const [epoch, after] of [
    [0x7fffffff, -0x80000000],
    [-0x7fffffff, -0x7ffffffe],
  ] as const) {
    const range = open(task, mm, WATCHED)
    t.equal(currentSeq(task, mm), epoch)
    t.equal(subSeq(task, sub), epoch)
    invalidateRangeEnd(task, range)
    t.equal(currentSeq(task, mm), after)
    t.equal(stateOf(task, mm), 'IDLE')
  }
  task.words[mmSubscriptions(mm) + 1] = -0x80000000
  const young = subscribe(task, mm, 300, 399)
  t.equal(subSeq(task, young), 0x7fffffff, 'the odd number before')
  for (const one of [sub, young]) unsubscribe(task, one)
  mmPut(task, mm)
  t.same(leftovers(), [])
})
