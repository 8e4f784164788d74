/**
 * When remove has returned, may the subscriber's record be freed? Only if no callback for it runs or will run. Real threads:
 * cpu 0 invalidates, the others remove.
 */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { INTERVAL_OPS, invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { intervalRemove, readBegin, type Sub, setSeq, subCookie } from '../../shared/notifier/subscriptions.ts'
import { type NotifierRange, rangeInit } from '../../shared/notifier/windows.ts'
import { CHANCE } from '../../shared/seam/actors.ts'
import { nextBelow } from '../../shared/seam/chance.ts'
import { assert } from '../../shared/seam/error.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import { WAIT } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo, violationOf } from '../support/solo.ts'
import { deferredCount, recordCalls, stateOf, subscribe, subscribers, unsubscribe } from '../support/subscriber.ts'
import { awaitFlag, awaitWaiter, meet, raise, TURN_WORDS } from '../support/turns.ts'

const FIRST = 100
const SECOND = 200

/** Flags of the test. */
const INSIDE = 0
const RETURNED = 1

function flag(task: Task, which: number): number {
  return regionAt(task.words, 'programs') + which
}

function open(task: Task, mm: Mm, start: number, last: number): NotifierRange {
  const range = rangeInit(task, mm, start, last, NOTIFY.clear)
  invalidateRangeStart(task, range)
  return range
}

function invalidate(task: Task, mm: Mm, start: number, last: number): void {
  invalidateRangeEnd(task, open(task, mm, start, last))
}

/** Cpu 1 removes the subscription whose callback cpu 0 is in, cpu 2 one that was not even met. Who came back too early? */
export function removeInside(task: Task, mm: number, first: number, second: number): string[] {
  if (task.id > 0) {
    awaitFlag(task, flag(task, INSIDE))
    intervalRemove(task, (task.id === 1 ? first : second) as Sub)
    raise(task, flag(task, RETURNED + task.id))
    return []
  }
  const early: string[] = []
  const look = (when: string) => {
    for (const id of [1, 2]) if (task.words[flag(task, RETURNED + id)] !== 0) early.push(`cpu ${id} came back ${when}`)
  }
  recordCalls([task], (t) => {
    raise(t, flag(t, INSIDE))
    for (const id of [1, 2]) awaitWaiter(t, id, WAIT.invalidationEnd)
    look('during a callback')
    return true
  })
  const range = open(task, mm as Mm, FIRST, FIRST)
  look('after the callback, but before the end')
  invalidateRangeEnd(task, range)
  return early
}

/** Threads 2 and 3 subscribe, read, remove and free, over and over; meanwhile 0 and 1 invalidate. Returns their callbacks. */
export function comeAndGo(task: Task, mm: number, rounds: number): number {
  let calls = 0
  let done = 0
  registerOp(task, INTERVAL_OPS, 9, (t, sub, _range, seq) => {
    if (subCookie(t, sub) === sub) calls++ // a touch of a freed record would be reported here
    setSeq(t, sub, seq)
    return true
  })
  const pick = (bound: number) => nextBelow(task.words, task.record + CHANCE, bound)
  meet(task, flag(task, 0), 4)
  while (done < rounds) {
    const page = pick(64)
    if (task.id < 2) {
      invalidate(task, mm as Mm, page, page + pick(16))
      done = task.words[flag(task, TURN_WORDS)] as number
      continue
    }
    const sub = subscribe(task, mm as Mm, page, page + pick(16))
    if (pick(2) === 0) readBegin(task, sub)
    unsubscribe(task, sub)
    done++
  }
  task.words[flag(task, TURN_WORDS)] = rounds
  return calls
}

function remove(task: Task, _mm: Mm, sub: Sub): void {
  unsubscribe(task, sub)
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('a remover waits for the epoch that runs, whether it was met or not', async (t) => {
    const crew = startCrew(t, { cpus: 3 })
    const { task } = crew
    const mm = createMm(task, 0)
    const [first, second] = [subscribe(task, mm, FIRST, FIRST), subscribe(task, mm, SECOND, SECOND)]
    const [early] = await crew.run(import.meta.url, 'removeInside', mm, first, second)
    t.same(early, [])
    t.same(subscribers(task, mm), [])
    t.equal(stateOf(task, mm), 'IDLE')
  })

  t.test('four threads: a record is freed right after remove, and no callback ever meets it', async (t) => {
    const crew = startCrew(t)
    const mm = createMm(crew.task, 0)
    const [a, b] = (await crew.run(import.meta.url, 'comeAndGo', mm, 4_000)) as number[]
    // How often they meet is up to the host; most often it is hundreds of times.
    t.ok((a as number) + (b as number) > 10, `${a} and ${b} callbacks ran`)
    t.equal(deferredCount(crew.task, mm), 0)
    t.equal(stateOf(crew.task, mm), 'IDLE')
    mmPut(crew.task, mm)
    t.same(crew.leftovers(), [])
  })

  /** An mm with a subscription; cpu 0 does `run`, cpu 1 does `meanwhile`, with a window of cpu 1 open beforehand or not. */
  const meeting = (
    window: boolean,
    run: (task: Task, mm: Mm, sub: Sub) => void,
    meanwhile: (task: Task, mm: Mm, sub: Sub, range: NotifierRange | null) => void,
  ) =>
    everyPreemption(() => {
      const { other, leftovers } = solo({ bytes: 1024 * 1024 })
      const [first, second] = [other(0), other(1)]
      recordCalls([first, second])
      const mm = createMm(first, 0)
      const sub = subscribe(first, mm, FIRST, FIRST)
      const range = window ? open(second, mm, FIRST, FIRST) : null
      return {
        first,
        run: () => run(first, mm, sub),
        second,
        meanwhile: () => meanwhile(second, mm, sub, range),
        check() {
          for (const one of subscribers(first, mm)) unsubscribe(first, one)
          assert(stateOf(first, mm) === 'IDLE' && deferredCount(first, mm) === 0, 'the mm is idle again')
          mmPut(first, mm)
          assert(leftovers().length === 0, `nothing is left over: ${leftovers().join()}`)
        },
      }
    })

  t.test('a remover is interrupted by the end of the epoch, anywhere, and wakes up', async (t) => {
    const schedules = meeting(true, remove, (task, _mm, _sub, range) => invalidateRangeEnd(task, range as NotifierRange))
    t.ok(schedules >= 5, `${schedules} schedules`)
  })

  t.test('a remover is interrupted by a whole invalidation, anywhere', async (t) => {
    const schedules = meeting(false, remove, (task, mm) => invalidate(task, mm, FIRST, FIRST))
    t.ok(schedules >= 2, `${schedules} schedules`)
  })

  t.test('an invalidation is interrupted by a subscriber that comes, or comes and goes', async (t) => {
    const run = (task: Task, mm: Mm) => invalidate(task, mm, FIRST, FIRST)
    const comes = meeting(false, run, (task, mm) => subscribe(task, mm, FIRST, FIRST))
    t.ok(comes >= 4, `${comes} schedules`)
    const goes = meeting(false, run, (task, mm) => unsubscribe(task, subscribe(task, mm, FIRST, FIRST)))
    t.ok(goes >= 3, `${goes} schedules`)
  })

  t.test('a reader is interrupted by the end of the epoch, anywhere, and wakes up', async (t) => {
    const schedules = meeting(
      true,
      (task, _mm, sub) => readBegin(task, sub),
      (task, _mm, _sub, range) => invalidateRangeEnd(task, range as NotifierRange),
    )
    t.ok(schedules >= 5, `${schedules} schedules`)
  })

  t.test('removing from a callback, or inside a window of the same mm, would wait for oneself: it is reported', async (t) => {
    const { task } = solo()
    const mm = createMm(task, 0)
    recordCalls([task], (t, sub) => {
      intervalRemove(t, sub)
      return true
    })
    subscribe(task, mm, FIRST, FIRST)
    t.match(
      violationOf(() => open(task, mm, FIRST, FIRST)),
      /^DLK: invalidation window is taken again by an actor that holds it already/,
    )
  })
}
