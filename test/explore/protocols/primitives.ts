/**
 * Small programs over each primitive of shared/sync, for two or three threads; and for each a version that leaves out what the
 * primitive is for. Every word that a section protects is read and written by steps of its own, so that nothing is atomic by luck.
 *
 *   word   0 ............ 15    16      17      18        32 ..............
 *        +-------------------+-------+-------+---------+------------------+
 *        | lock or domain    | DATA  | TWIN  | RESULT  | ring             |
 *        +-------------------+-------+-------+---------+------------------+
 */
import {
  atomicAdd,
  atomicLoad,
  atomicStore,
  createRing,
  downgradeWrite,
  downRead,
  downWrite,
  get,
  mutexLock,
  mutexUnlock,
  put,
  type Ring,
  rcuReadLock,
  rcuReadUnlock,
  rcuSynchronize,
  ringConsume,
  ringPeek,
  ringPublish,
  ringReserve,
  ringWait,
  seqBegin,
  seqRetry,
  seqWriteBegin,
  seqWriteEnd,
  spinLock,
  spinUnlock,
  srcuReadLock,
  srcuReadUnlock,
  srcuSynchronize,
  type Task,
  upRead,
  upWrite,
  userLockClass,
  WAIT,
  type WordAt,
  waitUntil,
  wakeAll,
} from 'hmm-runtime/sync'

const DATA = 16
const TWIN = 17
const RESULT = 18
const RING = 32
const SLEEPER = userLockClass(40, 'sleeper', 'sleep')
const SPINNER = userLockClass(41, 'spinner', 'spin')

function addOne(task: Task, at: WordAt): void {
  atomicStore(task, at + DATA, atomicLoad(task, at + DATA) + 1)
}

export function expectTwo(task: Task, at: WordAt): void {
  expectData(task, at, 2)
}

export function expectThree(task: Task, at: WordAt): void {
  expectData(task, at, 3)
}

function expectData(task: Task, at: WordAt, wanted: number): void {
  const sum = atomicLoad(task, at + DATA)
  if (sum !== wanted) throw new Error(`additions were lost: ${sum}, not ${wanted}`)
}

/** What readers saw was whole. */
export function expectWhole(task: Task, at: WordAt): void {
  if (atomicLoad(task, at + RESULT) !== 0) throw new Error('a reader saw half of a write')
}

export function addUnlocked(task: Task, at: WordAt): void {
  addOne(task, at)
}

export function addUnderMutex(task: Task, at: WordAt): void {
  mutexLock(task, at, SLEEPER)
  addOne(task, at)
  mutexUnlock(task, at)
}

export function addUnderSpinlock(task: Task, at: WordAt): void {
  spinLock(task, at, SPINNER)
  addOne(task, at)
  spinUnlock(task, at)
}

export function addAsWriter(task: Task, at: WordAt): void {
  downWrite(task, at, SLEEPER)
  addOne(task, at)
  upWrite(task, at)
}

export function addAsReader(task: Task, at: WordAt): void {
  downRead(task, at, SLEEPER)
  addOne(task, at)
  upRead(task, at)
}

function writeBoth(task: Task, at: WordAt): void {
  atomicStore(task, at + DATA, 7)
  atomicStore(task, at + TWIN, 7)
}

function readBoth(task: Task, at: WordAt): boolean {
  return atomicLoad(task, at + DATA) === atomicLoad(task, at + TWIN)
}

function note(task: Task, at: WordAt, whole: boolean): void {
  if (!whole) atomicAdd(task, at + RESULT, 1)
}

export function writeAsWriter(task: Task, at: WordAt): void {
  downWrite(task, at, SLEEPER)
  writeBoth(task, at)
  upWrite(task, at)
}

/** Writes, then goes on as a reader: what it wrote stays while it reads. */
export function writeAndDowngrade(task: Task, at: WordAt): void {
  downWrite(task, at, SLEEPER)
  writeBoth(task, at)
  downgradeWrite(task, at, SLEEPER)
  note(task, at, readBoth(task, at))
  upRead(task, at)
}

export function readAsReader(task: Task, at: WordAt): void {
  downRead(task, at, SLEEPER)
  note(task, at, readBoth(task, at))
  upRead(task, at)
}

export function readUnlocked(task: Task, at: WordAt): void {
  note(task, at, readBoth(task, at))
}

export function writeInSequence(task: Task, at: WordAt): void {
  seqWriteBegin(task, at)
  writeBoth(task, at)
  seqWriteEnd(task, at)
}

export function readInSequence(task: Task, at: WordAt): void {
  for (;;) {
    const seq = seqBegin(task, at)
    const whole = readBoth(task, at)
    if (seqRetry(task, at, seq)) continue
    note(task, at, whole)
    return
  }
}

/** Starts where no writer is, and does not look whether one came. */
export function readWithoutRetry(task: Task, at: WordAt): void {
  seqBegin(task, at)
  note(task, at, readBoth(task, at))
}

export function makeRing(task: Task, at: WordAt): void {
  createRing(task, at + RING, { slots: 2, slotWords: 1, consumer: 0 })
}

/** Takes two messages, which have to come in order. Thread 0. */
export function takeTwo(task: Task, at: WordAt): void {
  const ring = (at + RING) as Ring
  for (const wanted of [1, 2]) {
    ringWait(task, ring)
    note(task, at, get(task, ringPeek(task, ring)) === wanted)
    ringConsume(task, ring, 1)
  }
}

export function giveTwo(task: Task, at: WordAt): void {
  const ring = (at + RING) as Ring
  for (const message of [1, 2]) {
    put(task, ringReserve(task, ring), message)
    ringPublish(task, ring)
  }
}

/** DATA says whether there is a record, TWIN whether it was freed: a reader inside never meets a freed one. */
function useRecord(task: Task, at: WordAt): void {
  if (atomicLoad(task, at + DATA) === 0) note(task, at, atomicLoad(task, at + TWIN) === 0)
}

function retire(task: Task, at: WordAt, wait: () => void): void {
  atomicStore(task, at + DATA, 1)
  wait()
  atomicStore(task, at + TWIN, 1)
}

export function readUnderRcu(task: Task, at: WordAt): void {
  rcuReadLock(task)
  useRecord(task, at)
  rcuReadUnlock(task)
}

export function retireAfterRcu(task: Task, at: WordAt): void {
  retire(task, at, () => rcuSynchronize(task))
}

export function retireAtOnce(task: Task, at: WordAt): void {
  retire(task, at, () => {})
}

export function readUnderSrcu(task: Task, at: WordAt): void {
  const index = srcuReadLock(task, at)
  useRecord(task, at)
  srcuReadUnlock(task, at, index)
}

export function retireAfterSrcu(task: Task, at: WordAt): void {
  retire(task, at, () => srcuSynchronize(task, at))
}

export function awaitData(task: Task, at: WordAt): void {
  waitUntil(task, at, WAIT.work, at + DATA, () => atomicLoad(task, at + DATA) === 1)
}

export function setData(task: Task, at: WordAt): void {
  atomicStore(task, at + DATA, 1)
  wakeAll(task, at)
}

/** Wakes before there is anything to see. */
export function setDataTooLate(task: Task, at: WordAt): void {
  wakeAll(task, at)
  atomicStore(task, at + DATA, 1)
}
