/** Is a reader that may have seen a record always waited for, and a later one never? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { actorAt, RCU } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { tick } from '../../shared/seam/point.ts'
import { RCU_EPOCH_AT, RCU_WAITERS_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { inRcuSection, rcuPassed, rcuReadLock, rcuReadUnlock, rcuStartGrace, rcuSynchronize } from '../../shared/sync/rcu.ts'
import { startCrew } from '../support/crew.ts'
import { meet, until, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'

/** Words of the test: a link to one of two records, each alive (1) or freed (0). */
const LINK = 0
const ALIVE = 1
const STAGE = 16
const DONE = 17
const START = 18
const SEEN_DEAD = 19

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/**
 * cpu 0 reads the link and stays in its section; cpu 1 unlinks and waits for a grace period; cpu 2 enters only then, sees the
 * new link, and stays inside until cpu 1 is through: cpu 1 must not wait for it. Returns what each saw.
 */
export function oneGracePeriod(task: Task): number[] {
  const at = words(task)
  const reach = (stage: number) => until(task, () => atomicLoad(task, at + STAGE) >= stage)
  if (task.id === 0) {
    rcuReadLock(task)
    const seen = atomicLoad(task, at + LINK)
    atomicStore(task, at + STAGE, 1)
    untilAsleep(task, 1, 'gracePeriod')
    atomicStore(task, at + STAGE, 2)
    reach(3)
    const alive = atomicLoad(task, at + ALIVE + seen)
    rcuReadUnlock(task)
    return [seen, alive]
  }
  if (task.id === 1) {
    reach(1)
    atomicStore(task, at + LINK, 1)
    rcuSynchronize(task)
    atomicStore(task, at + ALIVE, 0)
    atomicStore(task, at + STAGE, 4)
    return []
  }
  reach(2)
  rcuReadLock(task)
  const seen = atomicLoad(task, at + LINK)
  atomicStore(task, at + STAGE, 3)
  reach(4)
  rcuReadUnlock(task)
  return [seen]
}

/**
 * cpu 0 swaps the link and kills the old record, after a grace period; or `at once`, until somebody has read a dead one. The
 * others read. Returns the dead reads of each.
 */
export function readers(task: Task, rounds: number, when: string): number {
  const at = words(task)
  meet(task, at + START, 4)
  if (task.id === 0) {
    for (let i = 1; i <= rounds || (when === 'at once' && atomicLoad(task, at + SEEN_DEAD) === 0); i++) {
      tick(task)
      atomicStore(task, at + ALIVE + (i & 1), 1)
      atomicStore(task, at + LINK, i & 1)
      if (when !== 'at once') rcuSynchronize(task)
      atomicStore(task, at + ALIVE + ((i & 1) ^ 1), 0)
    }
    atomicStore(task, at + DONE, 1)
    return 0
  }
  let dead = 0
  while (atomicLoad(task, at + DONE) === 0) {
    rcuReadLock(task)
    const seen = atomicLoad(task, at + LINK)
    for (let i = 0; i < 3; i++) if (atomicLoad(task, at + ALIVE + seen) !== 1) dead++
    rcuReadUnlock(task)
    if (dead > 0) atomicStore(task, at + SEEN_DEAD, 1)
  }
  return dead
}

/** Several wait for grace periods at once, and read in between. */
export function everybodyWaits(task: Task, rounds: number): void {
  for (let i = 0; i < rounds; i++) {
    rcuReadLock(task)
    atomicAdd(task, words(task) + STAGE, 1)
    rcuReadUnlock(task)
    rcuSynchronize(task)
  }
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('the reader of before the unlink is waited for, the one of after is not', async (t) => {
    const crew = startCrew(t, { cpus: 3 })
    atomicStore(crew.task, words(crew.task) + ALIVE, 1)
    const [before, , after] = await crew.run(import.meta.url, 'oneGracePeriod')
    t.same(before, [0, 1], 'it saw the old record, which was alive to the end')
    t.same(after, [1])
    t.equal(atomicLoad(crew.task, RCU_WAITERS_AT), 0)
    t.same(crew.leftovers(), [])
  })

  t.test('three readers under load never touch a record whose grace period is over', async (t) => {
    const crew = startCrew(t, { noise: 0.01 })
    atomicStore(crew.task, words(crew.task) + ALIVE, 1)
    t.same(await crew.run(import.meta.url, 'readers', 3_000, 'after a grace period'), [0, 0, 0, 0])
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

  t.test('four threads that all wait for grace periods come through', async (t) => {
    const crew = startCrew(t)
    await crew.run(import.meta.url, 'everybodyWaits', 1_500)
    t.equal(atomicLoad(crew.task, RCU_WAITERS_AT), 0)
    t.equal(atomicLoad(crew.task, words(crew.task) + STAGE), 6_000)
  })

  t.test('sections nest: only the outermost end counts, and it keeps the epoch of its beginning', async (t) => {
    const { task, other } = solo()
    const reader = other(1)
    rcuReadLock(reader)
    const grace = rcuStartGrace(task)
    rcuReadLock(reader) // does not make it a later reader
    t.equal(rcuPassed(task, grace), false)
    rcuReadUnlock(reader)
    t.equal(rcuPassed(task, grace), false)
    t.equal(inRcuSection(reader), true)
    rcuReadUnlock(reader)
    t.equal(rcuPassed(task, grace), true)
    t.equal(inRcuSection(reader), false)
  })

  t.test('fifteen deep is as deep as it goes, and leaving twice is refused', async (t) => {
    const { task } = solo()
    for (let i = 0; i < 15; i++) rcuReadLock(task)
    t.throws(() => rcuReadLock(task), /rcu sections nest at most 15 deep/)
    for (let i = 0; i < 15; i++) rcuReadUnlock(task)
    t.equal(task.words[actorAt(task.words, 0) + RCU], 0)
    t.throws(() => rcuReadUnlock(task), /an rcu section is left by who entered it/)
  })

  // 28 bits of an epoch fit beside the nesting depth; the counter has 32 and is signed when it is read.
  for (const epoch of [2 ** 28 - 1, 2 ** 28, 2 ** 31 - 1, -(2 ** 31), -1]) {
    t.test(`the epoch may run over: from ${epoch} on, earlier readers are waited for and later ones are not`, async (t) => {
      const { task, other } = solo({ cpus: 4 })
      const [early, late] = [other(1), other(2)]
      task.words[RCU_EPOCH_AT] = epoch
      rcuReadLock(early)
      const first = rcuStartGrace(task)
      rcuReadLock(late)
      const second = rcuStartGrace(task)
      t.same([rcuPassed(task, first), rcuPassed(task, second)], [false, false])
      rcuReadUnlock(early)
      t.same([rcuPassed(task, first), rcuPassed(task, second)], [true, false])
      rcuReadUnlock(late)
      t.same([rcuPassed(task, first), rcuPassed(task, second)], [true, true])
    })
  }
}
