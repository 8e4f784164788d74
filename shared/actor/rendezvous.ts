/**
 * The rendezvous of a run in which several actors work at once: the few words by which they start together, end together,
 * and stand still while the booting thread audits them. At the head of the `programs` region; ledgers follow.
 *
 *   word   0       1    2          3       4         5           6
 *        +-------+----+----------+-------+---------+-----------+-------+
 *        | START | MM | FINISHED | QUIET | AUDITED | NEXT_ASID | BOARD |
 *        +-------+----+----------+-------+---------+-----------+-------+
 *
 *   START      0 -> 1 by the leader (cpu 0) once the address space is there. MM: that address space.
 *   FINISHED   cpus and reclaimers that have done their last operation.
 *   QUIET      0 -> 1 by the leader when all have: nothing moves until AUDITED.
 *   AUDITED    0 -> 1 by the booting thread: the leader takes everything down.
 *   NEXT_ASID  number of the next forked process.
 *   BOARD      what the actors of a benchmark have in common (bench/board.ts); before START. All atomic.
 */
import { regionAt } from '../memory/regions.ts'
import type { WordAt, Words } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { park, WAIT, wake } from '../seam/park.ts'
import { ACTOR_COUNT_AT, WIND_DOWN_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'

const START = 0
const MM = 1
const FINISHED = 2
const QUIET = 3
const AUDITED = 4
const NEXT_ASID = 5
const BOARD = 6

function at(words: Words, word: number): WordAt {
  return regionAt(words, 'programs') + word
}

/** The leader opens the run in address space `mm` and wakes the other cpus, and the reclaimers. */
export function openRun(task: Task, mm: Mm, cpus: number, reclaimers = 0): void {
  atomicStore(task, at(task.words, MM), mm)
  atomicStore(task, at(task.words, NEXT_ASID), 1)
  atomicStore(task, at(task.words, START), 1)
  for (let id = 0; id < cpus; id++) if (id !== task.id) wake(task, id)
  // Reclaimers are the last actors but for the booting thread.
  const last = (task.words[ACTOR_COUNT_AT] as number) - 2
  for (let i = 0; i < reclaimers; i++) wake(task, last - i)
}

/** Sleeps until the leader opens the run; returns its address space. */
export function awaitRun(task: Task): Mm {
  while (atomicLoad(task, at(task.words, START)) === 0) park(task, WAIT.work, at(task.words, START))
  return runMm(task)
}

export function runMm(task: Task): Mm {
  return atomicLoad(task, at(task.words, MM)) as Mm
}

/** True once the booting thread wants the run to end: workloads stop at their next operation. */
export function isWindingDown(task: Task): boolean {
  return atomicLoad(task, WIND_DOWN_AT) === 1
}

/** A cpu has done its last operation. */
export function finishRun(task: Task): void {
  atomicAdd(task, at(task.words, FINISHED), 1)
  wake(task, 0)
}

/** The leader waits until every other one of `parties`, which it is one of, has finished. */
export function awaitFinished(task: Task, parties: number): void {
  while (atomicLoad(task, at(task.words, FINISHED)) < parties - 1) park(task, WAIT.work, at(task.words, FINISHED))
}

/** The leader waits for the others, then stands still until the booting thread has looked at everything. */
export function standStill(task: Task, parties: number): void {
  awaitFinished(task, parties)
  atomicStore(task, at(task.words, QUIET), 1)
  while (atomicLoad(task, at(task.words, AUDITED)) === 0) park(task, WAIT.work, at(task.words, AUDITED))
}

/** Does the machine stand still for its audit? Not any more once the audit is closed: then it is taken down, which may take a while. */
export function isQuiet(task: Task): boolean {
  return atomicLoad(task, at(task.words, QUIET)) === 1 && atomicLoad(task, at(task.words, AUDITED)) === 0
}

/** The booting thread is done looking. */
export function closeAudit(task: Task): void {
  atomicStore(task, at(task.words, AUDITED), 1)
  wake(task, 0)
}

/** Number for a forked process. */
export function nextAsid(task: Task): number {
  return atomicAdd(task, at(task.words, NEXT_ASID), 1)
}

/** Says where the board of a benchmark is. By the leader, before it opens the run. */
export function setRunBoard(task: Task, board: WordAt): void {
  atomicStore(task, at(task.words, BOARD), board)
}

export function runBoard(task: Task): WordAt {
  return atomicLoad(task, at(task.words, BOARD))
}

/** The leader ends the run itself: the others stop at their next operation. */
export function windDown(task: Task): void {
  atomicStore(task, WIND_DOWN_AT, 1)
}
