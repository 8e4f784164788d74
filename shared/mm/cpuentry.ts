/**
 * What the CPU page table says about a page, read as the hardware reads it: by atomic loads, without a lock. For oracles, and for who
 * knows by other means that the answer stays true: HMM of 2016, which looks up the frame of a DMA entry while the change that
 * takes the page away waits for it.
 */
import type { Mm } from '../notifier/mmhead.ts'
import { atomicLoad } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'
import { hugePart } from './huge.ts'
import { mmRoot } from './mm.ts'
import { entryAt, findPmd, isTableEntry, LEAF_LEVEL, tableOf } from './pagetable.ts'

/** The entry of page `vpn`, 0 if there is none; of a 2 MiB entry the part that maps the page. Caller knows that `mm` has users. */
export function cpuEntry(task: Task, mm: Mm, vpn: number): number {
  rcuReadLock(task)
  const pmd = findPmd(task, mmRoot(task, mm), vpn)
  const upper = pmd === 0 ? 0 : atomicLoad(task, pmd)
  const entry = isTableEntry(upper) ? atomicLoad(task, entryAt(tableOf(upper), LEAF_LEVEL, vpn)) : hugePart(upper, vpn)
  rcuReadUnlock(task)
  return entry
}
