/**
 * The inner loops of mirroring over one leaf, as the module has them (hmm/module/leaf.ts), four pages at a time. They know the page that
 * nearly all are, and stop in front of any other:
 *
 *   snapshotAlike   CPU entries to a range's: present, and writable where that is asked of every page alike
 *   installAlike    a range's entries to the mirror's: valid and not own memory; in the mirror already, or not valid there yet
 *
 * The loops in TypeScript around them (hmm/rangefault.ts, hmm/installrange.ts) do the others, and everything where there is no module. Both
 * forms do the same, word for word.
 *
 * The module touches words plainly here, which is what a holder of the leaf's lock may do, and is no schedule point; so these loops are for
 * machines that nobody schedules.
 */
import { WORD_BYTES, type WordAt } from '../memory/words.ts'
import type { Task } from '../seam/task.ts'
import { moduleFor } from './module.ts'

/** Fewer pages are not worth the call. */
const FEWEST = 8

/** May an actor leave its loops to the module? Then not in controlled mode, with noise or with checks. */
export function hasLeafLoops(task: Task): boolean {
  return task.gate === 0 && !task.checked && moduleFor(task) !== null
}

/**
 * Fills entries of a range, from word `pfn` on, from those of a locked leaf, from word `pte` on, as long as each has all bits of `need`,
 * PRESENT among them. `encoding` is the word of the range's. Returns how many of `count` are filled. hasLeafLoops.
 */
export function snapshotAlike(task: Task, pte: WordAt, pfn: WordAt, count: number, need: number, encoding: WordAt): number {
  const module = count < FEWEST ? null : moduleFor(task)
  if (module === null) return 0
  return module.snapshotAlike(pte * WORD_BYTES, pfn * WORD_BYTES, count, need, encoding * WORD_BYTES)
}

/**
 * Fills entries of a locked leaf directory, from word `at` on, from those of a range, from word `pfn` on, as long as they are alike. `kept`
 * are bits that an entry that names the same page keeps. Returns how many of `count` are done, and from bit 16 on how many of them became
 * valid. hasLeafLoops; no entry of the format without a page looks valid.
 */
export function installAlike(task: Task, at: WordAt, pfn: WordAt, count: number, encoding: WordAt, kept: number): number {
  const module = count < FEWEST ? null : moduleFor(task)
  if (module === null) return 0
  return module.installAlike(at * WORD_BYTES, pfn * WORD_BYTES, count, encoding * WORD_BYTES, kept)
}
