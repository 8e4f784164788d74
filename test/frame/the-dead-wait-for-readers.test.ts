/**
 * May a lock-free reader trust what it found? What is unlinked goes to the deferred list and is freed only when every reader
 * that could have seen it has left its section.
 */
import { isMainThread } from 'node:worker_threads'
import { deferFree, reapDeferred } from '../../shared/frame/deferred.ts'
import { allocObject, freeObject, liveObjects, objectKind } from '../../shared/frame/objects.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import type { WordAt } from '../../shared/memory/words.ts'
import { atomicLoad, atomicXchg } from '../../shared/seam/atomics.ts'
import { get, put } from '../../shared/seam/plain.ts'
import type { Task } from '../../shared/seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../../shared/sync/rcu.ts'
import { startCrew } from '../support/crew.ts'
import { solo, violationOf } from '../support/solo.ts'

const LINKED = objectKind(46, 'linked thing', 32)
const LARGE = objectKind(47, 'large thing', 129 * 16)
/** A word of the thing that tells whether it is whole. */
const CONTENT = 20

/** The word that links the thing everybody reads. */
function linkAt(task: Task): WordAt {
  return regionAt(task.words, 'programs')
}

/** Actor 0 replaces the linked thing, the others read it. `how` says what becomes of the old one. Returns the rounds that went well. */
export function replaceOrRead(task: Task, rounds: number, how: string): number {
  let good = 0
  for (let i = 0; i < rounds; i++) {
    if (task.id === 0) {
      const fresh = allocObject(task, LINKED)
      put(task, fresh + CONTENT, fresh)
      const old = atomicXchg(task, linkAt(task), fresh)
      if (how === 'deferred') deferFree(task, LINKED, old)
      else freeObject(task, LINKED, old)
      reapDeferred(task)
      good++
    } else {
      rcuReadLock(task)
      const thing = atomicLoad(task, linkAt(task))
      let whole = true
      for (let look = 0; look < 5; look++) whole = whole && get(task, thing + CONTENT) === thing
      rcuReadUnlock(task)
      if (whole) good++
    }
  }
  return good
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('without readers the next reap frees', async (t) => {
    const { task, leftovers } = solo()
    const things = [1, 2, 3].map(() => allocObject(task, LINKED))
    for (const thing of things) deferFree(task, LINKED, thing)
    t.equal(liveObjects(task, LINKED), 3, 'nothing is freed on the way')
    t.equal(reapDeferred(task), 3)
    t.equal(liveObjects(task, LINKED), 0)
    t.equal(reapDeferred(task), 0)
    t.same(leftovers(), [])
  })

  t.test('who was reading before keeps it alive; who began after does not', async (t) => {
    const { task, other, leftovers } = solo()
    const [before, after] = [other(0), other(1)]
    const thing = allocObject(task, LINKED)
    rcuReadLock(before)
    deferFree(task, LINKED, thing)
    rcuReadLock(after)
    t.equal(reapDeferred(task), 0)
    put(before, thing + CONTENT, 7)
    t.equal(get(before, thing + CONTENT), 7, 'still there for who found it')
    rcuReadUnlock(before)
    t.equal(reapDeferred(task), 1, 'the later reader could not have found it')
    rcuReadUnlock(after)
    t.same(leftovers(), [])
  })

  t.test('a section inside a section does not end the outer one', async (t) => {
    const { task, other, leftovers } = solo()
    const reader = other(1)
    rcuReadLock(reader)
    rcuReadLock(reader)
    deferFree(task, LINKED, allocObject(task, LINKED))
    rcuReadUnlock(reader)
    t.equal(reapDeferred(task), 0)
    rcuReadUnlock(reader)
    t.equal(reapDeferred(task), 1)
    t.same(leftovers(), [])
  })

  t.test('what died earlier is freed while a reader holds what died later', async (t) => {
    const { task, other, leftovers } = solo()
    const reader = other(1)
    deferFree(task, LINKED, allocObject(task, LINKED))
    rcuReadLock(reader)
    deferFree(task, LARGE, allocObject(task, LARGE))
    t.equal(reapDeferred(task), 1)
    t.equal(liveObjects(task, LINKED), 0)
    t.equal(liveObjects(task, LARGE), 1)
    rcuReadUnlock(reader)
    t.equal(reapDeferred(task), 1, 'objects of several kinds on one list')
    t.same(leftovers(), [])
  })

  t.test('an allocation that would fail frees the dead first', async (t) => {
    for (const checked of [true, false]) {
      const { task, other, leftovers } = solo({ bytes: 512 * 1024, checked })
      const all: WordAt[] = []
      for (let at = allocObject(task, LARGE); at !== 0; at = allocObject(task, LARGE)) all.push(at)
      const dead = all.pop() as WordAt
      rcuReadLock(other(1))
      deferFree(task, LARGE, dead)
      t.equal(allocObject(task, LARGE), 0, 'a reader may still look at it')
      rcuReadUnlock(other(1))
      t.equal(allocObject(task, LARGE), dead)
      for (const at of [...all, dead]) freeObject(task, LARGE, at)
      t.same(leftovers(), [])
    }
  })

  t.test('three threads read what a fourth replaces: nobody ever meets a freed one', async (t) => {
    const crew = startCrew(t)
    const { task } = crew
    const thing = allocObject(task, LINKED)
    put(task, thing + CONTENT, thing)
    put(task, linkAt(task), thing)
    t.same(await crew.run(import.meta.url, 'replaceOrRead', 20_000, 'deferred'), [20_000, 20_000, 20_000, 20_000])
    freeObject(task, LINKED, get(task, linkAt(task)))
    t.same(crew.leftovers(), [])
  })

  t.test('freed at once instead, the readers do meet it, and it is reported', async (t) => {
    const crew = startCrew(t)
    const { task } = crew
    const thing = allocObject(task, LINKED)
    put(task, linkAt(task), thing)
    await t.rejects(
      crew.run(import.meta.url, 'replaceOrRead', 1_000_000, 'at once'),
      /LIFE: word 20 of a linked thing is touched/,
    )
  })

  t.test('the dead on the list may not be touched once they are freed', async (t) => {
    const { task } = solo()
    const thing = allocObject(task, LINKED)
    deferFree(task, LINKED, thing)
    reapDeferred(task)
    t.match(
      violationOf(() => get(task, thing + CONTENT)),
      /^LIFE: word 20 of a linked thing is touched after it was freed/,
    )
  })
}
