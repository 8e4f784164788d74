/**
 * PROG, the other half of the progress oracle: each actor that could move had its turn for longer than all operations take one after
 * the other, and not one of them was completed. A livelock that counts its rounds, and so never comes back to a state that it was in
 * before (check/lasso.ts), ends here.
 *
 * Whoever is at its gate has completed its operations; whoever completes one counts it (OP_DONE). Servers do not count: they serve
 * something in each round of a livelock.
 */
import { regionAt } from '../memory/regions.ts'
import type { Words } from '../memory/words.ts'
import { actorAt, KIND, OP_DONE } from '../seam/actors.ts'
import * as w from '../seam/batonword.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { violation } from '../seam/violation.ts'
import { isThread, operationsInHand } from './lasso.ts'

/** Once in each round of a fair schedule: remembers what was complete when it became fair. */
export function noteProgress({ words }: Task): void {
  const header = regionAt(words, 'scheduler')
  if (words[header + w.FAIR_DONE] === 0) words[header + w.FAIR_DONE] = completedPlusOne(words)
}

/** At the end of a fair part that is long enough to tell: reports it if nothing was completed in it. */
export function checkStandstill(task: Task): void {
  const { words } = task
  const header = regionAt(words, 'scheduler')
  if (words[header + w.FAIR_DONE] !== completedPlusOne(words)) return
  const points = (words[header + w.STEP_LIMIT] as number) - (words[header + w.FAIR_FROM] as number)
  const operations = operationsInHand(words)
  violation(
    task,
    'PROG',
    `livelock: each actor had its turn for ${points} steps, and nobody completed anything (${operations.join('; ')})`,
    { operations },
  )
}

/** What FAIR_DONE keeps: operations and threads that are complete, plus 1. */
export function completedPlusOne(words: Words): number {
  let sum = 1
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number) - 1; id++) {
    const record = actorAt(words, id)
    if (isThread(words[record + KIND] as number)) sum += words[record + OP_DONE] as number
    if (words[w.actorLineAt(words, id) + w.STATUS] === w.GATED) sum++
  }
  return sum
}
