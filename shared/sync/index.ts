/**
 * `hmm-runtime/sync`: locks, queues and grace periods over a SharedArrayBuffer, for protocols of your own. Every access to a
 * shared word goes through the schedule points of the runtime.
 */
export { createRegions, type RegionSizes, wordsNeeded } from '../memory/regions.ts'
export { lineAligned, type WordAt, type Words } from '../memory/words.ts'
export { atomicAdd, atomicAnd, atomicCas, atomicLoad, atomicOr, atomicStore, atomicXchg } from '../seam/atomics.ts'
export { isAsleep, park, WAIT, wake } from '../seam/park.ts'
export { get, put } from '../seam/plain.ts'
export { Task, type TaskOptions } from '../seam/task.ts'
export { endOp } from '../seam/trace.ts'
export { type LockClass, userLockClass } from './classes.ts'
export { mutexLock, mutexTryLock, mutexUnlock } from './mutex.ts'
export { rcuPassed, rcuReadLock, rcuReadUnlock, rcuStartGrace, rcuSynchronize } from './rcu.ts'
export {
  createRing,
  type Ring,
  ringConsume,
  ringCount,
  ringPeek,
  ringPublish,
  ringReserve,
  ringWait,
  ringWords,
} from './ring.ts'
export {
  downgradeWrite,
  downRead,
  downReadKillable,
  downReadTry,
  downWrite,
  downWriteKillable,
  downWriteTry,
  RWSEM_WORDS,
  upRead,
  upWrite,
} from './rwsem.ts'
export { seqBegin, seqRetry, seqWriteBegin, seqWriteEnd } from './seqcount.ts'
export { spinLock, spinTryLock, spinUnlock } from './spinlock.ts'
export { SRCU_WORDS, srcuReadLock, srcuReadUnlock, srcuSynchronize } from './srcu.ts'
export { WAIT_QUEUE_WORDS, waitUntil, wakeAll } from './waitqueue.ts'
