/**
 * Can a device be left with what the page table said before? A reader takes an entry under the sequence scheme, an
 * invalidation changes it: for every place where one can interrupt the other (inside a lock it cannot), what the device has
 * in the end is nothing, or what the page table says.
 */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import type { WordAt } from '../../shared/memory/words.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { INTERVAL_OPS, invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { readBegin, readRetry, type Sub, setSeq, subCookie } from '../../shared/notifier/subscriptions.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { assert } from '../../shared/seam/error.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER } from '../../shared/sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { startCrew } from '../support/crew.ts'
import { everyPreemption } from '../support/interleave.ts'
import { solo } from '../support/solo.ts'
import { RECORDER, stateOf, subscribe, unsubscribe } from '../support/subscriber.ts'

/** The page that is read and invalidated. */
const PAGE = 150
/** What a driver may get wrong. */
type Mistake = 'none' | 'forgets setSeq' | 'checks before the lock' | 'does not check' | 'reads before it begins'

/** The page table: one word. */
function entryAt(task: Task): WordAt {
  return regionAt(task.words, 'programs')
}

/** Device `n`: its update lock, and on the next line what it has mapped. */
function lockAt(task: Task, n: number): WordAt {
  return entryAt(task) + 16 + n * 32
}

function mappedAt(task: Task, n: number): WordAt {
  return lockAt(task, n) + 16
}

/** Registers the callback of `devices`, of which the first is number 0; none named: there is one. */
function registerDevices(task: Task, devices: readonly Sub[], mistake: Mistake = 'none'): void {
  registerOp(task, INTERVAL_OPS, RECORDER, (t, sub, _range, seq) => {
    const n = devices.length === 0 ? 0 : devices.indexOf(subCookie(t, sub) as Sub)
    mutexLock(t, lockAt(t, n), DRIVER)
    if (mistake !== 'forgets setSeq') setSeq(t, sub, seq)
    atomicStore(t, mappedAt(t, n), 0)
    mutexUnlock(t, lockAt(t, n))
    return true
  })
}

/** The driver's fault service: reads the entry, and maps it for device `n` if nothing happened meanwhile. */
function serve(task: Task, sub: Sub, n: number, mistake: Mistake = 'none'): void {
  for (;;) {
    const early = atomicLoad(task, entryAt(task))
    const seq = readBegin(task, sub)
    const entry = mistake === 'reads before it begins' ? early : atomicLoad(task, entryAt(task))
    if (mistake === 'checks before the lock' && readRetry(task, sub, seq)) continue
    mutexLock(task, lockAt(task, n), DRIVER)
    const retry = (mistake === 'none' || mistake === 'forgets setSeq') && readRetry(task, sub, seq)
    if (!retry) atomicStore(task, mappedAt(task, n), entry)
    mutexUnlock(task, lockAt(task, n))
    if (!retry) return
  }
}

/** Changes the entry. Between start and end no device has anything. */
function change(task: Task, mm: Mm, devices: number): void {
  const range = rangeInit(task, mm, PAGE, PAGE, NOTIFY.clear)
  invalidateRangeStart(task, range)
  atomicAdd(task, entryAt(task), 1)
  for (let n = 0; n < devices; n++) assert(atomicLoad(task, mappedAt(task, n)) === 0, `device ${n} has nothing in the window`)
  invalidateRangeEnd(task, range)
}

/** Threads 0 and 1 change the entry, 2 and 3 are devices. Returns the rounds done. */
export function changeOrServe(task: Task, mm: number, first: number, second: number, rounds: number): number {
  registerDevices(task, [first as Sub, second as Sub])
  for (let i = 0; i < rounds; i++) {
    if (task.id < 2) change(task, mm as Mm, 2)
    else serve(task, (task.id === 2 ? first : second) as Sub, task.id - 2)
  }
  return rounds
}

if (isMainThread) {
  const t = (await import('tap')).default

  interface Parts {
    readonly task: Task
    readonly mm: Mm
    readonly sub: Sub
    readonly invalidate: () => void
    readonly serve: () => void
    readonly invalidator: Task
    readonly server: Task
    readonly check: () => void
  }

  /** A machine with one device that has the entry mapped; cpu 0 serves, cpu 1 invalidates. */
  const parts = (mistake: Mistake = 'none'): Parts => {
    const { other, leftovers } = solo({ bytes: 1024 * 1024 })
    const [server, invalidator] = [other(0), other(1)]
    for (const task of [server, invalidator]) registerDevices(task, [], mistake)
    const mm = createMm(server, 0)
    const sub = subscribe(server, mm, PAGE, PAGE)
    atomicStore(server, entryAt(server), 1000)
    return {
      task: server,
      mm,
      sub,
      server,
      invalidator,
      serve: () => serve(server, sub, 0, mistake),
      invalidate: () => change(invalidator, mm, 0),
      check() {
        const mapped = atomicLoad(server, mappedAt(server, 0))
        assert(mapped === 0 || mapped === atomicLoad(server, entryAt(server)), `the device is left with entry ${mapped}`)
        assert(stateOf(server, mm) === 'IDLE', 'everything has ended')
        unsubscribe(server, sub)
        mmPut(server, mm)
        assert(leftovers().length === 0, 'nothing is left over')
      },
    }
  }

  const readerInterrupted = (mistake: Mistake) =>
    everyPreemption(() => {
      const { server, invalidator, serve, invalidate, check } = parts(mistake)
      return { first: server, run: serve, second: invalidator, meanwhile: invalidate, check }
    })

  const invalidationInterrupted = (mistake: Mistake) =>
    everyPreemption(() => {
      const { server, invalidator, serve, invalidate, check } = parts(mistake)
      return { first: invalidator, run: invalidate, second: server, meanwhile: serve, check }
    })

  t.test('a reader is interrupted by a whole invalidation, anywhere', async (t) => {
    const schedules = readerInterrupted('none')
    t.ok(schedules >= 4, `${schedules} schedules`)
  })

  t.test('an invalidation is interrupted by a whole reader, anywhere but where the reader would sleep', async (t) => {
    const schedules = invalidationInterrupted('none')
    t.ok(schedules >= 4, `${schedules} schedules`)
  })

  t.test('a reader is interrupted by two invalidations that meet in one epoch', async (t) => {
    const schedules = everyPreemption(() => {
      const { server, invalidator, mm, serve, check } = parts()
      const meanwhile = () => {
        const outer = rangeInit(invalidator, mm, PAGE, PAGE, NOTIFY.clear)
        invalidateRangeStart(invalidator, outer)
        change(invalidator, mm, 1)
        invalidateRangeEnd(invalidator, outer)
      }
      return { first: server, run: serve, second: invalidator, meanwhile, check }
    })
    t.ok(schedules >= 4, `${schedules} schedules`)
  })

  t.test('each mistake that a driver can make here leaves it with a stale entry in some schedule', async (t) => {
    for (const mistake of ['forgets setSeq', 'checks before the lock', 'does not check', 'reads before it begins'] as const)
      t.throws(() => readerInterrupted(mistake), /the device is left with entry 1000/, mistake)
  })

  t.test('four threads: between start and end no device ever has anything mapped', async (t) => {
    const crew = startCrew(t)
    const { task } = crew
    const mm = createMm(task, 0)
    const [first, second] = [subscribe(task, mm, PAGE, PAGE), subscribe(task, mm, 0, 200)]
    await crew.run(import.meta.url, 'changeOrServe', mm, first, second, 6_000)
    t.equal(stateOf(task, mm), 'IDLE')
    t.equal(atomicLoad(task, entryAt(task)), 12_000)
    for (const sub of [first, second]) unsubscribe(task, sub)
    mmPut(task, mm)
    t.same(crew.leftovers(), [])
  })
}
