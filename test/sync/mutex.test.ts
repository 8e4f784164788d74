/** Does a mutex keep everybody else out, and does everybody get in? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { get, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER } from '../../shared/sync/classes.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { startCrew } from '../support/crew.ts'
import { solo, violationOf } from '../support/solo.ts'

const LOCK = 0
const COUNTER = 1

/** Where the test's words are: the ledgers of a machine without a workload. */
function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Adds to a plain word under the lock, `rounds` times. */
export function hammer(task: Task, rounds: number): number {
  const at = words(task)
  for (let i = 0; i < rounds; i++) {
    mutexLock(task, at + LOCK, DRIVER)
    put(task, at + COUNTER, get(task, at + COUNTER) + 1)
    mutexUnlock(task, at + LOCK)
  }
  return rounds
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('four threads add to a plain word under one lock: nothing is lost', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'hammer', 20_000)
    t.equal(get(crew.task, words(crew.task) + COUNTER), 80_000)
    t.equal(get(crew.task, words(crew.task) + LOCK), 0, 'the lock is free, nobody is queued')
  })

  t.test('the same with noise at every point', async (t) => {
    const crew = startCrew(t, { noise: 0.05 })
    await crew.run(import.meta.url, 'hammer', 3_000)
    t.equal(get(crew.task, words(crew.task) + COUNTER), 12_000)
  })

  t.test('a held lock is refused to a try, and reported when taken twice', async (t) => {
    const { task, other } = solo()
    const cpu1 = other(1)
    const at = words(task)
    mutexLock(task, at, DRIVER)
    t.equal(mutexTryLock(cpu1, at, DRIVER), false)
    t.match(
      violationOf(() => mutexLock(task, at, DRIVER)),
      /^DLK: driver lock is taken again/,
    )
  })

  t.test('who does not hold a lock may not drop it', async (t) => {
    const { task } = solo()
    t.match(
      violationOf(() => mutexUnlock(task, words(task))),
      /^CON: unlock of a lock that this actor does not hold/,
    )
  })
}
