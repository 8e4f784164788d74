/**
 * Race 4 on the interval notifiers alone: a subscription is removed, and its record freed, while an invalidation of its pages ends.
 * The invalidation has begun before every schedule: the thread that sets up is the first one, which ends it.
 *
 *   word   0     1
 *        +-----+-------+
 *        | SUB | RANGE |
 *        +-----+-------+
 */
import { allocObject, freeObject, objectKind } from '../../../shared/frame/objects.ts'
import type { WordAt } from '../../../shared/memory/words.ts'
import { createMm } from '../../../shared/mm/mm.ts'
import { NOTIFY } from '../../../shared/notifier/events.ts'
import { INTERVAL_OPS, invalidateRangeEnd, invalidateRangeStart } from '../../../shared/notifier/invalidate.ts'
import { intervalRemove, intervalSubscribe, SUB_WORDS, type Sub, setSeq } from '../../../shared/notifier/subscriptions.ts'
import { type NotifierRange, rangeInit } from '../../../shared/notifier/windows.ts'
import { atomicLoad, atomicStore } from '../../../shared/seam/atomics.ts'
import { registerOp } from '../../../shared/seam/optable.ts'
import type { Task } from '../../../shared/seam/task.ts'

const SUB = 0
const RANGE = 1
const OPS = 20
const KIND = objectKind(29, 'subscription', SUB_WORDS)

function register(task: Task): void {
  registerOp(task, INTERVAL_OPS, OPS, (t, sub, _range, seq) => {
    setSeq(t, sub, seq)
    return true
  })
}

export function setUp(task: Task, at: WordAt): void {
  register(task)
  const mm = createMm(task, 1)
  const sub = allocObject(task, KIND) as Sub
  intervalSubscribe(task, sub, mm, 0, 9, OPS, 0)
  const range = rangeInit(task, mm, 7, 7, NOTIFY.clear)
  invalidateRangeStart(task, range)
  atomicStore(task, at + SUB, sub)
  atomicStore(task, at + RANGE, range)
}

export function invalidator(task: Task, at: WordAt): void {
  register(task)
  invalidateRangeEnd(task, atomicLoad(task, at + RANGE) as NotifierRange)
}

export function remover(task: Task, at: WordAt): void {
  register(task)
  const sub = atomicLoad(task, at + SUB) as Sub
  intervalRemove(task, sub)
  freeObject(task, KIND, sub)
}
