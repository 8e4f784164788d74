/** Classic notifiers: who is told what, in which order, and who is never told again. */
import { isMainThread } from 'node:worker_threads'
import { allocObject, freeObject, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import {
  CLASSIC_OPS,
  CLASSIC_WORDS,
  type Classic,
  type ClassicOps,
  classicOpen,
  classicRegister,
  classicUnregister,
} from '../../shared/notifier/classic.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart, invalidateRangeStartNonblock } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { rangeInit } from '../../shared/notifier/windows.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import { WAIT } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { solo, violationOf } from '../support/solo.ts'
import { recordCalls, subscribe, unsubscribe } from '../support/subscriber.ts'
import { awaitFlag, awaitWaiter, raise } from '../support/turns.ts'

const KIND = objectKind(46, 'classic notifier', CLASSIC_WORDS)

/** A notifier of `mm` with these callbacks, under `index`. */
function notifier(task: Task, mm: Mm, index: number, ops: ClassicOps): Classic {
  registerOp(task, CLASSIC_OPS, index, ops)
  const record = allocObject(task, KIND) as Classic
  if (classicRegister(task, record, mm, index, 0) !== 0) throw new Error('registering was refused')
  return record
}

function drop(task: Task, record: Classic): void {
  classicUnregister(task, record)
  freeObject(task, KIND, record)
}

/** One invalidation of page 7: 0 if it went through. */
function invalidate(task: Task, mm: Mm, block = true): number {
  const range = rangeInit(task, mm, 7, 7, NOTIFY.clear)
  const result = block ? 0 : invalidateRangeStartNonblock(task, range)
  if (block) invalidateRangeStart(task, range)
  if (result === 0) invalidateRangeEnd(task, range)
  return result
}

/** Flags that two threads raise for each other. */
const OPEN = 0
const REGISTERED = 1
const flag = (task: Task, which: number) => regionAt(task.words, 'programs') + which

/** Cpu 0 has a window open while cpu 1 registers: returns the notes of the new notifier, as cpu 1 took them. */
export function meanwhile(task: Task, mm: number): string[] | boolean {
  if (task.id === 0) {
    registerOp(task, CLASSIC_OPS, 1, {})
    const range = rangeInit(task, mm as Mm, 7, 7, NOTIFY.clear)
    invalidateRangeStart(task, range)
    raise(task, flag(task, OPEN))
    awaitWaiter(task, 1, WAIT.invalidationEnd)
    const waited = task.words[flag(task, REGISTERED)] === 0
    invalidateRangeEnd(task, range)
    awaitFlag(task, flag(task, REGISTERED))
    return waited
  }
  awaitFlag(task, flag(task, OPEN))
  const notes: string[] = []
  const note = (text: string) => () => notes.push(text) > 0
  const record = notifier(task, mm as Mm, 1, { start: note('start'), end: note('end'), release: note('release') })
  raise(task, flag(task, REGISTERED))
  drop(task, record)
  return notes
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('start and end in pairs, after the interval notifiers, to every subscriber of the address space', async (t) => {
    const { task, leftovers } = solo()
    const mm = createMm(task, 1)
    const notes: string[] = []
    const ops = (name: string): ClassicOps => ({
      start: () => notes.push(`${name} start`) > 0,
      end: () => notes.push(`${name} end`),
      release: () => notes.push(`${name} release`),
    })
    const older = notifier(task, mm, 1, ops('older'))
    const younger = notifier(task, mm, 2, ops('younger'))
    recordCalls([task], () => notes.push('interval') > 0)
    const sub = subscribe(task, mm, 7, 7)
    invalidate(task, mm)
    t.same(notes.splice(0), ['interval', 'younger start', 'older start', 'younger end', 'older end'])
    unsubscribe(task, sub)
    invalidate(task, mm)
    t.same(notes.splice(0), ['younger start', 'older start', 'younger end', 'older end'], 'also when no interval is met')
    drop(task, younger)
    t.same(notes.splice(0), ['younger release'])
    invalidate(task, mm)
    t.same(notes.splice(0), ['older start', 'older end'])
    mmPut(task, mm)
    t.same(notes.splice(0), ['older start', 'older end', 'older release'], 'RELEASE is an invalidation, too')
    drop(task, older)
    t.same(notes, [], 'the exit has released it; unregistering later finds nothing to tell')
    t.same(leftovers(), [])
  })

  t.test('one that undoes what it refuses may have an end: it is told only those of starts that it took', async (t) => {
    const { task, leftovers } = solo()
    const mm = createMm(task, 1)
    const notes: string[] = []
    let refusing = true
    const record = notifier(task, mm, 1, {
      undoesRefusals: true,
      start: () => notes.push(refusing ? 'refuses' : 'starts') > 0 && !refusing,
      end: () => notes.push('ends'),
    })
    t.equal(invalidate(task, mm, false), -11)
    t.same([notes.splice(0), classicOpen(task, record)], [['refuses'], 0])
    refusing = false
    t.equal(invalidate(task, mm, false), 0)
    t.same([notes.splice(0), classicOpen(task, record)], [['starts', 'ends'], 0])
    drop(task, record)
    mmPut(task, mm)
    t.same(leftovers(), [])
  })

  t.test('one refuses: all are asked, those with an end are told it, and nothing stays open', async (t) => {
    const { task, leftovers } = solo()
    const mm = createMm(task, 1)
    let counting = 0
    let refusing = true
    const counts = notifier(task, mm, 1, {
      start: () => ++counting > 0,
      end: () => {
        counting--
      },
    })
    const refuses = notifier(task, mm, 2, { start: () => !refusing })
    const also = notifier(task, mm, 3, {
      start: () => ++counting > 0,
      end: () => {
        counting--
      },
    })
    t.equal(invalidate(task, mm, false), -11)
    t.equal(counting, 0)
    t.same(
      [counts, refuses, also].map((record) => classicOpen(task, record)),
      [0, 0, 0],
    )
    refusing = false
    t.equal(invalidate(task, mm, false), 0)
    t.equal(counting, 0)
    for (const record of [also, refuses, counts]) drop(task, record)
    mmPut(task, mm)
    t.same(leftovers(), [])
  })

  t.test('refusing what may block, or refusing with an end, is reported', async (t) => {
    for (const [ops, block, says] of [
      [{ start: () => false }, true, /refused an invalidation that may block/],
      [{ start: () => false, end: () => {} }, false, /has an end: it cannot know/],
    ] as const) {
      const { task } = solo()
      const mm = createMm(task, 1)
      notifier(task, mm, 1, ops)
      t.match(
        violationOf(() => invalidate(task, mm, block)),
        says,
      )
    }
  })

  t.test('who registers in the middle of a window is told neither half, and comes back when it is over', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const mm = createMm(crew.task, 1)
    const [waited, notes] = await crew.run(import.meta.url, 'meanwhile', mm)
    t.equal(waited, true)
    t.same(notes, ['release'])
    mmPut(crew.task, mm)
    t.same(crew.leftovers(), [])
  })
}
