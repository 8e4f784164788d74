/** Does a fault sleep on a page that is being migrated, and find it afterwards? (Ranges of 5.2 said that it was not there.) */
import { isMainThread } from 'node:worker_threads'
import { attachDevice, detachDevice } from '../../shared/device/attach.ts'
import { registerDriver } from '../../shared/device/registry.ts'
import { frameLock, frameUnlock } from '../../shared/frame/frames.ts'
import { hmmRangeFault, hmmRangeRegister, hmmRangeUnregister, hmmRangeWaitUntilValid } from '../../shared/hmm/hmmrange.ts'
import type { Mirror } from '../../shared/hmm/mirror.ts'
import { createRange, freeRange, rangeRequest } from '../../shared/hmm/range.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { mmPut } from '../../shared/mm/exit.ts'
import { makeEntry, PTE_KIND } from '../../shared/mm/pte.ts'
import { type Mm, mmapSem } from '../../shared/notifier/mmhead.ts'
import { WAIT } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import { downRead, upRead } from '../../shared/sync/rwsem.ts'
import { A, area, frameOf, newSpace, RW, store } from '../support/addressspace.ts'
import { startCrew } from '../support/crew.ts'
import { RECORDS } from '../support/mirrored.ts'
import { plantEntry } from '../support/plantedentry.ts'
import { FORMAT, V } from '../support/ranged.ts'
import { awaitFlag, awaitWaiter, raise } from '../support/turns.ts'

/** Words of the region `programs`, which is nobody's here. */
const flagAt = (task: Task, i: number) => regionAt(task.words, 'programs') + i * 16

/**
 * Cpu 1 makes a migration entry of page A and keeps its frame locked; cpu 0 faults, and must sleep until cpu 1, which has seen it
 * asleep, ends the migration. What cpu 0 is answered.
 */
export function waitsForTheMigration(task: Task): number {
  registerDriver(task, 0, RECORDS)
  const [MM, LOCKED, DONE] = [0, 1, 2].map((i) => flagAt(task, i)) as [number, number, number]
  if (task.id === 1) {
    awaitFlag(task, MM)
    const mm = task.words[MM + 1] as Mm
    const frame = frameOf(task, mm, A)
    frameLock(task, frame)
    const restore = plantEntry(task, mm, A, makeEntry(PTE_KIND.migration, frame, 0))
    raise(task, LOCKED)
    awaitWaiter(task, 0, WAIT.lock)
    restore()
    frameUnlock(task, frame)
    awaitFlag(task, DONE)
    return 0
  }
  const mm = newSpace(task)
  area(task, mm, A, 1, RW)
  store(task, A, 1)
  const mirror = attachDevice(task, 0, mm) as Mirror
  const range = createRange(task, 1, FORMAT)
  rangeRequest(task, range, V, 0n)
  hmmRangeRegister(task, range, mirror, A, A + 1)
  task.words[MM + 1] = mm
  raise(task, MM)
  awaitFlag(task, LOCKED)
  hmmRangeWaitUntilValid(task, range, 1000)
  downRead(task, mmapSem(mm), MMAP_SEM)
  const result = hmmRangeFault(task, range, true)
  upRead(task, mmapSem(mm))
  hmmRangeUnregister(task, range)
  freeRange(task, range)
  detachDevice(task, mirror)
  mmPut(task, mm)
  raise(task, DONE)
  return result
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('a fault waits until the migration is over', async (t) => {
    const crew = startCrew(t, { cpus: 2, devices: 1, era: 'range-valid' })
    t.same(await crew.run(import.meta.url, 'waitsForTheMigration'), [1, 0])
    t.same(crew.leftovers(), [])
  })
}
