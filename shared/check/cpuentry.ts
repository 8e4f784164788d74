/** What the CPU page table says about a page, read as the hardware does: by atomic loads, without a lock. */

import { hugePart } from '../mm/huge.ts'
import { mmRoot } from '../mm/mm.ts'
import { entryAt, findPmd, isTableEntry, LEAF_LEVEL, tableOf } from '../mm/pagetable.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { quietLoad } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'

/** The entry of page `vpn`, 0 if there is none; of a 2 MiB entry the part that maps the page. Caller knows that `mm` has users. */
export function cpuEntry(task: Task, mm: Mm, vpn: number): number {
  rcuReadLock(task)
  const pmd = findPmd(task, mmRoot(task, mm), vpn)
  const upper = pmd === 0 ? 0 : quietLoad(task, pmd)
  const entry = isTableEntry(upper) ? quietLoad(task, entryAt(tableOf(upper), LEAF_LEVEL, vpn)) : hugePart(upper, vpn)
  rcuReadUnlock(task)
  return entry
}
