/**
 * The engine's hardware: one access at a time, through its TLB and the mirror page table, to the frame's real bytes.
 *
 *     INSIDE
 *     device flush generation: drop the TLB if it moved on
 *     instance register -> mirror -> TLB, or a lock-free walk of its table (inside an rcu section)
 *     rights suffice?  what the IOMMU says, if the entry is a page of the bus; touch the bytes
 *     OUTSIDE
 *     they do not:  a fault (device/contexts.ts), and another try after the replay
 *
 * The engine takes no lock. It waits only for its command ring, its replay word and halt. A write sets the entry's DIRTY
 * bit by compare-and-exchange before it touches the page, so that a driver that takes the entry away finds it.
 */
import { type Frame, frameData, frameGenerationQuiet, NO_FRAME } from '../frame/frames.ts'
import { type Mirror, mirrorRoot, mirrorShown, NO_MIRROR } from '../hmm/mirror.ts'
import { MIRROR_DIRTY, MIRROR_WRITE, type MirrorPte, mirrorValid, mirrorWritable } from '../hmm/mirrorpte.ts'
import { generationOfEntry, mirrorWalk } from '../hmm/mirrortable.ts'
import { EFAULT } from '../memory/errno.ts'
import { PAGE_WORDS, type WordAt } from '../memory/words.ts'
import { enterInside, leaveInside } from '../mm/shootdown.ts'
import { tlbEntry, tlbFill, tlbFind, tlbFrameGeneration, tlbSync } from '../mm/tlb.ts'
import { atomicAdd, atomicCas, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { get } from '../seam/plain.ts'
import { PROBE, probe } from '../seam/probe.ts'
import type { Task } from '../seam/task.ts'
import { rcuReadLock, rcuReadUnlock } from '../sync/rcu.ts'
import { entryFrame, touchedFrame } from './entryframe.ts'
import { flushGenerationAt, instanceMirror } from './record.ts'

/** What an access does to its word or page. */
export const TOUCH = {
  read: 0,
  write: 1,
  add: 2,
  /** The 64-bit word at the start of the page. */
  readPage: 3,
  /** Replaces the whole page: the 64-bit word, then zeros. */
  writePage: 4,
} as const

let value = 0
let valueHigh = 0

/** Value of this engine's last read, or what an add found. */
export function deviceValue(): number {
  return value
}

/** High word of the last readPage. */
export function deviceValueHigh(): number {
  return valueHigh
}

/** tryAccess found no translation with the rights that are needed: raise a fault. */
export const NO_TRANSLATION = 1

/**
 * One try of an access to word `word` of page `vpn` through instance `instance`: 0 when it was done; -EFAULT when the
 * instance is gone; NO_TRANSLATION. Never waits.
 */
export function tryAccess(
  task: Task,
  device: number,
  instance: number,
  vpn: number,
  word: number,
  touch: number,
  low: number,
  high: number,
): number {
  const write = touch !== TOUCH.read && touch !== TOUCH.readPage
  enterInside(task)
  tlbSync(task, flushGenerationAt(task, device))
  const mirror = instanceMirror(task, device, instance)
  if (mirror === NO_MIRROR) {
    leaveInside(task)
    return -EFAULT // the context is gone
  }
  let slot = tlbFind(task, mirror, vpn)
  if (slot === 0 || (write && !mirrorWritable(tlbEntry(task, slot) as MirrorPte)))
    slot = walkTable(task, device, mirror, vpn, write)
  if (slot === 0) {
    leaveInside(task)
    return NO_TRANSLATION
  }
  const pte = tlbEntry(task, slot) as MirrorPte
  const generation = tlbFrameGeneration(task, slot)
  const frame = touchedFrame(task, device, vpn, pte, write)
  probe(task, PROBE.deviceTouch, device, mirror, vpn, frame, generation, write ? 1 : 0)
  touchBytes(task, frameData(task, frame), word, touch, low, high)
  if (touch === TOUCH.add) probe(task, PROBE.added, mirror, vpn, word, low, 1, value)
  probe(task, PROBE.deviceTouch, device, mirror, vpn, frame, generation, write ? 1 : 0)
  leaveInside(task)
  return 0
}

/** Fills the TLB from the mirror table. Returns the slot, or 0. INSIDE. */
function walkTable(task: Task, device: number, mirror: Mirror, vpn: number, write: boolean): WordAt {
  rcuReadLock(task)
  const at = mirrorWalk(task, mirrorRoot(task, mirror), vpn)
  const shown = mirrorShown(task, mirror, write)
  let slot = 0
  while (at !== 0) {
    const pte = atomicLoad(task, at) as MirrorPte
    if (!mirrorValid(pte) || (write && !mirrorWritable(pte)) || (pte & shown) !== shown) break
    const marked = (write ? pte | MIRROR_DIRTY : pte) as MirrorPte
    if (marked !== pte && atomicCas(task, at, pte, marked) !== pte) continue
    // Cached without WRITE by a read: a later write walks again and leaves its DIRTY bit.
    const cached = write ? marked : marked & ~MIRROR_WRITE
    const generation = task.checked ? get(task, generationOfEntry(at)) : generationNow(task, entryFrame(task, device, pte, write))
    slot = tlbFill(task, mirror, vpn, cached, generation)
    break
  }
  rcuReadUnlock(task)
  return slot
}

/** Nobody checks it. */
function generationNow(task: Task, frame: Frame): number {
  return frame === NO_FRAME ? 0 : frameGenerationQuiet(task, frame)
}

function touchBytes(task: Task, page: WordAt, word: number, touch: number, low: number, high: number): void {
  switch (touch) {
    case TOUCH.read:
      value = atomicLoad(task, page + word)
      return
    case TOUCH.write:
      atomicStore(task, page + word, low)
      return
    case TOUCH.add:
      value = atomicAdd(task, page + word, low)
      return
    case TOUCH.readPage:
      value = atomicLoad(task, page)
      valueHigh = atomicLoad(task, page + 1)
      return
    default:
      task.words.fill(0, page + 2, page + PAGE_WORDS)
      atomicStore(task, page + 1, high)
      atomicStore(task, page, low)
  }
}
