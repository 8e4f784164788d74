/**
 * The deferred list: objects that lock-free readers may still be looking at (page tables, mirror directories). They are
 * unlinked first, put here with the number of a grace period, and freed by whoever comes by once it has passed: services in
 * their loop, CPUs after a munmap, an allocation that would fail. Nobody waits for a grace period on the way.
 *
 *   heap words     0: LOCK (spinlock, class `objects`)    1: FIRST    2: LAST
 *   dead object    word 4: next    word 5: grace period    word 6: kind            all guarded by LOCK
 */
import type { WordAt } from '../memory/words.ts'
import { atomicLoad } from '../seam/atomics.ts'
import { get, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { OBJECTS } from '../sync/classes.ts'
import { rcuPassed, rcuStartGrace } from '../sync/rcu.ts'
import { spinLock, spinUnlock } from '../sync/spinlock.ts'
import { freeObject, heapWord, kindById, type ObjectKind } from './objects.ts'

/** First of three words that every deferrable record leaves to this list. */
export const DEFER_WORD = 4
const NEXT = DEFER_WORD
const GRACE = DEFER_WORD + 1
const KIND = DEFER_WORD + 2

const LOCK = 0
const FIRST = 1
const LAST = 2

/** An object that is unlinked already: no new reader can find it. */
export interface Dead {
  readonly kind: ObjectKind
  readonly object: WordAt
}

/** Frees `object` after a grace period. It is already unlinked. Never waits. */
export function deferFree(task: Task, kind: ObjectKind, object: WordAt): void {
  deferFreeAll(task, [{ kind, object }])
}

/** Frees objects that died together after one grace period. Never waits. */
export function deferFreeAll(task: Task, dead: readonly Dead[]): void {
  const [first] = dead
  if (first === undefined) return
  const grace = rcuStartGrace(task)
  for (let i = 0; i < dead.length; i++) {
    const { kind, object } = dead[i] as Dead
    put(task, object + NEXT, dead[i + 1]?.object ?? 0)
    put(task, object + GRACE, grace)
    put(task, object + KIND, kind.id)
  }
  spinLock(task, heapWord(task, LOCK), OBJECTS)
  const last = get(task, heapWord(task, LAST))
  if (last === 0) put(task, heapWord(task, FIRST), first.object)
  else put(task, last + NEXT, first.object)
  put(task, heapWord(task, LAST), (dead.at(-1) as Dead).object)
  spinUnlock(task, heapWord(task, LOCK))
}

/** Frees everything on the list whose grace period has passed. Returns how many. Never waits. */
export function reapDeferred(task: Task): number {
  if (atomicLoad(task, heapWord(task, FIRST)) === 0) return 0
  let reaped = 0
  for (;;) {
    spinLock(task, heapWord(task, LOCK), OBJECTS)
    const object = get(task, heapWord(task, FIRST))
    const ready = object !== 0 && rcuPassed(task, get(task, object + GRACE))
    if (ready) {
      put(task, heapWord(task, FIRST), get(task, object + NEXT))
      if (get(task, heapWord(task, FIRST)) === 0) put(task, heapWord(task, LAST), 0)
    }
    spinUnlock(task, heapWord(task, LOCK))
    if (!ready) return reaped
    freeObject(task, kindById(get(task, object + KIND)), object)
    reaped++
  }
}
