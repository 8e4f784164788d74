/**
 * Course `locks`: two cpus, each taking and dropping the same lock all the time; cpu 0 times its own. Under the lock are two words that
 * a writer counts up, one after the other: they are equal for whoever has it, and in the end they are as many as there were writers.
 *
 *   atomic                no lock: both add to one word
 *   rwsem-read            both read
 *   rwsem-read-write      cpu 0 reads, cpu 1 writes
 *   seqcount-read-write   cpu 0 reads; cpu 1 writes, and reads 31 times before it writes again: who only writes lets no reader come to an end
 *   rcu-read-retire       cpu 0 reads the pair that is linked; cpu 1 fills the other one, links it, and waits for a grace period
 */
import type { WordAt } from '../../memory/words.ts'
import { NO_MM } from '../../notifier/mmhead.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../seam/atomics.ts'
import { get, put } from '../../seam/plain.ts'
import { tick } from '../../seam/point.ts'
import type { Task } from '../../seam/task.ts'
import { userLockClass } from '../../sync/classes.ts'
import { mutexLock, mutexUnlock } from '../../sync/mutex.ts'
import { rcuReadLock, rcuReadUnlock, rcuSynchronize } from '../../sync/rcu.ts'
import { downRead, downWrite, upRead, upWrite } from '../../sync/rwsem.ts'
import { seqBegin, seqRetry, seqWriteBegin, seqWriteEnd } from '../../sync/seqcount.ts'
import { spinLock, spinUnlock } from '../../sync/spinlock.ts'
import { awaitFinished, awaitRun, finishRun, isWindingDown, openRun, runBoard, setRunBoard, windDown } from '../rendezvous.ts'
import { type Board, createBoard, doneAt, freeBoard, lockAt, PAIR_STRIDE, pairAt } from './board.ts'
import { type Contended, LOCK_BATCH, type LocksCourse, mustBe, WARM_UP_SHARE } from './course.ts'
import type { Samples } from './samples.ts'

const SLEEPING = userLockClass(40, 'benchmark lock', 'sleep')
const SPINNING = userLockClass(41, 'benchmark spinlock', 'spin')

/** What one cpu does under, or without, a lock. */
interface Operation {
  readonly writes: boolean
  /** Operations between two looks whether the run is over, where that is not LOCK_BATCH. */
  readonly batch?: number
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

const SEQ_READ: Operation = {
  writes: false,
  once(task, lock, pair) {
    for (;;) {
      const seq = seqBegin(task, lock)
      const first = atomicLoad(task, pair)
      const second = atomicLoad(task, pair + 1)
      if (seqRetry(task, lock, seq)) continue
      mustBe(first === second, 'a reader of a sequence counter saw half of a write')
      return
    }
  },
}

/** Reads between two writes of the same cpu. */
const READS_PER_WRITE = 31

const SEQ_WRITE: Operation = {
  writes: true,
  batch: LOCK_BATCH / 32,
  once(task, lock, pair) {
    const next = get(task, pair) + 1
    seqWriteBegin(task, lock)
    atomicStore(task, pair, next)
    atomicStore(task, pair + 1, next)
    seqWriteEnd(task, lock)
    for (let i = 0; i < READS_PER_WRITE; i++) SEQ_READ.once(task, lock, pair)
  },
}

/** The lock's word says which pair is linked. */
const RCU_READ: Operation = {
  writes: false,
  once(task, lock, pair) {
    rcuReadLock(task)
    mustBeEqual(task, pair + atomicLoad(task, lock) * PAIR_STRIDE)
    rcuReadUnlock(task)
  },
}

const RCU_RETIRE: Operation = {
  writes: true,
  batch: 16,
  once(task, lock, pair) {
    const linked = atomicLoad(task, lock)
    const next = get(task, pair + linked * PAIR_STRIDE) + 1
    const fresh = pair + (1 - linked) * PAIR_STRIDE
    put(task, fresh, next)
    put(task, fresh + 1, next)
    atomicStore(task, lock, 1 - linked)
    rcuSynchronize(task) // who read the other pair has left it
  },
}

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
  'seqcount-read-write': [SEQ_READ, SEQ_WRITE],
  'rcu-read-retire': [RCU_READ, RCU_RETIRE],
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
  mustBe(theirs > (other.batch ?? LOCK_BATCH), `the other cpu came to the lock ${theirs} times only`)
  const wanted = (mine.writes ? batches * LOCK_BATCH : 0) + (other.writes ? atomicLoad(task, doneAt(board, 1)) : 0)
  const got = Math.max(atomicLoad(task, pairAt(board, 0)), atomicLoad(task, pairAt(board, 1)))
  mustBe(got === wanted, `${wanted} operations under ${lock} counted to ${got}`)
  freeBoard(task, board)
}

/** The part of cpu 1. */
export function joinLocks(task: Task, { lock }: LocksCourse): void {
  awaitRun(task)
  const board = runBoard(task) as Board
  const [, mine] = OPERATIONS[lock]
  const { batch = LOCK_BATCH } = mine
  for (let done = batch; !isWindingDown(task); done += batch) {
    for (let i = 0; i < batch; i++) mine.once(task, lockAt(board), pairAt(board))
    atomicStore(task, doneAt(board, 1), done)
  }
  finishRun(task)
}
