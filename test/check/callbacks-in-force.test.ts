/** Does the contract oracle see a callback that should not have been called, and a start without an end? */
import t from 'tap'
import { auditContract, checkContract } from '../../shared/check/contract.ts'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { CLASSIC_OPS, CLASSIC_WORDS, type Classic, classicRegister } from '../../shared/notifier/classic.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { INTERVAL_OPS, invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { intervalRemove, intervalSubscribe, SUB_WORDS, type Sub, setSeq } from '../../shared/notifier/subscriptions.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import { PROBE, probe } from '../../shared/seam/probe.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo, violationOf } from '../support/solo.ts'

const OPS = 21
const KIND = objectKind(31, 'subscription', SUB_WORDS)
const CLASSIC = objectKind(29, 'classic notifier', CLASSIC_WORDS)

interface Stage {
  readonly task: Task
  readonly mm: Mm
  readonly sub: Sub
  leftovers(): string[]
}

/** A subscription to pages 10 to 19 of an address space. */
function subscribed(): Stage {
  const { task, leftovers } = solo()
  checkContract(task)
  registerOp(task, INTERVAL_OPS, OPS, (by, sub, _range, seq) => {
    setSeq(by, sub, seq)
    return true
  })
  const mm = createMm(task, 1)
  const sub = allocObject(task, KIND) as Sub
  intervalSubscribe(task, sub, mm, 10, 19, OPS, 0)
  return { task, mm, sub, leftovers }
}

/** What is said to a callback for pages [first, last] of `mm`. With a finding the machine is halted. */
function called({ task, sub }: Stage, mm: Mm, first: number, last: number): string | null {
  const range = rangeInit(task, mm, first, last, NOTIFY.clear)
  return violationOf(() => probe(task, PROBE.callbackDone, sub, range, 1, 0))
}

t.test('an invalidation of pages that are subscribed to is in order, and its end undoes what its start did', async (t) => {
  const { task, mm, sub, leftovers } = subscribed()
  const range = rangeInit(task, mm, 19, 30, NOTIFY.clear)
  invalidateRangeStart(task, range)
  t.match(
    auditContract(task, [mm]).map(({ message }) => message),
    [
      /an invalidation of .* was started, and never ended/,
      '1 invalidations are counted, and none runs',
      'an epoch runs, and no invalidation does',
    ],
  )
  invalidateRangeEnd(task, range)
  t.same(auditContract(task, [mm]), [])
  intervalRemove(task, sub)
  freeObject(task, KIND, sub)
  mmPut(task, mm)
  t.same(leftovers(), [])
})

t.test('a callback for other pages, for another address space, or after the removal is not', async (t) => {
  const [pages, space, removed] = [subscribed(), subscribed(), subscribed()]
  t.match(called(pages, pages.mm, 20, 30), /^CON: a callback was called for pages that it has not subscribed to/)
  t.match(
    called(space, createMm(space.task, 2), 10, 19),
    /^CON: a callback was called for an invalidation of another address space/,
  )
  intervalRemove(removed.task, removed.sub)
  t.match(called(removed, removed.mm, 10, 19), /^CON: a callback was called after its subscription had been removed/)
})

t.test('a classic notifier that waits for an end', async (t) => {
  const { task, mm } = subscribed()
  registerOp(task, CLASSIC_OPS, 1, { start: () => true, end: () => {} })
  t.equal(classicRegister(task, allocObject(task, CLASSIC) as Classic, mm, 1, 0), 0)
  invalidateRangeStart(task, rangeInit(task, mm, 1, 1, NOTIFY.clear))
  t.ok(auditContract(task, [mm]).some(({ message }) => message === 'a classic notifier was told of 1 starts, and of no end'))
})
