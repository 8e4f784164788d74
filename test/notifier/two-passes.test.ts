/**
 * Subscribers may begin in a first pass what they wait for in a second. Does every first pass come before any second? Are second
 * passes run for those who began, also when somebody behind them refuses, and in the order in which they began? What if more of them
 * owe one than there are slots?
 */
import t from 'tap'
import { EAGAIN } from '../../shared/memory/errno.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import {
  INTERVAL_OPS,
  invalidateRangeEnd,
  invalidateRangeStart,
  invalidateRangeStartNonblock,
} from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { FINISH_OPS } from '../../shared/notifier/secondpass.ts'
import { readBegin, setSeq } from '../../shared/notifier/subscriptions.ts'
import { isWindowOpen, rangeInit } from '../../shared/notifier/windows.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import { readStat } from '../../shared/seam/stats.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo } from '../support/solo.ts'
import { RECORDER, stateOf, subscribe, subscribers, unsubscribe } from '../support/subscriber.ts'

const PAGE = 150

/** What the subscribers of a scene answer, in tree order: a token, true, or false. */
type Answers = readonly (number | boolean)[]

interface Scene {
  readonly task: Task
  readonly cpu1: Task
  readonly mm: Mm
  /** `start I` and `finish TOKEN`, as they came. */
  readonly calls: string[]
  onStart: (i: number, task: Task) => void
  close(): string[]
}

function scene(answers: Answers, devices = 1): Scene {
  const { task, other, leftovers } = solo({ devices, engines: 0 })
  const cpu1 = other(1)
  const mm = createMm(task, 0)
  const subs = answers.map((_, i) => subscribe(task, mm, 100 + i, 199))
  const made: Scene = {
    task,
    cpu1,
    mm,
    calls: [],
    onStart: () => {},
    close() {
      for (const sub of subscribers(task, mm)) unsubscribe(task, sub)
      mmPut(task, mm)
      return leftovers()
    },
  }
  for (const actor of [task, cpu1]) {
    registerOp(actor, INTERVAL_OPS, RECORDER, (who, sub, _range, seq) => {
      const i = subs.indexOf(sub)
      made.calls.push(`start ${i}`)
      made.onStart(i, who)
      if (answers[i] !== false) setSeq(who, sub, seq)
      return answers[i] as number | boolean
    })
    registerOp(actor, FINISH_OPS, RECORDER, (_who, _sub, token) => {
      made.calls.push(`finish ${token}`)
    })
  }
  return made
}

t.test('all first passes, then all second ones, in the same order; who had nothing to wait for has none', (t) => {
  const { task, mm, calls, close } = scene([11, true, 33])
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, range)
  t.same(calls, ['start 0', 'start 1', 'start 2', 'finish 11', 'finish 33'], 'before the start has returned')
  invalidateRangeEnd(task, range)
  t.equal(calls.length, 5, 'the end calls nobody')
  t.equal(readStat(task.words, 2, 'secondPasses'), 2)
  t.equal(readStat(task.words, 2, 'overlappedPasses'), 2)
  t.same(close(), [])
  t.end()
})

t.test('one that waits alone overlaps with nobody', (t) => {
  const { task, mm, close } = scene([true, 22])
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, range)
  invalidateRangeEnd(task, range)
  t.equal(readStat(task.words, 2, 'secondPasses'), 1)
  t.equal(readStat(task.words, 2, 'overlappedPasses'), 0)
  t.same(close(), [])
  t.end()
})

t.test('the one in the middle refuses: who began is finished, who comes behind is not asked, nothing stays open', (t) => {
  const { task, mm, calls, close } = scene([11, false, 33])
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  t.equal(invalidateRangeStartNonblock(task, range), -EAGAIN)
  t.same(calls, ['start 0', 'start 1', 'finish 11'])
  t.equal(stateOf(task, mm), 'IDLE')
  t.equal(isWindowOpen(task, mm, PAGE, 2), false)
  t.same(close(), [])
  t.end()
})

t.test('a second invalidation between the passes of the first has slots of its own', (t) => {
  const made = scene([11, 22])
  const { task, cpu1, mm, calls, close } = made
  made.onStart = (i, who) => {
    if (i !== 1 || who !== task) return
    const inner = rangeInit(cpu1, mm, PAGE, PAGE, NOTIFY.clear)
    invalidateRangeStart(cpu1, inner)
    calls.push('inner done')
    invalidateRangeEnd(cpu1, inner)
  }
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, range)
  invalidateRangeEnd(task, range)
  const inner = ['start 0', 'start 1', 'finish 11', 'finish 22', 'inner done']
  t.same(calls, ['start 0', 'start 1', ...inner, 'finish 11', 'finish 22'])
  t.same(close(), [])
  t.end()
})

t.test('the ninth and the tenth find no slot and are finished at once: they lose the overlap, not the promise', (t) => {
  const tokens = Array.from({ length: 10 }, (_, i) => i + 1)
  const { task, mm, calls, close } = scene(tokens)
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, range)
  const firsts = tokens.slice(0, 8).map((_, i) => `start ${i}`)
  const seconds = tokens.slice(0, 8).map((token) => `finish ${token}`)
  t.same(calls, [...firsts, 'start 8', 'finish 9', 'start 9', 'finish 10', ...seconds])
  invalidateRangeEnd(task, range)
  t.same(close(), [])
  t.end()
})

t.test('a machine without devices has no slots: everybody is finished at once', (t) => {
  const { task, mm, calls, close } = scene([11, 22], 0)
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, range)
  t.same(calls, ['start 0', 'finish 11', 'start 1', 'finish 22'])
  invalidateRangeEnd(task, range)
  t.same(close(), [])
  t.end()
})

t.test('what is owed does not pass on to the next window in the same place', (t) => {
  const answers: (number | boolean)[] = [11]
  const { task, mm, calls, close } = scene(answers)
  const first = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, first)
  invalidateRangeEnd(task, first)
  answers[0] = true
  const next = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, next)
  invalidateRangeEnd(task, next)
  t.same(calls, ['start 0', 'finish 11', 'start 0'])
  const [sub] = subscribers(task, mm)
  if (sub !== undefined) readBegin(task, sub) // would sleep if an epoch were still open
  t.same(close(), [])
  t.end()
})
