/**
 * Shootdown: taking a translation away from a thread that may be using it this very moment. The same scheme serves CPU TLBs
 * and device TLBs.
 *
 *   INSIDE     (actor record) odd while the actor is between TLB lookup and data touch of one access, or of a short bounded
 *              batch of them. Written by itself only. Atomic.
 *   generation (mm, or device) bumped by every flush. Atomic.
 *
 *     access                                   flush
 *     INSIDE = odd
 *     loads the generation: unchanged
 *     TLB hit: frame A
 *                                              entry cleared, generation + 1
 *                                              INSIDE is odd: waits
 *     touches A
 *     INSIDE = even
 *                                              goes on: frees A               [Required: after the touch]
 *
 * OUTSIDE counts as acknowledged: the actor loads the generation at its next entry, after the bump, and drops its TLB. INSIDE
 * takes no lock and never sleeps, so a page-table lock may be held across a flush.
 */
import type { WordAt } from '../memory/words.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { ACTOR_KIND, actorAt, CUR_MM, INSIDE, KIND } from '../seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { clearWait, publishWait, relax, WAIT } from '../seam/park.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { mmFlushGen } from './mm.ts'
import { tlbForget } from './tlb.ts'

/** Enters an access. Translations looked up from here on stay good until leaveInside. */
export function enterInside(task: Task): void {
  atomicStore(task, task.record + INSIDE, ((task.words[task.record + INSIDE] as number) + 1) | 1)
}

/** Leaves the access. */
export function leaveInside(task: Task): void {
  atomicStore(task, task.record + INSIDE, (task.words[task.record + INSIDE] as number) + 1)
}

/** Returns once actor `id` is not inside an access that began before the call. Caller has bumped the generation. */
export function awaitOutside(task: Task, id: number): void {
  awaitLeft(task, id, insideNow(task, id))
}

/** A ticket for the access that actor `id` is inside of: positive; 0 when it is outside. Caller has bumped the generation. */
export function insideNow(task: Task, id: number): number {
  const seen = atomicLoad(task, actorAt(task.words, id) + INSIDE)
  return (seen & 1) === 0 ? 0 : seen & TICKET
}

/** Returns once actor `id` has left the access of a ticket. */
export function awaitLeft(task: Task, id: number, ticket: number): void {
  const at: WordAt = actorAt(task.words, id) + INSIDE
  if (ticket === 0) return
  publishWait(task, WAIT.shootdown, at)
  for (let tries = 0; (atomicLoad(task, at) & TICKET) === ticket; tries++) relax(task, at, tries)
  clearWait(task)
}

/** The bits of INSIDE that a ticket keeps: all but the sign. */
const TICKET = 0x7fffffff

/**
 * Flushes every CPU's TLB for `mm`. On return no CPU uses, or can still find, a translation that was cleared before the
 * call. May be called with a page-table lock held.
 */
export function flushTlb(task: Task, mm: Mm): void {
  atomicAdd(task, mmFlushGen(mm), 1)
  const { words } = task
  for (let id = 0; id < (words[ACTOR_COUNT_AT] as number); id++) {
    if (id === task.id) continue // this actor is in a kernel operation: outside
    const record = actorAt(words, id)
    if (words[record + KIND] !== ACTOR_KIND.cpu || atomicLoad(task, record + CUR_MM) !== mm) continue
    awaitOutside(task, id)
  }
}

/**
 * Switches the calling CPU to another address space, with an empty TLB. Its entries are tagged, but a tag is the place of a
 * record: a new mm may lie where a dead one lay, and start with the generation that the dead one's entries were filled under.
 */
export function switchMm(task: Task, mm: Mm): void {
  atomicStore(task, task.record + CUR_MM, mm)
  tlbForget(task)
}
