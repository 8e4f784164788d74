/** Under load on real threads: does a reader ever see half of a writer's work, and is anything lost? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { get, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { MMAP_SEM } from '../../shared/sync/classes.ts'
import {
  downgradeWrite,
  downRead,
  downReadKillable,
  downReadTry,
  downWrite,
  downWriteKillable,
  downWriteTry,
  upRead,
  upWrite,
} from '../../shared/sync/rwsem.ts'
import { startCrew } from '../support/crew.ts'

/** Words of the test, in the ledgers of a machine without a workload: the lock, and a pair that is equal outside of it. */
const SEM = 0
const LEFT = 16
const RIGHT = 32

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Caller holds the lock for writing. The pair differs for a while. */
function write(task: Task): void {
  const at = words(task)
  put(task, at + LEFT, get(task, at + LEFT) + 1)
  put(task, at + RIGHT, get(task, at + RIGHT) + 1)
}

/** Caller holds the lock. Looks several times: nothing moves while it reads. */
function read(task: Task): void {
  const at = words(task)
  const seen = get(task, at + LEFT)
  for (let i = 0; i < 4; i++) {
    const [left, right] = [get(task, at + LEFT), get(task, at + RIGHT)]
    if (left !== seen || right !== seen) throw new Error(`a reader saw ${left} and ${right} after ${seen}`)
  }
}

/** Every way to take the lock, in an order of its own per thread. Returns the number of writes. */
export function everyWay(task: Task, rounds: number): number {
  const sem = words(task) + SEM
  let writes = 0
  for (let i = 0; i < rounds; i++) {
    const way = (i * 7 + task.id * 5) % 8
    if (way === 0 || way === 1 || way === 2) {
      if (way === 0) downWrite(task, sem, MMAP_SEM)
      else if (way === 1) downWriteKillable(task, sem, MMAP_SEM)
      else if (!downWriteTry(task, sem, MMAP_SEM)) continue
      write(task)
      writes++
      upWrite(task, sem)
    } else if (way === 3) {
      downWrite(task, sem, MMAP_SEM)
      write(task)
      writes++
      const mine = get(task, words(task) + LEFT)
      downgradeWrite(task, sem, MMAP_SEM)
      read(task)
      if (get(task, words(task) + LEFT) !== mine) throw new Error('a writer came in between a downgrade and its upRead')
      upRead(task, sem)
    } else {
      if (way === 4) downReadKillable(task, sem, MMAP_SEM)
      else if (way !== 5) downRead(task, sem, MMAP_SEM)
      else if (!downReadTry(task, sem, MMAP_SEM)) continue
      read(task)
      upRead(task, sem)
    }
  }
  return writes
}

if (isMainThread) {
  const t = (await import('tap')).default

  const runs = [
    { name: 'checked', options: { checked: true }, rounds: 15_000 },
    { name: 'checked, with noise at its points', options: { checked: true, noise: 0.02 }, rounds: 3_000 },
    { name: 'unchecked', options: { checked: false }, rounds: 30_000 },
    { name: 'unchecked, eight threads on two cores', options: { checked: false, cpus: 8 }, rounds: 8_000 },
  ]
  for (const { name, options, rounds } of runs) {
    t.test(`${name}: readers see whole pairs, and no write is lost`, async (t) => {
      const crew = startCrew(t, options)
      const writes = (await crew.run(import.meta.url, 'everyWay', rounds)) as number[]
      const total = writes.reduce((a, b) => a + b)
      const at = words(crew.task)
      t.same([crew.task.words[at + LEFT], crew.task.words[at + RIGHT]], [total, total], `${total} writes`)
      t.equal(crew.task.words[at + SEM], 0, 'the lock is free, nobody is queued')
      t.same(crew.leftovers(), [])
    })
  }
}
