/**
 * A whole pass of the driver's loop (hmm/protocol.ts) in one call of the module (hmm/module/pass.ts): register, wait, mmap_sem, fill, update
 * lock, recheck, install, unregister. For the range that nearly all are, in eras that tell by a sequence. What it does not know it leaves,
 * with every lock and reference back: the loop in TypeScript begins from the start, and does the same to every word.
 *
 * It is for machines that nobody checks. Listeners would not hear of it, so where there are any it is not used either.
 */
import { LAST_VPN } from '../mm/vma.ts'
import { tick } from '../seam/point.ts'
import { PROBE } from '../seam/probe.ts'
import { ERA_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { eraNumber } from './era.ts'
import type { Mirror } from './mirror.ts'
import { moduleFor, runPass } from './module.ts'
import { type Range, rangeCapacity, rangeIsRegistered } from './range.ts'

/** The pass is not for the module. Some of the first pages may have been installed, as they are when memory for a directory is out. */
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
  return runPass(task, module, range, mirror, start, pages)
}

const SEQUENCE = eraNumber('sequence')
const TWO_PASS = eraNumber('two-pass')

/** Is it an era, a span and an audience that the module knows? */
function isKnown(task: Task, range: Range, start: number, pages: number): boolean {
  const era = task.words[ERA_AT]
  if (era !== SEQUENCE && era !== TWO_PASS) return false
  if (task.probes[PROBE.mirrorInstall] !== null || task.probes[PROBE.readRetry] !== null) return false
  // Page numbers have 32 bits.
  if (start >>> 0 !== start || pages >>> 0 !== pages || pages === 0) return false
  return pages <= rangeCapacity(task, range) && start + pages - 1 <= LAST_VPN && !rangeIsRegistered(task, range)
}
