/**
 * Device-exclusive entries (Linux 5.14 to 6.12): a page is taken from all CPUs so that a device may access it atomically. The
 * entry is not present, still names the frame, and keeps the mapping's reference; whoever touches the page gives it back.
 *
 *     device takes page P                      CPU touches P
 *     frame lock; start EXCLUSIVE, entry ->
 *     exclusive, flush TLBs, end
 *     programs its atomic mapping
 *     frame unlock
 *                                              reference, frame lock
 *                                              start EXCLUSIVE, owner nobody: the device lets go
 *                                              entry still exclusive: present again, end, unlock
 *
 * The frame lock is held until the device has its mapping: a CPU that comes meanwhile waits, and takes it away afterwards.
 */
import { frameGet, frameLock, frameMapInc, frameUnlock } from '../frame/frames.ts'
import { framePut } from '../frame/zones.ts'
import type { WordAt } from '../memory/words.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { rangeInit } from '../notifier/windows.ts'
import { get } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { cpuMapping } from './install.ts'
import { mmRoot } from './mm.ts'
import { entryAt, LEAF_LEVEL, lockLeaf, NO_TABLE, storeEntry, type Table, unlockLeaf } from './pagetable.ts'
import { isExclusive, PTE_DIRTY, PTE_SOFT_DIRTY, PTE_WRITE, PTE_YOUNG, pteFrame, pteWritable } from './pte.ts'
import { VM_WRITE, type Vma, vmaFlags, vmaMm } from './vma.ts'

/**
 * Gives an exclusive page back to the CPUs: a fault found `entry` on page `vpn`. Comes with the leaf locked, returns with it
 * unlocked; the caller looks again. mmap_sem held for reading.
 *
 * The reference is taken while the leaf lock proves that the frame is there: a waiter for the frame lock must not find it
 * freed, or somebody else's, when it gets it.
 */
export function restoreExclusive(task: Task, vma: Vma, vpn: number, leaf: Table, entry: number): void {
  const frame = pteFrame(entry)
  frameGet(task, frame)
  unlockLeaf(task, leaf)
  frameLock(task, frame)
  const mm = vmaMm(task, vma)
  const range = rangeInit(task, mm, vpn, vpn, NOTIFY.exclusive)
  invalidateRangeStart(task, range)
  const again = lockLeaf(task, mmRoot(task, mm), vpn)
  if (again !== NO_TABLE) {
    const at = entryAt(again, LEAF_LEVEL, vpn)
    const now = get(task, at)
    if (isExclusive(now) && pteFrame(now) === frame) restoreEntry(task, vma, at, now)
    unlockLeaf(task, again)
  }
  invalidateRangeEnd(task, range)
  frameUnlock(task, frame)
  framePut(task, frame)
}

/** Makes one exclusive entry present again. Leaf lock and frame lock held, inside a window. */
export function restoreEntry(task: Task, vma: Vma, at: WordAt, entry: number): void {
  const write = pteWritable(entry) && (vmaFlags(task, vma) & VM_WRITE) !== 0
  frameMapInc(task, pteFrame(entry))
  storeEntry(
    task,
    at,
    cpuMapping(task, vma, pteFrame(entry), (entry & PTE_SOFT_DIRTY) | PTE_YOUNG | (write ? PTE_WRITE | PTE_DIRTY : 0)),
  )
}
