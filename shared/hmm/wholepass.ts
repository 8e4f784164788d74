/**
 * A whole pass of the driver's loop (hmm/protocol.ts) in one call of the module (hmm/module/pass.ts): register, wait, mmap_sem, fill, update
 * lock, recheck, install, unregister. For the range that nearly all are, in eras that tell by a sequence. Whatever it does not know it
 * leaves, with every lock and reference back: the loop in TypeScript begins from the start, and does the same to every word.
 *
 * It is for machines that nobody checks. Listeners would not hear of it, so where there are any it is not used either.
 */
import { LAST_VPN } from '../mm/vma.ts'
import { tick } from '../seam/point.ts'
import { PROBE } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { eraOf } from './era.ts'
import type { Mirror } from './mirror.ts'
import { moduleFor } from './module.ts'
import { type Range, rangeCapacity } from './range.ts'

/** Nothing was mirrored: the pass is not for the module. */
export const ELSEWHERE = 0
/** Nothing was mirrored: an invalidation came in between, and what was read may not be used. */
export const SPOILT = -1

/**
 * Mirrors pages [start, start + pages) of the mirror's address space by `range`, which is not registered. Returns `pages`; ELSEWHERE; or
 * SPOILT. No lock held that a callback takes.
 */
export function wholePass(task: Task, range: Range, mirror: Mirror, start: number, pages: number): number {
  const module = moduleFor(task)
  if (module === null || !isKnown(task, range, start, pages)) return ELSEWHERE
  tick(task)
  return module.pass(range, mirror, start, pages, task.id + 1, task.record)
}

/** Is it an era, a span and an audience that the module knows? */
function isKnown(task: Task, range: Range, start: number, pages: number): boolean {
  const era = eraOf(task)
  if (era !== 'sequence' && era !== 'two-pass') return false
  if (task.probes[PROBE.mirrorInstall] !== null || task.probes[PROBE.readRetry] !== null) return false
  if (!Number.isInteger(start) || !Number.isInteger(pages) || start < 0 || pages <= 0) return false
  return pages <= rangeCapacity(task, range) && start + pages - 1 <= LAST_VPN
}
