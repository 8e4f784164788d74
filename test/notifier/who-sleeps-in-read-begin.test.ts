/**
 * Does a reader sleep exactly when its own subscription was hit by the running epoch? Whoever sleeps without need makes fault
 * service wait for strangers; whoever does not sleep spins through retries. Real threads: cpu 0 invalidates, cpu 1 reads.
 */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { createMm } from '../../shared/mm/mm.ts'
import { NOTIFY } from '../../shared/notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../../shared/notifier/invalidate.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import { currentSeq, readBegin, readRetry, type Sub } from '../../shared/notifier/subscriptions.ts'
import { type NotifierRange, rangeInit } from '../../shared/notifier/windows.ts'
import { WAIT } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { solo } from '../support/solo.ts'
import { recordCalls, stateOf, subSeq, subscribe, unsubscribe } from '../support/subscriber.ts'
import { awaitFlag, awaitWaiter, raise } from '../support/turns.ts'

const HIT = 150
const ELSEWHERE = 5
/** The second subscription, behind the first in the tree. */
const BEHIND = 250

/** Flags of a scene: each word is raised once. */
const OPEN = 0
const RETURNED = 1
const READY = 2

/** Which scene is played: each has an mm and flags of its own. */
const SCENES = ['hit', 'missed', 'notYet', 'partial', 'full'] as const
let scene = 0

function flag(task: Task, which: number): number {
  return regionAt(task.words, 'programs') + scene * 16 + which
}

function open(task: Task, mm: Mm, start: number, last: number): NotifierRange {
  const range = rangeInit(task, mm, start, last, NOTIFY.clear)
  invalidateRangeStart(task, range)
  return range
}

/** What the reader saw: the sequence it got, whether it must retry, and the mm's sequence when it came back. */
interface Read {
  readonly seq: number
  readonly retry: boolean
  readonly mmSeq: number
}

function read(task: Task, mm: Mm, sub: Sub): Read {
  awaitFlag(task, flag(task, OPEN))
  const seq = readBegin(task, sub)
  const result = { seq, retry: readRetry(task, sub, seq), mmSeq: currentSeq(task, mm) }
  raise(task, flag(task, RETURNED))
  return result
}

/** The subscription was hit, and another window of the mm stays open longer: the reader sleeps until that one ends too. */
function hit(task: Task, mm: Mm, sub: Sub): Read | boolean {
  if (task.id === 1) return read(task, mm, sub)
  const stranger = open(task, mm, ELSEWHERE, ELSEWHERE)
  const range = open(task, mm, HIT, HIT)
  raise(task, flag(task, OPEN))
  awaitWaiter(task, 1, WAIT.invalidationEnd)
  invalidateRangeEnd(task, range)
  awaitWaiter(task, 1, WAIT.invalidationEnd)
  const slept = task.words[flag(task, RETURNED)] === 0
  invalidateRangeEnd(task, stranger)
  return slept
}

/** Something else was hit: the reader comes back while the window is open, or this hangs. */
function missed(task: Task, mm: Mm, sub: Sub): Read | number {
  if (task.id === 1) return read(task, mm, sub)
  const range = open(task, mm, BEHIND, BEHIND)
  raise(task, flag(task, OPEN))
  awaitFlag(task, flag(task, RETURNED))
  invalidateRangeEnd(task, range)
  return currentSeq(task, mm)
}

/** The reader begins while the callback of the subscription before its own runs: it comes back at once, to retry later. */
function notYet(task: Task, mm: Mm, sub: Sub): Read | boolean {
  if (task.id === 1) {
    awaitFlag(task, flag(task, OPEN))
    const seq = readBegin(task, sub)
    raise(task, flag(task, RETURNED))
    awaitFlag(task, flag(task, READY))
    return { seq, retry: readRetry(task, sub, seq), mmSeq: currentSeq(task, mm) }
  }
  const calls = recordCalls([task], (t) => {
    if (t.words[flag(t, OPEN)] === 0) {
      raise(t, flag(t, OPEN))
      awaitFlag(t, flag(t, RETURNED))
    }
    return true
  })
  const range = open(task, mm, HIT, BEHIND)
  raise(task, flag(task, READY))
  invalidateRangeEnd(task, range)
  return calls.length === 2
}

/** The reader's subscription is made while a window is open that met nobody (partial), or somebody (full). */
function young(task: Task, mm: Mm, page: number): Read | boolean {
  if (task.id === 1) {
    awaitFlag(task, flag(task, READY))
    const own = subscribe(task, mm, ELSEWHERE, ELSEWHERE)
    raise(task, flag(task, OPEN))
    const result = read(task, mm, own)
    unsubscribe(task, own)
    return result
  }
  const range = open(task, mm, page, page)
  raise(task, flag(task, READY))
  awaitWaiter(task, 1, WAIT.invalidationEnd)
  const slept = task.words[flag(task, RETURNED)] === 0
  invalidateRangeEnd(task, range)
  return slept
}

/** Plays all scenes on two threads, each over an mm of its own with subscriptions to HIT and to BEHIND. */
export function play(task: Task, ...stages: number[]): unknown[] {
  return SCENES.map((name, number) => {
    scene = number
    const [mm, first, second] = stages.slice(number * 3, number * 3 + 3) as [Mm, Sub, Sub]
    recordCalls([task])
    if (name === 'hit') return hit(task, mm, first)
    if (name === 'missed') return missed(task, mm, first)
    if (name === 'notYet') return notYet(task, mm, second)
    return young(task, mm, name === 'partial' ? 1000 : BEHIND)
  })
}

if (isMainThread) {
  const t = (await import('tap')).default
  /** Sequence of an mm to which nothing happened yet. */
  const BEFORE = 2

  const crew = startCrew(t, { cpus: 2 })
  const stages = SCENES.map(() => {
    const mm = createMm(crew.task, 0)
    return [mm, subscribe(crew.task, mm, 100, 199), subscribe(crew.task, mm, 200, 299)]
  })
  const played = (await crew.run(import.meta.url, 'play', ...stages.flat())) as [unknown[], unknown[]]
  const outcome = (name: (typeof SCENES)[number]) => played.map((results) => results[SCENES.indexOf(name)])

  t.test('hit: the reader sleeps until every invalidation of the mm has ended, also those that never met it', async (t) => {
    const [slept, read] = outcome('hit') as [boolean, Read]
    t.equal(slept, true)
    t.same(read, { seq: BEFORE + 1, retry: false, mmSeq: BEFORE + 2 }, 'it gets the epoch that hit it, and may use it')
  })

  t.test('an epoch that hit somebody else: the reader does not wait for it, and need not retry', async (t) => {
    const [after, read] = outcome('missed') as [number, Read]
    t.same(read, { seq: BEFORE - 1, retry: false, mmSeq: BEFORE + 1 })
    t.equal(after, BEFORE + 2)
  })

  t.test('begun before its own callback came: no sleep, and a retry for certain', async (t) => {
    const [both, read] = outcome('notYet') as [boolean, Read]
    t.equal(both, true, 'both callbacks came')
    t.equal(read.seq, BEFORE - 1)
    t.equal(read.retry, true)
  })

  t.test('subscribed while somebody invalidates unseen (partial), or in an epoch (full): the reader sleeps it out', async (t) => {
    for (const name of ['partial', 'full'] as const) {
      const [slept, read] = outcome(name) as [boolean, Read]
      t.equal(slept, true, name)
      t.same(read, { seq: BEFORE + 1, retry: false, mmSeq: BEFORE + 2 })
    }
  })

  t.test('afterwards every mm is idle, and everything can be returned', async (t) => {
    const { task } = crew
    for (const [mm, first, second] of stages as [Mm, Sub, Sub][]) {
      t.equal(stateOf(task, mm), 'IDLE')
      for (const sub of [first, second]) unsubscribe(task, sub)
      mmPut(task, mm)
    }
    t.same(crew.leftovers(), [])
  })

  t.test('an epoch that is over makes nobody sleep: its number is the sequence', async (t) => {
    const { task, leftovers } = solo()
    recordCalls([task])
    const mm = createMm(task, 0)
    const old = subscribe(task, mm, HIT, HIT)
    invalidateRangeEnd(task, open(task, mm, HIT, HIT))
    const young = subscribe(task, mm, HIT, HIT)
    for (const sub of [old, young]) {
      t.equal(subSeq(task, sub), BEFORE + 1, 'hit by it, or made when it was over')
      t.equal(readBegin(task, sub), BEFORE + 1)
      unsubscribe(task, sub)
    }
    mmPut(task, mm)
    t.same(leftovers(), [])
  })
}
