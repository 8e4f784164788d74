/**
 * DLK and WAKE in controlled mode: nobody can move, and somebody waits. A cycle of waits is a deadlock. Where there is none, the
 * one that somebody waits for is not waiting for anything itself: it has gone by without waking the sleeper.
 */
import { ACTOR_KIND, actorAt, KIND, PHASE, PHASE_WAITING, WAIT_KIND } from '../seam/actors.ts'
import { WAIT, WAIT_NAMES } from '../seam/park.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { describeActor } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'
import { describeCycle, findCycle } from './deadlock.ts'

/** Who waits for what. The machine stands still, and no actor can move. */
export function checkDeadlock(task: Task): Violation {
  const cycle = findCycle(task)
  if (cycle !== null) return describeCycle(task, cycle)
  const { words } = task
  const operations: string[] = []
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number); id++) {
    const record = actorAt(words, id)
    const kind = words[record + WAIT_KIND] as number
    if (words[record + PHASE] !== PHASE_WAITING || (IDLE.has(kind) && words[record + KIND] !== ACTOR_KIND.cpu)) continue
    operations.push(`${describeActor(words, id)}, waits for ${WAIT_NAMES[kind]}`)
  }
  const message = `nobody can move, and nobody is left to wake: ${operations.join('; ')}`
  return { oracle: 'WAKE', message, operations }
}

/** What a server waits for when it has nothing to do. */
const IDLE: ReadonlySet<number> = new Set([WAIT.ring, WAIT.work])
