/**
 * Invalidation in two passes (mmu_interval_notifier_finish, Linux 7.x): a subscriber may begin what takes time, answer with a
 * token, and wait for it when all the others have begun as well.
 *
 *     one pass                                 two passes
 *     device 0: clears, flushes, waits         device 0: clears, begins its flush
 *     device 1: clears, flushes, waits         device 1: clears, begins its flush
 *                                              device 0: waits                 [the flushes run at the same time]
 *                                              device 1: waits
 *
 * What is owed is noted in the window, so callbacks allocate nothing, and each invalidation in flight has its own: several run
 * on one subscription at a time. Whoever finds no slot left is finished at once, and loses the overlap, not the promise.
 *
 * Whether the first pass answered with a token is the driver's business, and which drivers may is the era's
 * (shared/device/registry.ts): nothing here asks.
 */
import { lookupOp, opKey } from '../seam/optable.ts'
import { countStat, STAT } from '../seam/stats.ts'
import type { Task } from '../seam/task.ts'
import { type Sub, subOps } from './subscriptions.ts'
import { type NotifierRange, rangeOwe, rangeOwed, rangeOwedSub, rangeOwedToken } from './windows.ts'

/** The second pass of a subscriber that answered the first with `token`. On return the device no longer uses the range. */
export type FinishCallback = (task: Task, sub: Sub, token: number) => void

/** Second passes by the index a subscription carries; registered by each worker for the drivers that have one. */
export const FINISH_OPS = opKey<FinishCallback>('second pass')

/** Notes what `sub` is owed. */
export function oweSecondPass(task: Task, range: NotifierRange, sub: Sub, token: number): void {
  if (!rangeOwe(task, range, sub, token)) finish(task, sub, token)
}

/** Runs all second passes that are owed, in the order of the first. Also when a later subscriber refused: they have begun. */
export function runSecondPasses(task: Task, range: NotifierRange): void {
  const owed = rangeOwed(task, range)
  for (let i = 0; i < owed; i++) finish(task, rangeOwedSub(task, range, i), rangeOwedToken(task, range, i))
  if (owed > 1) countStat(task, STAT.overlappedPasses, owed)
}

function finish(task: Task, sub: Sub, token: number): void {
  countStat(task, STAT.secondPasses)
  lookupOp(task, FINISH_OPS, subOps(task, sub))(task, sub, token)
}
