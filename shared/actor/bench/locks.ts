/**
 * Course `locks`: two cpus, each taking and dropping the same lock all the time; cpu 0 times its own. Under the lock are two words that
 * a writer counts up, one after the other: they are equal for whoever has it, and in the end they are as many as there were writers.
 *
 *   atomic             no lock: both add to one word
 *   rwsem-read         both read
 *   rwsem-read-write   cpu 0 reads, cpu 1 writes
 */
import type { WordAt } from '../../memory/words.ts'
import { NO_MM } from '../../notifier/mmhead.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../seam/atomics.ts'
import { get, put } from '../../seam/plain.ts'
import { tick } from '../../seam/point.ts'
import type { Task } from '../../seam/task.ts'
import { userLockClass } from '../../sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../sync/mutex.ts'
import { downRead, downWrite, upRead, upWrite } from '../../sync/rwsem.ts'
import { spinLock, spinUnlock } from '../../sync/spinlock.ts'
import { awaitFinished, awaitRun, finishRun, isWindingDown, openRun, runBoard, setRunBoard, windDown } from '../rendezvous.ts'
import { type Board, createBoard, doneAt, freeBoard, lockAt, pairAt } from './board.ts'
import { type Contended, LOCK_BATCH, type LocksCourse, mustBe, WARM_UP_SHARE } from './course.ts'
import type { Samples } from './samples.ts'

const SLEEPING = userLockClass(40, 'benchmark lock', 'sleep')
const SPINNING = userLockClass(41, 'benchmark spinlock', 'spin')

/** What one cpu does under, or without, a lock. */
interface Operation {
  readonly writes: boolean
  once(task: Task, lock: WordAt, pair: WordAt): void
}

const READ: Operation = {
  writes: false,
  once(task, lock, pair) {
    downRead(task, lock, SLEEPING)
    mustBeEqual(task, pair)
    upRead(task, lock)
  },
}

const WRITE = writer(
  (task, lock) => downWrite(task, lock, SLEEPING),
  (task, lock) => upWrite(task, lock),
)

/** Of cpu 0 and of cpu 1. */
const OPERATIONS: Readonly<Record<Contended, readonly [Operation, Operation]>> = {
  atomic: both({
    writes: true,
    once(task, _lock, pair) {
      atomicAdd(task, pair, 1)
    },
  }),
  spinlock: both(writer((task, lock) => spinLock(task, lock, SPINNING), spinUnlock)),
  mutex: both(writer((task, lock) => mutexLock(task, lock, SLEEPING), mutexUnlock)),
  'rwsem-write': both(WRITE),
  'rwsem-read': both(READ),
  'rwsem-read-write': [READ, WRITE],
}

function both(operation: Operation): readonly [Operation, Operation] {
  return [operation, operation]
}

function writer(take: (task: Task, lock: WordAt) => void, drop: (task: Task, lock: WordAt) => void): Operation {
  return {
    writes: true,
    once(task, lock, pair) {
      take(task, lock)
      mustBeEqual(task, pair)
      put(task, pair, get(task, pair) + 1)
      put(task, pair + 1, get(task, pair + 1) + 1)
      drop(task, lock)
    },
  }
}

function mustBeEqual(task: Task, pair: WordAt): void {
  mustBe(get(task, pair) === get(task, pair + 1), 'a lock let two cpus in')
}

/** The part of cpu 0. */
export function leadLocks(task: Task, { lock, batches }: LocksCourse, samples: Samples): void {
  const board = createBoard(task)
  setRunBoard(task, board)
  openRun(task, NO_MM, 2)
  const [mine, other] = OPERATIONS[lock]
  const warm = Math.ceil(batches / WARM_UP_SHARE)
  while (atomicLoad(task, doneAt(board, 1)) === 0) tick(task) // there is nobody to contend with yet
  for (let batch = 0; batch < batches; batch++) {
    const since = task.nowNs()
    for (let i = 0; i < LOCK_BATCH; i++) mine.once(task, lockAt(board), pairAt(board))
    if (batch >= warm) samples.add(task.nowNs() - since)
  }
  const theirs = atomicLoad(task, doneAt(board, 1))
  windDown(task)
  awaitFinished(task, 2)
  mustBe(theirs > LOCK_BATCH, `the other cpu came to the lock ${theirs} times only`)
  const wanted = (mine.writes ? batches * LOCK_BATCH : 0) + (other.writes ? atomicLoad(task, doneAt(board, 1)) : 0)
  const got = atomicLoad(task, pairAt(board))
  mustBe(got === wanted, `${wanted} operations under ${lock} counted to ${got}`)
  freeBoard(task, board)
}

/** The part of cpu 1. */
export function joinLocks(task: Task, { lock }: LocksCourse): void {
  awaitRun(task)
  const board = runBoard(task) as Board
  const [, mine] = OPERATIONS[lock]
  for (let done = LOCK_BATCH; !isWindingDown(task); done += LOCK_BATCH) {
    for (let i = 0; i < LOCK_BATCH; i++) mine.once(task, lockAt(board), pairAt(board))
    atomicStore(task, doneAt(board, 1), done)
  }
  finishRun(task)
}
