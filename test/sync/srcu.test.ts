/** Is a sleeping reader waited for, whichever counter it entered by, and are the counters balanced at the end? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { park, WAIT, wake } from '../../shared/seam/park.ts'
import { tick } from '../../shared/seam/point.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER } from '../../shared/sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { SRCU_WORDS, srcuReadLock, srcuReadUnlock, srcuSynchronize } from '../../shared/sync/srcu.ts'
import { startCrew } from '../support/crew.ts'
import { meet, until, untilAsleep } from '../support/meet.ts'
import { solo, violationOf } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

/** Words of the test: a domain, a lock, and a link to one of two records, each alive (1) or freed (0). */
const DOMAIN = 0
const INDEX = 0
const READERS = 1
const LOCK = SRCU_WORDS
const LINK = 32
const ALIVE = 33
const STAGE = 48
const DONE = 49
const START = 50
const SEEN_DEAD = 51

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

function counters(task: Task): number[] {
  return [...task.words.subarray(words(task) + DOMAIN + READERS, words(task) + DOMAIN + READERS + 2)]
}

/** cpu 0 sleeps inside its section until cpu 2 wakes it; cpu 1 waits for a grace period meanwhile. Returns the order of ends. */
export function sleepInside(task: Task): number {
  const at = words(task)
  if (task.id === 0) {
    const index = srcuReadLock(task, at + DOMAIN)
    atomicStore(task, at + STAGE, 1)
    while (atomicLoad(task, at + STAGE) < 2) park(task, WAIT.work, at + STAGE)
    const first = atomicLoad(task, at + DONE)
    srcuReadUnlock(task, at + DOMAIN, index)
    return first
  }
  until(task, () => atomicLoad(task, at + STAGE) >= 1)
  if (task.id === 1) {
    srcuSynchronize(task, at + DOMAIN)
    atomicStore(task, at + DONE, 1)
    return 0
  }
  untilAsleep(task, 0, 'work')
  untilAsleep(task, 1, 'gracePeriod')
  const early = atomicLoad(task, at + DONE)
  atomicStore(task, at + STAGE, 2)
  wake(task, 0)
  return early
}

/**
 * cpu 0 swaps the link and kills the old record, after a grace period; or `at once`, until somebody has read a dead one. cpu 1
 * waits for grace periods of its own. The others read, and contend for a mutex inside their sections. Returns the dead reads.
 */
export function readers(task: Task, rounds: number, when: string): number {
  const at = words(task)
  meet(task, at + START, 4)
  if (task.id < 2) {
    for (let i = 1; i <= rounds || (when === 'at once' && atomicLoad(task, at + SEEN_DEAD) === 0); i++) {
      tick(task)
      if (task.id === 0) {
        atomicStore(task, at + ALIVE + (i & 1), 1)
        atomicStore(task, at + LINK, i & 1)
      }
      if (when !== 'at once') srcuSynchronize(task, at + DOMAIN)
      if (task.id === 0) atomicStore(task, at + ALIVE + ((i & 1) ^ 1), 0)
    }
    atomicAdd(task, at + DONE, 1)
    return 0
  }
  let dead = 0
  while (atomicLoad(task, at + DONE) < 2) {
    const index = srcuReadLock(task, at + DOMAIN)
    const seen = atomicLoad(task, at + LINK)
    mutexLock(task, at + LOCK, DRIVER) // may sleep
    mutexUnlock(task, at + LOCK)
    if (atomicLoad(task, at + ALIVE + seen) !== 1) dead++
    srcuReadUnlock(task, at + DOMAIN, index)
    if (dead > 0) atomicStore(task, at + SEEN_DEAD, 1)
  }
  return dead
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('a reader asleep inside its section is waited for', async (t) => {
    const crew = startCrew(t, { cpus: 3 })
    t.same(await crew.run(import.meta.url, 'sleepInside'), [0, 0, 0], 'nobody saw the grace period over too early')
    t.equal(atomicLoad(crew.task, words(crew.task) + DONE), 1)
    t.same(counters(crew.task), [0, 0])
    t.same(crew.leftovers(), [])
  })

  t.test('two readers that may sleep, under load: no record is read after its grace period', async (t) => {
    const crew = startCrew(t, { noise: 0.01 })
    atomicStore(crew.task, words(crew.task) + ALIVE, 1)
    t.same(await crew.run(import.meta.url, 'readers', 1_500, 'after a grace period'), [0, 0, 0, 0])
    t.same(counters(crew.task), [0, 0], 'the counters are balanced')
    t.same(crew.leftovers(), [])
  })

  t.test('without a grace period the same readers do: the check can fail', async (t) => {
    const crew = startCrew(t, { noise: 0.01 })
    atomicStore(crew.task, words(crew.task) + ALIVE, 1)
    const dead = (await crew.run(import.meta.url, 'readers', 0, 'at once')) as number[]
    t.ok(
      dead.some((reads) => reads > 0),
      `${dead} reads of a dead record`,
    )
  })

  t.test('a stream of readers of whom one is always inside does not hold a grace period up for ever', async (t) => {
    const { task, other } = solo({ cpus: 4 })
    const domain = words(task) + DOMAIN
    let inside = other(1)
    let index = srcuReadLock(inside, domain)
    let sleeps = 0
    const waiter = stepped(task, 0, ({ sleep }) => {
      if (sleep !== 'gracePeriod') return
      sleeps++
      const next = other(1 + (sleeps % 3))
      const itsIndex = srcuReadLock(next, domain)
      srcuReadUnlock(inside, domain, index)
      inside = next
      index = itsIndex
    })
    srcuSynchronize(waiter, domain)
    t.equal(sleeps, 2, 'it waited for who was inside, and for who came while it did, and for nobody else')
    t.equal(counters(task)[index], 1, 'one is inside still')
    srcuReadUnlock(inside, domain, index)
  })

  t.test('a reader that counts itself late, by an index that is old by then, is waited for by the next', async (t) => {
    for (const old of [0, 1]) {
      const { task, other } = solo({ cpus: 3 })
      const [cpu1, cpu2] = [other(1), other(2)]
      const domain = words(task) + DOMAIN
      task.words[domain + INDEX] = old
      const reader = stepped(task, 0, ({ number }) => {
        if (number === 1) srcuSynchronize(cpu1, domain) // it has read the index and is not counted yet
      })
      const index = srcuReadLock(reader, domain)
      let sleeps = 0
      const waiter = stepped(task, 2, ({ sleep }) => {
        if (sleep !== 'gracePeriod') return
        sleeps++
        srcuReadUnlock(reader, domain, index)
      })
      srcuSynchronize(waiter, domain)
      t.equal(sleeps, 1)
      t.same(counters(cpu2), [0, 0])
    }
  })

  t.test('sections nest, each with its own index', async (t) => {
    const { task, other } = solo()
    const domain = words(task) + DOMAIN
    const outer = srcuReadLock(task, domain)
    task.words[domain + INDEX] = outer ^ 1 // as a grace period does while it waits
    const inner = srcuReadLock(task, domain)
    t.same(counters(other(1)), [1, 1])
    srcuReadUnlock(task, domain, inner)
    srcuReadUnlock(task, domain, outer)
    t.same(counters(task), [0, 0])
  })

  t.test('waiting for a grace period inside a section of the domain is reported, and leaving twice refused', async (t) => {
    const { task } = solo()
    const domain = words(task) + DOMAIN
    srcuReadLock(task, domain)
    t.match(
      violationOf(() => srcuSynchronize(task, domain)),
      /^DLK: srcu is taken again by an actor that holds it already/,
    )
    const { task: unchecked } = solo({ checked: false })
    t.throws(() => srcuReadUnlock(unchecked, words(unchecked) + DOMAIN, 0), /an srcu section is left by who entered it/)
  })
}
