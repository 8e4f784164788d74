/** Is an object that readers may still look at freed only after they have left, and never touched after that? */
import { isMainThread } from 'node:worker_threads'
import { deferFree, reapDeferred } from '../../shared/frame/deferred.ts'
import { allocObject, freeObject, liveObjects, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { atomicAdd, atomicLoad, atomicStore, atomicXchg } from '../../shared/seam/atomics.ts'
import { get, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../../shared/sync/rcu.ts'
import { startCrew } from '../support/crew.ts'
import { meet } from '../support/meet.ts'
import { solo, violationOf } from '../support/solo.ts'

/** A record of its own kind: words 0 and 1 say the same for as long as it lives; words 4 to 6 belong to the deferred list. */
const KIND = objectKind(31, 'rcu test record', 16)
const LEFT = 0
const RIGHT = 1

/** Words of the test: links to four records. */
const LINKS = 4
const START = 16
const DONE = 17
const READS = 18

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

function newRecord(task: Task, value: number): number {
  const record = allocObject(task, KIND)
  if (record === 0) throw new Error('no memory for a record')
  put(task, record + LEFT, value)
  put(task, record + RIGHT, value)
  return record
}

/**
 * cpus 0 and 1 replace records and defer the old ones' end; 2 and 3 follow the links. Checked builds report any touch of a
 * freed record; a reader also compares. The writers go on until readers have read a thousand times. Returns the number of
 * replacements or reads.
 */
export function replaceAndRead(task: Task, rounds: number): number {
  const at = words(task)
  meet(task, at + START, 4)
  if (task.id < 2) {
    let i = 1
    for (; i <= rounds || atomicLoad(task, at + READS) < 1_000; i++) {
      const old = atomicXchg(task, at + (i % LINKS), newRecord(task, i))
      if (old !== 0) deferFree(task, KIND, old)
      if (i % 3 === task.id) reapDeferred(task)
    }
    atomicAdd(task, at + DONE, 1)
    return i - 1
  }
  let reads = 0
  for (let i = 0; atomicLoad(task, at + DONE) < 2; i++) {
    rcuReadLock(task)
    const record = atomicLoad(task, at + (i % LINKS))
    if (record !== 0) {
      const left = get(task, record + LEFT)
      const right = atomicLoad(task, record + RIGHT)
      if (left === 0 || left !== right) throw new Error(`a record in use says ${left} and ${right}`)
      reads++
      atomicAdd(task, at + READS, 1)
    }
    rcuReadUnlock(task)
  }
  return reads
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('an object deferred while a reader is inside lives until it leaves', async (t) => {
    const { task, other, leftovers } = solo()
    const reader = other(1)
    const record = newRecord(task, 7)
    rcuReadLock(reader)
    deferFree(task, KIND, record)
    t.equal(reapDeferred(task), 0)
    t.equal(get(reader, record + LEFT), 7)
    t.equal(liveObjects(task, KIND), 1)
    rcuReadUnlock(reader)
    t.equal(reapDeferred(task), 1)
    t.equal(liveObjects(task, KIND), 0)
    t.same(leftovers(), [])
  })

  t.test('one that is freed under a reader is reported at its next touch: the check can fail', async (t) => {
    const { task, other } = solo()
    const reader = other(1)
    const record = newRecord(task, 7)
    rcuReadLock(reader)
    freeObject(task, KIND, record)
    t.match(
      violationOf(() => get(reader, record + LEFT)),
      /^LIFE: word 0 of a rcu test record is touched after it was freed, freed by cpu 0/,
    )
  })

  t.test('a reader that came later does not hold it up, but what was deferred meanwhile waits', async (t) => {
    const { task, other, leftovers } = solo({ cpus: 3 })
    const [early, late] = [other(1), other(2)]
    const [first, second] = [newRecord(task, 1), newRecord(task, 2)]
    rcuReadLock(early)
    deferFree(task, KIND, first)
    rcuReadLock(late)
    deferFree(task, KIND, second)
    rcuReadUnlock(early)
    t.equal(reapDeferred(task), 1, 'the first only')
    t.equal(get(late, second + LEFT), 2)
    rcuReadUnlock(late)
    t.equal(reapDeferred(task), 1)
    t.same(leftovers(), [])
  })

  for (const noise of [0, 0.01]) {
    t.test(`two writers, two readers (noise ${noise}): no freed record is touched, and every one is returned`, async (t) => {
      const crew = startCrew(t, { noise })
      const rounds = noise === 0 ? 6_000 : 2_000
      const [, , ...reads] = (await crew.run(import.meta.url, 'replaceAndRead', rounds)) as number[]
      t.ok((reads[0] as number) + (reads[1] as number) >= 1_000, `${reads} reads`)
      const at = words(crew.task)
      for (let i = 0; i < LINKS; i++) {
        const record = atomicLoad(crew.task, at + i)
        atomicStore(crew.task, at + i, 0)
        if (record !== 0) freeObject(crew.task, KIND, record)
      }
      t.same(crew.leftovers(), [])
    })
  }
}
