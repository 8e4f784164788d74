/** Does a killed waiter leave with -EINTR, and the others' queue as it should be? */
import { isMainThread } from 'node:worker_threads'
import { EINTR } from '../../shared/memory/errno.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { actorAt, HELD_COUNT, KILLED, Q_MODE } from '../../shared/seam/actors.ts'
import { atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { isAsleep, isKilled, kill } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { queueLock, queueUnlock } from '../../shared/sync/queue.ts'
import {
  downReadKillable,
  downWrite,
  downWriteKillable,
  downWriteTry,
  rwsemIsHeld,
  upRead,
  upWrite,
} from '../../shared/sync/rwsem.ts'
import { startCrew } from '../support/crew.ts'
import { until, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

/** Words of the test, in the ledgers of a machine without a workload. */
const SEM = 0
const COUNT = SEM
const QUEUE = SEM + 2
const STAGE = 16

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

function stage(task: Task, at: number): void {
  until(task, () => atomicLoad(task, words(task) + STAGE) >= at)
}

/** cpu 0 holds for writing; cpu 1 waits, is killed, and comes back empty-handed; cpu 2 waits behind it and gets the lock. */
export function killTheFirst(task: Task, mode: string): number {
  const sem = words(task) + SEM
  const at = words(task) + STAGE
  switch (task.id) {
    case 0:
      downWrite(task, sem, MMAP_SEM)
      atomicStore(task, at, 1)
      untilAsleep(task, 1, mode === 'read' ? 'rwsemRead' : 'rwsemWrite')
      atomicStore(task, at, 2)
      untilAsleep(task, 2, 'rwsemWrite')
      kill(task, 1)
      stage(task, 3)
      upWrite(task, sem)
      return 0
    case 1: {
      stage(task, 1)
      const result = mode === 'read' ? downReadKillable(task, sem, MMAP_SEM) : downWriteKillable(task, sem, MMAP_SEM)
      atomicStore(task, at, 3)
      return result
    }
    default:
      stage(task, 2)
      downWrite(task, sem, MMAP_SEM)
      upWrite(task, sem)
      return 0
  }
}

/** cpu 0 holds the lock until somebody sleeps for it, shoots at everybody, and lets go. The others come for it in both modes. */
export function underFire(task: Task, rounds: number): number {
  const sem = words(task) + SEM
  const done = words(task) + STAGE
  let interrupted = 0
  if (task.id === 0) {
    for (let i = 0; i < rounds; i++) {
      downWrite(task, sem, MMAP_SEM)
      until(task, () => [1, 2, 3].some((id) => isAsleep(task, id)))
      for (const id of [1, 2, 3]) kill(task, id)
      upWrite(task, sem)
    }
    atomicStore(task, done, 1)
  }
  for (let i = task.id; atomicLoad(task, done) === 0; i++) {
    if (i % 3 === 0) {
      if (downWriteKillable(task, sem, MMAP_SEM) === 0) upWrite(task, sem)
      else interrupted++
    } else if (downReadKillable(task, sem, MMAP_SEM) === 0) upRead(task, sem)
    else interrupted++
    atomicStore(task, task.record + KILLED, 0)
  }
  return interrupted
}

if (isMainThread) {
  const t = (await import('tap')).default

  for (const mode of ['read', 'write']) {
    t.test(`a killed ${mode} waiter gets -EINTR, and who is queued behind it gets the lock`, async (t) => {
      const crew = startCrew(t, { cpus: 3 })
      t.same(await crew.run(import.meta.url, 'killTheFirst', mode), [0, -EINTR, 0])
      t.equal(crew.task.words[words(crew.task) + COUNT], 0, 'the lock is free, nobody is queued')
      for (const id of [0, 1, 2]) {
        t.equal(crew.task.words[actorAt(crew.task.words, id) + Q_MODE], 0, `cpu ${id} is in no queue`)
        t.equal(crew.task.words[actorAt(crew.task.words, id) + HELD_COUNT], 0, `cpu ${id} holds nothing`)
      }
      t.same(crew.leftovers(), [])
    })
  }

  t.test('a killed actor that need not wait takes the lock all the same', async (t) => {
    const { task, other } = solo()
    const sem = words(task) + SEM
    kill(other(1), 0)
    t.equal(downReadKillable(task, sem, MMAP_SEM), 0)
    upRead(task, sem)
    t.equal(downWriteKillable(task, sem, MMAP_SEM), 0)
    upWrite(task, sem)
  })

  t.test('a kill and the grant at the same moment: the reader has the lock and does not sleep through it', async (t) => {
    //     reader (killed)                          owner                      a third, in the queue's lock
    //     leaves its sleep, is killed
    //     wants the queue's lock, sleeps for it
    //                                                                         drops the queue's lock: wakes the reader
    //                                              grants the reader: a token,
    //                                              the same one
    //     takes the token, takes the queue's lock
    //     finds itself granted                     [Required: it does not sleep again, nobody would wake it]
    const { task, other } = solo({ cpus: 3 })
    const cpu1 = other(1)
    const cpu2 = other(2)
    const sem = words(task) + SEM
    downWrite(cpu1, sem, MMAP_SEM)
    const reader = stepped(task, 0, ({ sleep }) => {
      if (sleep === 'rwsemRead' && !isKilled(task)) {
        queueLock(cpu2, words(task) + QUEUE)
        kill(cpu2, 0)
      } else if (sleep === 'lock') {
        queueUnlock(cpu2, words(task) + QUEUE)
        upWrite(cpu1, sem)
      }
    })
    t.equal(downReadKillable(reader, sem, MMAP_SEM), 0)
    t.equal(downWriteTry(cpu1, sem, MMAP_SEM), false, 'it is held for reading')
    upRead(reader, sem)
    t.equal(rwsemIsHeld(task, sem), false)
  })

  t.test('kills at any moment, on four threads: the lock survives', async (t) => {
    const crew = startCrew(t, { noise: 0.02 })
    const interrupted = (await crew.run(import.meta.url, 'underFire', 2_000)) as number[]
    t.ok(interrupted.reduce((a, b) => a + b) > 0, 'some waits were interrupted')
    t.equal(crew.task.words[words(crew.task) + COUNT], 0)
  })
}
