/**
 * A translation cache: what a CPU or a device engine remembers of the tables it walks. Direct-mapped, one per actor.
 *
 *   word   0          1     2 .. 15     16 + 4 i:  0       1        2            3
 *        +------------+-----+---------+          +-------+--------+------------+---------+
 *        | GENERATION | OF  | pad     |   ...    | VPN   | ENTRY  | FRAME_GEN  | CONTEXT |   x 64
 *        +------------+-----+---------+          +-------+--------+------------+---------+
 *
 *   GENERATION, OF   flush generation (of mm or device word OF) that the entries were filled under.
 *   ENTRY            0 = empty. CONTEXT: the mm or mirror it translates for.
 *   FRAME_GEN        the frame's generation when the translation was filled: what a stale access is recognised by.
 *
 * Private to its actor; touched INSIDE only, but for tlbForget. It is in the buffer so that the state of a run is, too.
 */
import { regionAt } from '../memory/regions.ts'
import { LINE_WORDS, type WordAt } from '../memory/words.ts'
import { atomicLoad } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'

const SLOTS = 64
const SLOT_WORDS = 4
export const TLB_WORDS = LINE_WORDS + SLOTS * SLOT_WORDS

const GENERATION = 0
const OF = 1
const FIRST = LINE_WORDS
const VPN = 0
const ENTRY = 1
const FRAME_GEN = 2
const CONTEXT = 3

/** Drops everything if `generationAt` moved on since the last access. Caller is INSIDE: the load comes after that store. */
export function tlbSync(task: Task, generationAt: WordAt): void {
  const { words } = task
  const tlb = tlbAt(task)
  const generation = atomicLoad(task, generationAt)
  if (words[tlb + GENERATION] === generation && words[tlb + OF] === generationAt) return
  words.fill(0, tlb + FIRST, tlb + TLB_WORDS)
  words[tlb + GENERATION] = generation
  words[tlb + OF] = generationAt
}

/** Drops everything, at the next tlbSync. */
export function tlbForget(task: Task): void {
  task.words[tlbAt(task) + OF] = 0
}

/** Word index of the cached translation of page `vpn` in `context`, or 0. */
export function tlbFind(task: Task, context: WordAt, vpn: number): WordAt {
  const slot = tlbAt(task) + FIRST + (vpn & (SLOTS - 1)) * SLOT_WORDS
  const { words } = task
  const hit = words[slot + ENTRY] !== 0 && words[slot + VPN] === (vpn | 0) && words[slot + CONTEXT] === context
  return hit ? slot : 0
}

/** Remembers a translation and returns where. */
export function tlbFill(task: Task, context: WordAt, vpn: number, entry: number, frameGeneration: number): WordAt {
  const slot = tlbAt(task) + FIRST + (vpn & (SLOTS - 1)) * SLOT_WORDS
  const { words } = task
  words[slot + VPN] = vpn
  words[slot + ENTRY] = entry
  words[slot + FRAME_GEN] = frameGeneration
  words[slot + CONTEXT] = context
  return slot
}

export function tlbEntry(task: Task, slot: WordAt): number {
  return task.words[slot + ENTRY] as number
}

/** Generation of the frame when the translation was filled. */
export function tlbFrameGeneration(task: Task, slot: WordAt): number {
  return task.words[slot + FRAME_GEN] as number
}

function tlbAt(task: Task): WordAt {
  return regionAt(task.words, 'tlbs') + task.id * TLB_WORDS
}
