/** Is everything that may sleep reported under a spinlock and inside an rcu section, even when it would not have slept? */
import t from 'tap'
import { regionAt } from '../../shared/memory/regions.ts'
import { WAIT } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { DRIVER, type LockClass, MMAP_SEM, userLockClass, ZONE } from '../../shared/sync/classes.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { rcuReadLock, rcuReadUnlock, rcuSynchronize } from '../../shared/sync/rcu.ts'
import {
  downRead,
  downReadKillable,
  downReadTry,
  downWrite,
  downWriteKillable,
  downWriteTry,
  upRead,
  upWrite,
} from '../../shared/sync/rwsem.ts'
import { spinLock, spinTryLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { srcuSynchronize } from '../../shared/sync/srcu.ts'
import { waitUntil } from '../../shared/sync/waitqueue.ts'
import { solo, violationOf } from '../support/solo.ts'

const USER_SPIN = userLockClass(40, 'a foreign spinlock', 'spin')
const USER_SLEEP = userLockClass(41, 'a foreign mutex', 'sleep')

/** Words of the test: a spinlock, and what the sleeper wants, which is free. */
function places(task: Task): { lock: number; wanted: number } {
  const lock = regionAt(task.words, 'programs')
  return { lock, wanted: lock + 16 }
}

const sleepers: [string, (task: Task, at: number) => unknown][] = [
  ['mutexLock', (task, at) => mutexLock(task, at, DRIVER)],
  ['mutexLock of a foreign mutex', (task, at) => mutexLock(task, at, USER_SLEEP)],
  ['downRead', (task, at) => downRead(task, at, MMAP_SEM)],
  ['downReadKillable', (task, at) => downReadKillable(task, at, MMAP_SEM)],
  ['downWrite', (task, at) => downWrite(task, at, MMAP_SEM)],
  ['downWriteKillable', (task, at) => downWriteKillable(task, at, MMAP_SEM)],
  ['waitUntil', (task, at) => waitUntil(task, at, WAIT.work, at, () => false)],
  ['rcuSynchronize', (task) => rcuSynchronize(task)],
  ['srcuSynchronize', (task, at) => srcuSynchronize(task, at)],
]

for (const cls of [ZONE, USER_SPIN] as LockClass[]) {
  for (const how of ['spinLock', 'spinTryLock'] as const) {
    t.test(`under ${cls.name}, taken by ${how}`, async (t) => {
      for (const [name, sleep] of sleepers) {
        const { task } = solo()
        const { lock, wanted } = places(task)
        if (how === 'spinLock') spinLock(task, lock, cls)
        else spinTryLock(task, lock, cls)
        t.match(
          violationOf(() => sleep(task, wanted)),
          new RegExp(`^CON: .* may sleep, but ${cls.name} is held`),
          name,
        )
      }
    })
  }
}

t.test('inside an rcu section, however deep', async (t) => {
  for (const [name, sleep] of sleepers) {
    const { task } = solo()
    rcuReadLock(task)
    rcuReadLock(task)
    rcuReadUnlock(task)
    t.match(
      violationOf(() => sleep(task, places(task).wanted)),
      name === 'rcuSynchronize'
        ? /^DLK: waiting for an rcu grace period inside an rcu section/
        : /^CON: .* may sleep, but an rcu/,
      name,
    )
  }
})

t.test('what cannot sleep is allowed: tries, further spinlocks, and a wait for what is true already', async (t) => {
  const { task } = solo()
  const { lock, wanted } = places(task)
  spinLock(task, lock, ZONE)
  t.equal(mutexTryLock(task, wanted, DRIVER), true)
  mutexUnlock(task, wanted)
  t.equal(downReadTry(task, wanted, MMAP_SEM), true)
  upRead(task, wanted)
  t.equal(downWriteTry(task, wanted, MMAP_SEM), true)
  upWrite(task, wanted)
  waitUntil(task, wanted, WAIT.work, wanted, () => true)
  spinUnlock(task, lock)
  rcuReadLock(task)
  spinLock(task, lock, ZONE)
  spinUnlock(task, lock)
  rcuReadUnlock(task)
})

t.test('once the spinlock is dropped and the section left, sleeping is allowed again', async (t) => {
  const { task, leftovers } = solo()
  const { lock, wanted } = places(task)
  spinLock(task, lock, USER_SPIN)
  spinUnlock(task, lock)
  rcuReadLock(task)
  rcuReadUnlock(task)
  mutexLock(task, lock, USER_SLEEP) // held, and of a class that sleeps
  downRead(task, wanted, MMAP_SEM)
  upRead(task, wanted)
  mutexUnlock(task, lock)
  rcuSynchronize(task)
  srcuSynchronize(task, wanted)
  t.same(leftovers(), [])
})

t.test('unchecked builds look at nothing: the same mistake goes by', async (t) => {
  const { task } = solo({ checked: false })
  const { lock, wanted } = places(task)
  spinLock(task, lock, ZONE)
  t.equal(
    violationOf(() => mutexLock(task, wanted, DRIVER)),
    null,
  )
})
