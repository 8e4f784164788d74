/** Does a contended spinlock or mutex let everybody in, in which order, and what can it be told by its word? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { get, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER, ZONE } from '../../shared/sync/classes.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { ownerOf } from '../../shared/sync/ownerword.ts'
import { spinLock, spinTryLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { startCrew } from '../support/crew.ts'
import { until, untilAsleep } from '../support/meet.ts'
import { solo, violationOf } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

/** Words of the test, in the ledgers of a machine without a workload. */
const LOCK = 0
const COUNTER = 16
const STAGE = 17
const LOG = 32

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Adds to a plain word under the lock, `rounds` times, with tries in between. Returns how often it got in. */
export function hammer(task: Task, rounds: number): number {
  const at = words(task)
  let inside = 0
  for (let i = 0; i < rounds; i++) {
    if (i % 4 === 3) {
      if (!spinTryLock(task, at + LOCK, ZONE)) continue
    } else spinLock(task, at + LOCK, ZONE)
    put(task, at + COUNTER, get(task, at + COUNTER) + 1)
    inside++
    spinUnlock(task, at + LOCK)
  }
  return inside
}

/** cpu 0 holds the lock while the others fall asleep on it in the order of their numbers; then each notes when it is in. */
export function queueUp(task: Task): void {
  const at = words(task)
  until(task, () => atomicLoad(task, at + STAGE) >= task.id)
  mutexLock(task, at + LOCK, DRIVER)
  if (task.id === 0) {
    for (const id of [1, 2, 3]) {
      atomicStore(task, at + STAGE, id)
      untilAsleep(task, id, 'lock')
    }
  } else task.words[at + LOG + 1 + atomicAdd(task, at + LOG, 1)] = task.id
  mutexUnlock(task, at + LOCK)
}

if (isMainThread) {
  const t = (await import('tap')).default

  const runs = [
    { name: 'four threads', options: {}, rounds: 20_000 },
    { name: 'four threads with noise', options: { noise: 0.02 }, rounds: 3_000 },
    { name: 'nine threads on two cores, unchecked', options: { cpus: 9, checked: false }, rounds: 8_000 },
  ]
  for (const { name, options, rounds } of runs) {
    t.test(`${name} add to a plain word under a spinlock: nobody is lost, nobody sleeps through a wake-up`, async (t) => {
      const crew = startCrew(t, options)
      const inside = (await crew.run(import.meta.url, 'hammer', rounds)) as number[]
      const at = words(crew.task)
      t.equal(
        crew.task.words[at + COUNTER],
        inside.reduce((a, b) => a + b),
      )
      t.equal(crew.task.words[at + LOCK], 0, 'the lock is free, nobody is queued')
      t.same(crew.leftovers(), [])
    })
  }

  t.test('sleeping waiters are served oldest first', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'queueUp')
    const at = words(crew.task) + LOG
    t.same([...crew.task.words.subarray(at + 1, at + 4)], [1, 2, 3])
  })

  t.test('a free lock whose woken waiter is on its way may be taken by who comes by; the waiter queues again', async (t) => {
    const { task, other } = solo({ cpus: 3 })
    const [cpu1, cpu2] = [other(1), other(2)]
    const at = words(task)
    const owners: number[] = []
    mutexLock(cpu1, at, DRIVER)
    const waiter = stepped(task, 0, ({ sleep }) => {
      if (sleep !== 'lock') return
      owners.push(ownerOf(task, at))
      if (owners.length === 1) {
        mutexUnlock(cpu1, at)
        t.equal(mutexTryLock(cpu2, at, DRIVER), true)
      } else mutexUnlock(cpu2, at)
    })
    mutexLock(waiter, at, DRIVER)
    t.same(owners, [1, 2])
    t.equal(ownerOf(task, at), 0)
    mutexUnlock(waiter, at)
    t.equal(ownerOf(task, at), -1)
  })

  t.test('the last actor a machine can have still fits the owner word', async (t) => {
    const { task, other, leftovers } = solo({ cpus: 16, devices: 8, notifiers: 4 })
    const last = other(36)
    const at = words(task)
    spinLock(last, at, ZONE)
    t.equal(ownerOf(task, at), 36)
    t.equal(spinTryLock(task, at, ZONE), false)
    spinUnlock(last, at)
    t.equal(task.words[at], 0)
    t.same(leftovers(), [])
  })

  t.test('taking a spinlock twice is reported, and an unchecked build refuses to hang on itself', async (t) => {
    const { task } = solo()
    spinLock(task, words(task), ZONE)
    t.match(
      violationOf(() => spinLock(task, words(task), ZONE)),
      /^DLK: zone is taken again by an actor that holds it already/,
    )
    const { task: unchecked } = solo({ checked: false })
    spinLock(unchecked, words(unchecked), ZONE)
    t.throws(() => spinLock(unchecked, words(unchecked), ZONE), /a lock is not taken twice by the same actor/)
  })

  t.test('dropping what another holds is reported, and an unchecked build refuses it', async (t) => {
    const { task, other } = solo()
    spinLock(other(1), words(task), ZONE)
    t.match(
      violationOf(() => spinUnlock(task, words(task))),
      /^CON: unlock of a lock that this actor does not hold/,
    )
    const unchecked = solo({ checked: false })
    spinLock(unchecked.other(1), words(unchecked.task), ZONE)
    t.throws(() => spinUnlock(unchecked.task, words(unchecked.task)), /a lock is dropped by its owner/)
  })
}
