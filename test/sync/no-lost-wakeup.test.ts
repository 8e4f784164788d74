/**
 * Does anybody sleep through a wake-up, whichever of its steps the wake-up meets? Every waiting function of the room, with
 * all that it waits for done in front of each of its schedule points in turn, on one thread.
 */
import t from 'tap'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { kill, park, WAIT, wake } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER, MMAP_SEM, ZONE } from '../../shared/sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { rcuReadLock, rcuReadUnlock, rcuSynchronize } from '../../shared/sync/rcu.ts'
import { createRing, ringPublish, ringReserve, ringWait } from '../../shared/sync/ring.ts'
import {
  downRead,
  downReadKillable,
  downWrite,
  downWriteKillable,
  downWriteTry,
  upRead,
  upWrite,
} from '../../shared/sync/rwsem.ts'
import { spinLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { srcuReadLock, srcuReadUnlock, srcuSynchronize } from '../../shared/sync/srcu.ts'
import { waitUntil, wakeAll } from '../../shared/sync/waitqueue.ts'
import { solo } from '../support/solo.ts'
import { intrudeEverywhere, stepped } from '../support/stepped.ts'

/** Offsets in an rwsem, an srcu domain and a wait queue: their queue's lock and first waiter. */
const SEM_COUNT = 0
const SEM_QUEUE = 2
const SRCU_QUEUE = 4
const QUEUE_FIRST = 1

/** Two actors on one thread, and where the test's words are. */
function scene() {
  const { task, other } = solo()
  return { task, cpu1: other(1), at: regionAt(task.words, 'programs') }
}

/** Nobody is queued, so that a waker needs no lock; or the queue's lock is free. */
function queueIsFree(task: Task, queue: number): boolean {
  return task.words[queue + QUEUE_FIRST] === 0 || task.words[queue] === 0
}

function semIsFree(task: Task, sem: number): boolean {
  return task.words[sem + SEM_QUEUE] === 0 || ((task.words[sem + SEM_COUNT] as number) & 2) === 0
}

t.test('a mutex whose owner drops it', async (t) => {
  const points = intrudeEverywhere(() => {
    const { task, cpu1, at } = scene()
    mutexLock(cpu1, at, DRIVER)
    return { task, wait: (cpu0) => mutexLock(cpu0, at, DRIVER), intrude: () => mutexUnlock(cpu1, at) }
  })
  t.ok(points >= 5, `met at ${points} points`)
})

for (const holder of ['reader', 'writer'] as const) {
  for (const mode of ['read', 'write'] as const) {
    if (holder === 'reader' && mode === 'read') continue // no wait
    t.test(`an rwsem wanted for ${mode} whose ${holder} leaves`, async (t) => {
      const points = intrudeEverywhere(() => {
        const { task, cpu1, at } = scene()
        if (holder === 'reader') downRead(cpu1, at, MMAP_SEM)
        else downWrite(cpu1, at, MMAP_SEM)
        return {
          task,
          wait: (cpu0) => (mode === 'read' ? downRead(cpu0, at, MMAP_SEM) : downWrite(cpu0, at, MMAP_SEM)),
          intrude: () => (holder === 'reader' ? upRead(cpu1, at) : upWrite(cpu1, at)),
          possible: () => semIsFree(task, at),
        }
      })
      t.ok(points >= 5, `met at ${points} points`)
    })
  }
}

for (const mode of ['read', 'write'] as const) {
  t.test(`a killable ${mode} of an rwsem: the signal, and later the lock`, async (t) => {
    let interrupted = 0
    const points = intrudeEverywhere(() => {
      const { task, cpu1, at } = scene()
      downWrite(cpu1, at, MMAP_SEM)
      return {
        task,
        wait(cpu0) {
          const result = mode === 'read' ? downReadKillable(cpu0, at, MMAP_SEM) : downWriteKillable(cpu0, at, MMAP_SEM)
          if (result === 0) return
          interrupted++
          upWrite(cpu1, at)
          if (!downWriteTry(cpu1, at, MMAP_SEM)) throw new Error('the lock was left unclean')
        },
        intrude: () => kill(cpu1, 0),
      }
    })
    t.ok(points >= 5, `met at ${points} points`)
    t.ok(interrupted >= points, 'every one of them was interrupted')
  })
}

t.test('a wait queue whose condition comes true', async (t) => {
  const points = intrudeEverywhere(() => {
    const { task, cpu1, at } = scene()
    const [queue, flag] = [at, at + 16]
    return {
      task,
      wait: (cpu0) => waitUntil(cpu0, queue, WAIT.work, queue, () => atomicLoad(cpu0, flag) === 1),
      intrude() {
        atomicStore(cpu1, flag, 1)
        wakeAll(cpu1, queue)
      },
      possible: () => queueIsFree(task, queue),
    }
  })
  t.ok(points >= 4, `met at ${points} points`)
})

t.test('an empty ring that gets a message', async (t) => {
  const points = intrudeEverywhere(() => {
    const { task, cpu1, at } = scene()
    const ring = createRing(task, at, { slots: 4, slotWords: 2, consumer: 0 })
    return {
      task,
      wait: (cpu0) => ringWait(cpu0, ring),
      intrude() {
        ringReserve(cpu1, ring)
        ringPublish(cpu1, ring)
      },
    }
  })
  // TAIL, the flag, TAIL again, falling asleep: HEAD is the consumer's own.
  t.ok(points >= 4, `met at ${points} points`)
})

t.test('an rcu grace period whose last reader leaves', async (t) => {
  const points = intrudeEverywhere(() => {
    const { task, cpu1 } = scene()
    rcuReadLock(cpu1)
    return { task, wait: (cpu0) => rcuSynchronize(cpu0), intrude: () => rcuReadUnlock(cpu1) }
  })
  t.ok(points >= 5, `met at ${points} points`)
})

t.test('an srcu grace period whose last reader leaves', async (t) => {
  const points = intrudeEverywhere(() => {
    const { task, cpu1, at } = scene()
    const index = srcuReadLock(cpu1, at)
    return {
      task,
      wait: (cpu0) => srcuSynchronize(cpu0, at),
      intrude: () => srcuReadUnlock(cpu1, at, index),
      possible: () => queueIsFree(task, at + SRCU_QUEUE),
    }
  })
  t.ok(points >= 5, `met at ${points} points`)
})

t.test('a condition that looks first and then takes a contended spinlock still sees the change', async (t) => {
  //     waiter (queued)                          waker                      owner of a spinlock
  //     condition: the flag is 0
  //     wants the spinlock, sleeps for it
  //                                              flag = 1, wakeAll: a token
  //                                                                         drops the spinlock: the same token
  //     takes the token and the spinlock
  //     condition returns false                  [Required: tested again before it sleeps, the token is spent]
  const { task, other } = solo({ cpus: 3 })
  const [cpu1, cpu2] = [other(1), other(2)]
  const queue = regionAt(task.words, 'programs')
  const [flag, lock] = [queue + 16, queue + 32]
  const cpu0 = stepped(task, 0, ({ sleep }) => {
    if (sleep !== 'lock') return
    atomicStore(cpu2, flag, 1)
    wakeAll(cpu2, queue)
    spinUnlock(cpu1, lock)
  })
  let looks = 0
  waitUntil(cpu0, queue, WAIT.work, queue, () => {
    if (atomicLoad(cpu0, flag) === 1) return true
    if (++looks === 2) spinLock(cpu1, lock, ZONE) // queued by now
    spinLock(cpu0, lock, ZONE)
    spinUnlock(cpu0, lock)
    return false
  })
  t.equal(looks, 2)
})

t.test('these scenes can fail: a sleeper that looks before it says that it sleeps is caught', async (t) => {
  const careless = (second: boolean) => () => {
    const { task, cpu1, at } = scene()
    const [flag, sleeping] = [at, at + 1]
    return {
      task,
      wait(cpu0: Task) {
        if (atomicLoad(cpu0, flag) === 1) return
        atomicStore(cpu0, sleeping, 1)
        if (second && atomicLoad(cpu0, flag) === 1) return
        park(cpu0, WAIT.work, flag)
      },
      intrude() {
        atomicStore(cpu1, flag, 1)
        if (atomicLoad(cpu1, sleeping) === 1) wake(cpu1, 0)
      },
    }
  }
  t.throws(() => intrudeEverywhere(careless(false)), /sleeps for ever, waiting for work/)
  t.ok(intrudeEverywhere(careless(true)) >= 3, 'and with a second look it is not')
})
