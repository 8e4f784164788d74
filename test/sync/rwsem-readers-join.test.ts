/** Is a queued reader let in as soon as no writer is left to wait for, even while other readers are inside? */
import { isMainThread } from 'node:worker_threads'
import { EINTR } from '../../shared/memory/errno.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { kill } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downgradeWrite, downRead, downWrite, downWriteKillable, upRead } from '../../shared/sync/rwsem.ts'
import { startCrew } from '../support/crew.ts'
import { until, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'
import { intrudeEverywhere } from '../support/stepped.ts'

/** Words of the test, in the ledgers of a machine without a workload. */
const SEM = 0
const COUNT = 0
const QUEUE_LOCK = 2
const STAGE = 16
/** Bit of COUNT. */
const WAITERS = 2

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

function stage(task: Task, at: number): void {
  until(task, () => atomicLoad(task, words(task) + STAGE) >= at)
}

/** cpu 0 reads; cpu 1 waits to write and is killed; cpu 2, a reader queued behind it, must get in while cpu 0 still reads. */
export function killTheWriterBetween(task: Task): number {
  const sem = words(task) + SEM
  const at = words(task) + STAGE
  switch (task.id) {
    case 0:
      downRead(task, sem, MMAP_SEM)
      atomicStore(task, at, 1)
      untilAsleep(task, 1, 'rwsemWrite')
      atomicStore(task, at, 2)
      untilAsleep(task, 2, 'rwsemRead')
      kill(task, 1)
      stage(task, 3) // cpu 2 is in: would hang if it waited for our upRead
      upRead(task, sem)
      return 0
    case 1:
      stage(task, 1)
      return downWriteKillable(task, sem, MMAP_SEM)
    default:
      stage(task, 2)
      downRead(task, sem, MMAP_SEM)
      atomicStore(task, at, 3)
      upRead(task, sem)
      return 0
  }
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('a reader queued behind a killed writer joins the readers inside', async (t) => {
    const crew = startCrew(t, { cpus: 3 })
    t.same(await crew.run(import.meta.url, 'killTheWriterBetween'), [0, -EINTR, 0])
    t.equal(crew.task.words[words(crew.task) + SEM + COUNT], 0, 'the lock is free, nobody is queued')
    t.same(crew.leftovers(), [])
  })

  t.test('a downgrade at any step of a reader that comes to queue lets it in', async (t) => {
    //     reader                                   owner
    //     +READER: a writer has it
    //     queue's lock; looks again: a writer
    //                                              -WRITER +READER: nobody is queued, so nobody to grant
    //     WAITERS, -READER
    //     looks once more                          [Required: the reader does not sleep until the owner's upRead]
    const points = intrudeEverywhere(() => {
      const { task, other } = solo()
      const cpu1 = other(1)
      const sem = words(task) + SEM
      downWrite(cpu1, sem, MMAP_SEM)
      return {
        task,
        wait: (cpu0) => downRead(cpu0, sem, MMAP_SEM),
        intrude: () => downgradeWrite(cpu1, sem, MMAP_SEM),
        possible: () => ((task.words[sem + COUNT] as number) & WAITERS) === 0 || task.words[sem + QUEUE_LOCK] === 0,
      }
    })
    t.ok(points >= 5, `downgraded at ${points} points`)
  })
}
