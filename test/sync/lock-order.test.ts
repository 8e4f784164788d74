/** Is an inverted lock order reported the first time it is seen, whether or not it hangs? */
import { isMainThread } from 'node:worker_threads'
import { regionAt, regionWords } from '../../shared/memory/regions.ts'
import { HELD_COUNT, ORIGIN } from '../../shared/seam/actors.ts'
import { atomicStore } from '../../shared/seam/atomics.ts'
import { HaltSignal } from '../../shared/seam/halt.ts'
import { HALT_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { ViolationSignal } from '../../shared/seam/violation.ts'
import {
  DRIVER,
  FIRST_USER_CLASS,
  FRAME_LOCK,
  LEAF,
  LEAF_NESTED,
  type LockClass,
  MAX_CLASSES,
  MMAP_SEM,
  MMAP_SEM_CHILD,
  QUEUE,
  SUBSCRIPTIONS,
  userLockClass,
  WINDOW,
  ZONE,
} from '../../shared/sync/classes.ts'
import { assertHeld, assertHeldExclusive, assertNotHeld, checkOrder, isHeld, popHeld, pushHeld } from '../../shared/sync/held.ts'
import { mutexLock, mutexTryLock, mutexUnlock } from '../../shared/sync/mutex.ts'
import { downRead, downWrite, upRead, upWrite } from '../../shared/sync/rwsem.ts'
import { spinLock, spinUnlock } from '../../shared/sync/spinlock.ts'
import { startCrew } from '../support/crew.ts'
import { meet } from '../support/meet.ts'
import { solo, violationOf } from '../support/solo.ts'

const A = userLockClass(32, 'A', 'sleep')
const B = userLockClass(33, 'B', 'sleep')
const C = userLockClass(63, 'C', 'sleep')

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** Locks of the classes, each its own, taken in this order and dropped again. */
function takeInOrder(task: Task, ...order: LockClass[]): void {
  const taken = order.map((cls, i) => {
    const lock = words(task) + i * 16
    if (cls.kind === 'spin') spinLock(task, lock, cls)
    else mutexLock(task, lock, cls)
    return lock
  })
  for (const lock of taken.reverse()) spinUnlock(task, lock)
}

/**
 * Round after round, cpu 0 takes B under A and cpu 1 takes A under B, both for the first time and at the same moment. Returns
 * in how many rounds this one was told.
 */
export function closeACycle(task: Task, rounds: number): number {
  const meetings = words(task) + 64
  const [first, second] = task.id === 0 ? [A, B] : [B, A]
  let told = 0
  for (let round = 0; round < rounds; round++) {
    pushHeld(task, first, 1000 + task.id)
    meet(task, meetings, 2 * (3 * round + 1))
    try {
      checkOrder(task, second, 2000 + task.id)
    } catch (thrown) {
      if (thrown instanceof ViolationSignal) told++
      else if (!(thrown instanceof HaltSignal)) throw thrown
    }
    // The report halted the machine: bring it back for the next round, with a clean graph.
    atomicStore(task, HALT_AT, 0)
    task.halting = false
    popHeld(task, 1000 + task.id)
    meetQuietly(task, meetings, 2 * (3 * round + 2))
    task.words.fill(0, regionAt(task.words, 'locks'), regionAt(task.words, 'locks') + regionWords(task.words, 'locks'))
    atomicStore(task, HALT_AT, 0)
    meetQuietly(task, meetings, 2 * (3 * round + 3))
  }
  return told
}

/** As meet, while the machine may count as halted for a moment. */
function meetQuietly(task: Task, at: number, parties: number): void {
  Atomics.add(task.words, at, 1)
  while (Atomics.load(task.words, at) < parties);
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('the order of the book is allowed, from the outermost to the innermost', async (t) => {
    const { task, leftovers } = solo()
    takeInOrder(task, MMAP_SEM, FRAME_LOCK, DRIVER, LEAF, LEAF_NESTED, SUBSCRIPTIONS, ZONE, QUEUE)
    t.equal(task.words[task.record + HELD_COUNT], 0)
    t.same(leftovers(), [])
  })

  const inversions: [LockClass, LockClass][] = [
    [DRIVER, MMAP_SEM],
    [FRAME_LOCK, MMAP_SEM_CHILD],
    [LEAF_NESTED, LEAF],
    [QUEUE, ZONE],
    [ZONE, SUBSCRIPTIONS],
  ]
  for (const [outer, inner] of inversions) {
    t.test(`${inner.name} under ${outer.name} is reported at once, with nobody in the way`, async (t) => {
      const { task } = solo()
      t.equal(
        violationOf(() => takeInOrder(task, outer, inner)),
        `DLK: lock order inverted: ${inner.name} is taken while ${outer.name} is held; the order is ${inner.name} before ${outer.name}`,
      )
    })
  }

  t.test('two locks of one class have no order: the second is reported', async (t) => {
    const { task } = solo()
    t.match(
      violationOf(() => takeInOrder(task, LEAF, LEAF)),
      /^DLK: lock order inverted: page-table lock is taken while page-table lock is held/,
    )
  })

  t.test('a wait that acts like a lock counts: an invalidation window under a driver lock', async (t) => {
    const { task } = solo()
    mutexLock(task, words(task), DRIVER)
    t.match(
      violationOf(() => checkOrder(task, WINDOW, words(task) + 16)),
      /^DLK: lock order inverted: invalidation window is taken while driver lock is held/,
    )
  })

  t.test('foreign classes learn their order from use; the other order is reported then', async (t) => {
    const { task } = solo()
    takeInOrder(task, A, B)
    takeInOrder(task, A, B)
    t.match(
      violationOf(() => takeInOrder(task, B, A)),
      /^DLK: lock order inverted: A is taken while B is held; the order is A before B/,
    )
  })

  t.test('the first order may be the higher number before the lower', async (t) => {
    const { task } = solo()
    takeInOrder(task, C, A)
    t.match(
      violationOf(() => takeInOrder(task, A, C)),
      /^DLK: lock order inverted: C is taken while A is held/,
    )
  })

  t.test('a cycle of three is found when its last edge is seen, by whichever actor', async (t) => {
    const { task, other } = solo()
    takeInOrder(task, A, B)
    takeInOrder(other(1), B, C)
    t.match(
      violationOf(() => takeInOrder(task, C, A)),
      /^DLK: lock order inverted: A is taken while C is held/,
    )
  })

  t.test('a cycle may go through the book: driver before A, A before mmap_sem', async (t) => {
    const { task } = solo()
    takeInOrder(task, DRIVER, A)
    t.match(
      violationOf(() => takeInOrder(task, A, MMAP_SEM)),
      /^DLK: lock order inverted: mmap_sem is taken while A is held/,
    )
    const { task: fine } = solo()
    takeInOrder(fine, DRIVER, A)
    t.doesNotThrow(() => takeInOrder(fine, A, LEAF), 'and a class below the driver lock is none')
  })

  t.test('two actors that close a cycle at the same moment: in every round at least one is told', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const rounds = 2_000
    const told = (await crew.run(import.meta.url, 'closeACycle', rounds)) as number[]
    t.ok((told[0] as number) + (told[1] as number) >= rounds, `${told} of ${rounds}`)
  })

  t.test('a try is not judged, but what is taken under it is', async (t) => {
    const { task } = solo()
    const at = words(task)
    mutexLock(task, at, DRIVER)
    t.equal(mutexTryLock(task, at + 16, FRAME_LOCK), true, 'cannot deadlock')
    mutexUnlock(task, at + 16)
    mutexUnlock(task, at)
    t.equal(mutexTryLock(task, at, DRIVER), true)
    t.match(
      violationOf(() => mutexLock(task, at + 16, FRAME_LOCK)),
      /^DLK: lock order inverted: frame lock is taken while driver lock is held/,
    )
  })

  t.test('a dispatcher holds what its origin holds: order, asserts and "taken again" see it', async (t) => {
    const serving = (mistake: (dispatcher: Task, at: number) => void) => {
      const { task, other } = solo({ notifiers: 1, notify: 'dispatcher' })
      const dispatcher = other(2)
      const at = words(task)
      downWrite(task, at, MMAP_SEM)
      mutexLock(task, at + 16, FRAME_LOCK)
      task.words[dispatcher.record + ORIGIN] = task.id
      return violationOf(() => mistake(dispatcher, at))
    }
    t.match(
      serving((dispatcher, at) => downRead(dispatcher, at + 32, MMAP_SEM_CHILD)),
      /^DLK: lock order inverted: mmap_sem \(child\) is taken while frame lock is held/,
    )
    t.match(
      serving((dispatcher, at) => downRead(dispatcher, at, MMAP_SEM)),
      /^DLK: mmap_sem is taken again/,
    )
    t.equal(
      serving((dispatcher, at) => assertHeldExclusive(dispatcher, at, 'mmap_sem')),
      null,
    )
    t.match(
      serving((dispatcher, at) => assertNotHeld(dispatcher, at, 'mmap_sem')),
      /^CON: mmap_sem must not be held here, and is/,
    )
    t.equal(
      serving((dispatcher, at) => mutexLock(dispatcher, at + 32, DRIVER)),
      null,
      'the callback takes its driver lock',
    )
  })

  t.test('asserts tell a read hold from a write hold, and whose it is', async (t) => {
    const { task, other } = solo()
    const at = words(task)
    downRead(task, at, MMAP_SEM)
    t.equal(
      violationOf(() => assertHeld(task, at, 'mmap_sem')),
      null,
    )
    t.equal(isHeld(other(1), at), false)
    t.match(
      violationOf(() => assertHeldExclusive(task, at, 'mmap_sem')),
      /^CON: mmap_sem must be held for writing here, and is not/,
    )
  })

  t.test('locks may be dropped in any order, and the stack of held locks follows', async (t) => {
    const { task } = solo()
    const at = words(task)
    downRead(task, at, MMAP_SEM)
    mutexLock(task, at + 16, FRAME_LOCK)
    mutexLock(task, at + 32, DRIVER)
    mutexUnlock(task, at + 16)
    t.same(
      [at, at + 16, at + 32].map((lock) => isHeld(task, lock)),
      [true, false, true],
    )
    upRead(task, at)
    t.equal(isHeld(task, at + 32), true)
    mutexUnlock(task, at + 32)
    downWrite(task, at, MMAP_SEM)
    upWrite(task, at)
  })

  t.test("a class number that is not a user's is refused", async (t) => {
    for (const id of [0, FIRST_USER_CLASS - 1, MAX_CLASSES]) t.throws(() => userLockClass(id, 'x', 'spin'), RangeError)
  })
}
