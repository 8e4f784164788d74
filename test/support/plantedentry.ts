/** An entry of a CPU page table that no operation makes: written there by hand, and taken out again. */
import { mmRoot } from '../../shared/mm/mm.ts'
import { entryAt, findLeaf, findPmd, LEAF_LEVEL } from '../../shared/mm/pagetable.ts'
import type { Mm } from '../../shared/notifier/mmhead.ts'
import type { Task } from '../../shared/seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../../shared/sync/rcu.ts'

/** Puts `entry` in the place of page `vpn`'s, whose table is there. What it returns puts the old one back. */
export function plantEntry(task: Task, mm: Mm, vpn: number, entry: number): () => void {
  rcuReadLock(task)
  const at = entryAt(findLeaf(task, mmRoot(task, mm), vpn), LEAF_LEVEL, vpn)
  rcuReadUnlock(task)
  return exchange(task, at, entry)
}

/** The same in the third level: in the place of the link to page `vpn`'s table, which is unreachable until it is put back. */
export function plantThirdLevel(task: Task, mm: Mm, vpn: number, entry: number): () => void {
  rcuReadLock(task)
  const at = findPmd(task, mmRoot(task, mm), vpn)
  rcuReadUnlock(task)
  return exchange(task, at, entry)
}

function exchange(task: Task, at: number, entry: number): () => void {
  const before = task.words[at] as number
  task.words[at] = entry
  return () => {
    task.words[at] = before
  }
}
