/** Can a torn read survive seqRetry? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import type { Task } from '../../shared/seam/task.ts'
import { ZONE } from '../../shared/sync/classes.ts'
import { isWriting, seqBegin, seqRetry, seqWriteBegin, seqWriteEnd } from '../../shared/sync/seqcount.ts'
import { spinLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { startCrew } from '../support/crew.ts'
import { meet } from '../support/meet.ts'
import { solo } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

/** Words of the test: the counter, the writers' lock, and a record of four words that always say the same. */
const SEQ = 0
const LOCK = 16
const DONE = 17
const START = 18
/** Two words: whole reads were seen, torn ones were. */
const SEEN = 20
const RECORD = 32
const RECORD_WORDS = 4

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Caller holds the lock. */
function write(task: Task, value: number): void {
  const at = words(task)
  seqWriteBegin(task, at + SEQ)
  for (let i = 0; i < RECORD_WORDS; i++) atomicStore(task, at + RECORD + i, value)
  seqWriteEnd(task, at + SEQ)
}

function read(task: Task): number[] {
  return Array.from({ length: RECORD_WORDS }, (_, i) => atomicLoad(task, words(task) + RECORD + i))
}

function isTorn(values: number[]): boolean {
  return values.some((value) => value !== values[0])
}

/**
 * cpus 0 and 1 write, 2 and 3 read; the writers go on until reads of both kinds were seen. A writer returns [writes], a reader
 * [whole reads, torn reads thrown away, torn reads that survived].
 */
export function readAndWrite(task: Task, rounds: number): number[] {
  const at = words(task)
  meet(task, at + START, 4)
  if (task.id < 2) {
    let i = 0
    for (; i < rounds || atomicLoad(task, at + SEEN) === 0 || atomicLoad(task, at + SEEN + 1) === 0; i++) {
      spinLock(task, at + LOCK, ZONE)
      write(task, i * 2 + task.id)
      spinUnlock(task, at + LOCK)
    }
    atomicAdd(task, at + DONE, 1)
    return [i]
  }
  const counts = [0, 0, 0]
  while (atomicLoad(task, at + DONE) < 2) {
    const seq = seqBegin(task, at + SEQ)
    const values = read(task)
    const kind = seqRetry(task, at + SEQ, seq) ? (isTorn(values) ? 1 : -1) : isTorn(values) ? 2 : 0
    if (kind < 0) continue
    counts[kind] = (counts[kind] as number) + 1
    if (kind < 2) atomicStore(task, at + SEEN + kind, 1)
  }
  return counts
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('two writers, two readers: torn reads happen, and none survives', async (t) => {
    const crew = startCrew(t, { noise: 0.01 })
    const [first, second, ...readers] = (await crew.run(import.meta.url, 'readAndWrite', 10_000)) as number[][]
    const sum = (kind: number) => readers.reduce((total, counts) => total + (counts[kind] as number), 0)
    t.ok(sum(0) > 0, `${sum(0)} whole reads`)
    t.ok(sum(1) > 0, `${sum(1)} torn reads were thrown away: the check could have failed`)
    t.equal(sum(2), 0)
    t.equal(crew.task.words[words(crew.task) + SEQ], 2 * ((first?.[0] as number) + (second?.[0] as number)))
    t.same(crew.leftovers(), [])
  })

  t.test('a write at any step of a read is noticed', async (t) => {
    for (let at = 0; at < 4 * RECORD_WORDS; at++) {
      const { task, other } = solo()
      const writer = other(1)
      write(task, 1)
      let wrote = false
      const reader = stepped(task, 0, ({ number }) => {
        if (number === at) {
          write(writer, 2)
          wrote = true
        }
      })
      const seq = seqBegin(reader, words(task) + SEQ)
      const values = read(reader)
      const retry = seqRetry(reader, words(task) + SEQ, seq)
      t.ok(retry || !isTorn(values), `at point ${at}`)
      if (at > 0 && at <= RECORD_WORDS + 1) t.ok(wrote && retry, `retried: written at point ${at}, between begin and retry`)
    }
  })

  t.test('a reader waits while a writer is inside', async (t) => {
    const { task, other } = solo()
    const writer = other(1)
    seqWriteBegin(writer, words(task) + SEQ)
    let looks = 0
    const reader = stepped(task, 0, () => {
      if (++looks === 3) seqWriteEnd(writer, words(task) + SEQ)
    })
    t.equal(seqBegin(reader, words(task) + SEQ), 2)
    t.equal(looks, 3)
  })

  t.test('the count wraps: parity and retry stay right at 2^31 and 2^32', async (t) => {
    for (const start of [0x7ffffffe, -2]) {
      const { task } = solo()
      const at = words(task) + SEQ
      task.words[at] = start
      const before = seqBegin(task, at)
      write(task, 1)
      t.equal(isWriting(task.words[at] as number), false)
      t.equal(seqRetry(task, at, before), true)
      t.equal(seqRetry(task, at, seqBegin(task, at)), false)
    }
  })

  t.test('two writers at once, and an end without a begin, are refused', async (t) => {
    const { task, other } = solo()
    seqWriteBegin(task, words(task) + SEQ)
    t.throws(() => seqWriteBegin(other(1), words(task) + SEQ), /one writer at a time/)
    t.throws(() => seqWriteEnd(solo().task, words(task) + SEQ), /a write section ends once/)
  })
}
