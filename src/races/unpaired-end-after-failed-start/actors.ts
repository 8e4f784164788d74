/**
 * Race 8 on the classic notifiers alone: one counts invalidations that run, one refuses a non-blockable start while its lock is
 * taken. The reaper invalidates; the holder holds that lock for a moment.
 *
 *   word   0    1          2          3      4 ..
 *        +----+----------+----------+------+-------------------------+
 *        | MM | COUNTING | REFUSING | LOCK | records of the notifiers|
 *        +----+----------+----------+------+-------------------------+
 */
import type { WordAt } from '../../../shared/memory/words.ts'
import { createMm } from '../../../shared/mm/mm.ts'
import { CLASSIC_OPS, CLASSIC_WORDS, type Classic, classicOpen, classicRegister } from '../../../shared/notifier/classic.ts'
import { NOTIFY } from '../../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStartNonblock } from '../../../shared/notifier/invalidate.ts'
import type { Mm } from '../../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../../shared/notifier/windows.ts'
import { atomicCas, atomicLoad, atomicStore } from '../../../shared/seam/atomics.ts'
import { registerOp } from '../../../shared/seam/optable.ts'
import type { Task } from '../../../shared/seam/task.ts'

const MM = 0
const LOCK = 3
const RECORDS = 4
const COUNTING = 1
const REFUSING = 2

/** Callbacks are functions: each thread registers them for itself. */
function register(task: Task, at: WordAt): void {
  registerOp(task, CLASSIC_OPS, COUNTING, { start: () => true, end: () => {} })
  registerOp(task, CLASSIC_OPS, REFUSING, { start: () => atomicLoad(task, at + LOCK) === 0 })
}

function counting(at: WordAt): Classic {
  return (at + RECORDS) as Classic
}

export function setUp(task: Task, at: WordAt): void {
  register(task, at)
  const mm = createMm(task, 1)
  atomicStore(task, at + MM, mm)
  classicRegister(task, (at + RECORDS + CLASSIC_WORDS) as Classic, mm, REFUSING, 0)
  classicRegister(task, counting(at), mm, COUNTING, 0)
}

export function reaper(task: Task, at: WordAt): void {
  register(task, at)
  const range = rangeInit(task, atomicLoad(task, at + MM) as Mm, 7, 7, NOTIFY.clear)
  if (invalidateRangeStartNonblock(task, range) === 0) invalidateRangeEnd(task, range)
}

export function holder(task: Task, at: WordAt): void {
  register(task, at)
  if (atomicCas(task, at + LOCK, 0, 1) === 0) atomicStore(task, at + LOCK, 0)
}

/** When nothing runs, nobody waits for an end. */
export function check(task: Task, at: WordAt): void {
  const open = classicOpen(task, counting(at))
  if (open !== 0) throw new Error(`a notifier was told of ${open} starts, and of no end`)
}
