/** Does everybody on a wait queue wake when its condition comes true, and only then leave? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { actorAt, Q_MODE, WAIT_KIND, WAIT_ON } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { isAsleep, WAIT } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { queueLock } from '../../shared/sync/queue.ts'
import { waitUntil, wakeAll } from '../../shared/sync/waitqueue.ts'
import { startCrew } from '../support/crew.ts'
import { until, untilAsleep } from '../support/meet.ts'
import { solo, violationOf } from '../support/solo.ts'

/** Words of the test, in the ledgers of a machine without a workload. */
const QUEUE = 0
const VALUE = 16
const OUT = 17

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** cpu n > 0 waits until VALUE is n or more; cpu 0 counts up once all sleep, and looks who is left each time. */
export function oneByOne(task: Task): number[] {
  const at = words(task)
  if (task.id > 0) {
    waitUntil(task, at + QUEUE, WAIT.work, at + VALUE, () => atomicLoad(task, at + VALUE) >= task.id)
    atomicAdd(task, at + OUT, 1)
    return []
  }
  for (const id of [1, 2, 3]) untilAsleep(task, id, 'work')
  const left: number[] = []
  for (const value of [1, 2, 3]) {
    atomicStore(task, at + VALUE, value)
    wakeAll(task, at + QUEUE)
    until(task, () => atomicLoad(task, at + OUT) >= value)
    for (let id = value + 1; id <= 3; id++) untilAsleep(task, id, 'work') // woken too, looked, and back to sleep
    left.push(atomicLoad(task, at + OUT))
  }
  return left
}

/** Each actor in turn makes the condition of the next one true: a token that goes round. Returns how often it had it. */
export function roundRobin(task: Task, rounds: number, cpus: number): number {
  const at = words(task)
  let turns = 0
  for (let i = 0; i < rounds; i++, turns++) {
    const mine = i * cpus + task.id
    waitUntil(task, at + QUEUE, WAIT.work, at + VALUE, () => atomicLoad(task, at + VALUE) === mine)
    atomicStore(task, at + VALUE, mine + 1)
    wakeAll(task, at + QUEUE)
  }
  return turns
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('wakeAll wakes everybody; who still waits goes back to sleep', async (t) => {
    const crew = startCrew(t)
    const [left] = await crew.run(import.meta.url, 'oneByOne')
    t.same(left, [1, 2, 3])
    for (const id of [0, 1, 2, 3]) t.equal(crew.task.words[actorAt(crew.task.words, id) + Q_MODE], 0, `cpu ${id} is in no queue`)
    t.same([...crew.task.words.subarray(words(crew.task), words(crew.task) + 3)], [0, 0, 0], 'the queue is empty')
    t.same(crew.leftovers(), [])
  })

  for (const noise of [0, 0.02]) {
    t.test(`a token goes round four threads and is never slept through (noise ${noise})`, async (t) => {
      const crew = startCrew(t, { noise })
      const rounds = noise === 0 ? 3_000 : 1_500
      t.same(await crew.run(import.meta.url, 'roundRobin', rounds, 4), [rounds, rounds, rounds, rounds])
      t.equal(crew.task.words[words(crew.task) + VALUE], rounds * 4)
    })
  }

  t.test('a waiter says what it waits for while it sleeps, and no longer', async (t) => {
    const crew = startCrew(t, { cpus: 1 })
    const { task } = crew
    const at = words(task)
    const record = actorAt(task.words, 0)
    atomicStore(task, at + VALUE, -1)
    const running = crew.run(import.meta.url, 'roundRobin', 1, 1)
    for (let looks = 0; !isAsleep(task, 0) && looks < 1000; looks++) await new Promise((resolve) => setTimeout(resolve, 5))
    t.same([task.words[record + WAIT_KIND], task.words[record + WAIT_ON]], [WAIT.work, at + VALUE])
    atomicStore(task, at + VALUE, 0)
    wakeAll(task, at + QUEUE)
    await running
    t.equal(task.words[record + WAIT_KIND], WAIT.none)
  })

  t.test('a condition that holds is tested once and needs no queue', async (t) => {
    const { task } = solo()
    const at = words(task)
    let looks = 0
    waitUntil(task, at + QUEUE, WAIT.work, at, () => ++looks > 0)
    t.equal(looks, 1)
  })

  t.test('a waker that finds the queue empty takes no lock', async (t) => {
    const { task, other } = solo()
    const at = words(task)
    queueLock(other(1), at + QUEUE) // would hang here
    t.equal(
      violationOf(() => wakeAll(task, at + QUEUE)),
      null,
    )
  })

  t.test('an actor waits in one queue at a time', async (t) => {
    const { task } = solo()
    const at = words(task)
    let depth = 0
    t.throws(
      () =>
        waitUntil(task, at + QUEUE, WAIT.work, at, () => {
          if (++depth === 2) waitUntil(task, at + 32, WAIT.work, at, () => false)
          return false
        }),
      /an actor waits in one queue at a time/,
    )
  })
}
