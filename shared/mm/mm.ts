/**
 * Address spaces. The record begins with the head that the notifier room knows (notifier/mmhead.ts).
 *
 *   word  64     65       66          67      68        69          70
 *        +-----+-------+-----------+-------+--------+-----------+-------------+----- pad to 112
 *        | PGD | VMAS  | VMA_COUNT | PAGES | FAMILY | FLUSH_GEN | NEXT_SPACE  |
 *        +-----+-------+-----------+-------+--------+-----------+-------------+
 *
 *   PGD         root table (mm/pagetable.ts). Immutable while the mm has users.
 *   VMAS        root of the interval tree of areas, keyed by page number. VMA_COUNT. Guarded by MMAP_SEM.
 *   PAGES       pages of all areas together. Guarded by MMAP_SEM held for writing.
 *   FAMILY      the fork family whose anonymous frames may be mapped here (mm/family.ts). Immutable.
 *   FLUSH_GEN   bumped by every TLB flush of this mm (mm/shootdown.ts). Atomic; on a line of its own would be 96.
 */
import { allocObject, freeObject, obituary, objectKind } from '../frame/objects.ts'
import type { WordAt } from '../memory/words.ts'
import { MM_ASID, MM_COUNT, MM_FREE, MM_HEAD_WORDS, MM_USERS, type Mm, mmDrop, NO_MM } from '../notifier/mmhead.ts'
import { createSubscriptions } from '../notifier/subscriptions.ts'
import { CUR_MM } from '../seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../seam/atomics.ts'
import { assert } from '../seam/error.ts'
import { registerOp } from '../seam/optable.ts'
import { get, OBITUARY, put } from '../seam/plain.ts'
import type { Task } from '../seam/task.ts'
import { createFamily, type Family, familyDrop, familyJoin } from './family.ts'
import { allocRoot, freeRoot, type Table } from './pagetable.ts'

const PGD = MM_HEAD_WORDS
const VMAS = MM_HEAD_WORDS + 1
const VMA_COUNT = MM_HEAD_WORDS + 2
const PAGES = MM_HEAD_WORDS + 3
const FAMILY = MM_HEAD_WORDS + 4
const FLUSH_GEN = MM_HEAD_WORDS + 16

/** Words that the module reaches as well (hmm/modulelayout.ts). */
export const MM_AT = { root: PGD, vmas: VMAS } as const

export const MM_KIND = objectKind(1, 'mm', MM_HEAD_WORDS + 32)

/** Areas one mm may have (kernel: sysctl vm.max_map_count). */
export const MAX_MAP_COUNT = 65530

/** Makes an empty address space with one user, of a family of its own or (fork) of `parent`'s. 0 when memory is out. */
export function createMm(task: Task, asid: number, parent: Mm = NO_MM): Mm {
  const mm = allocObject(task, MM_KIND) as Mm
  if (mm === NO_MM) return NO_MM
  const family = parent === NO_MM ? createFamily(task) : familyJoin(task, mmFamily(task, parent))
  const root = family === 0 ? 0 : allocRoot(task)
  if (root === 0) {
    if (family !== 0) familyDrop(task, family)
    freeObject(task, MM_KIND, mm)
    return NO_MM
  }
  put(task, mm + MM_ASID, asid)
  put(task, mm + PGD, root)
  put(task, mm + FAMILY, family)
  createSubscriptions(task, mm)
  atomicStore(task, mm + MM_COUNT, 1)
  atomicStore(task, mm + MM_USERS, 1)
  return mm
}

/** Registers what lower rooms call here. Each worker, once, when it boots. */
export function registerMm(task: Task): void {
  registerOp(task, MM_FREE, 0, freeMm)
  registerOp(task, OBITUARY, 0, obituary)
}

/**
 * Stops using the address space; the last user tears it down with `teardown` (mm/exit.ts) and lets go of the record.
 * May sleep for as long as a driver's callbacks take: never from a callback.
 */
export function mmPutWith(task: Task, mm: Mm, teardown: (task: Task, mm: Mm) => void): void {
  const before = atomicAdd(task, mm + MM_USERS, -1)
  assert(before > 0, 'an mm is put by a user of it')
  if (before > 1) return
  teardown(task, mm)
  mmDrop(task, mm)
}

export function mmRoot(task: Task, mm: Mm): Table {
  return get(task, mm + PGD) as Table
}

/** Word that holds the root of the VMA tree. */
export function mmVmas(mm: Mm): WordAt {
  return mm + VMAS
}

export function mmFamily(task: Task, mm: Mm): Family {
  return get(task, mm + FAMILY) as Family
}

/** Areas of the mm. Caller holds MMAP_SEM. */
export function mmVmaCount(task: Task, mm: Mm): number {
  return get(task, mm + VMA_COUNT)
}

/** Caller holds MMAP_SEM for writing. */
export function mmCountVma(task: Task, mm: Mm, areas: number, pages: number): void {
  put(task, mm + VMA_COUNT, get(task, mm + VMA_COUNT) + areas)
  put(task, mm + PAGES, get(task, mm + PAGES) + pages)
}

/** Word of the mm's flush generation. */
export function mmFlushGen(mm: Mm): WordAt {
  return mm + FLUSH_GEN
}

/** The address space this actor runs in; NO_MM if none. */
export function currentMm(task: Task): Mm {
  return atomicLoad(task, task.record + CUR_MM) as Mm
}

function freeMm(task: Task, mm: Mm): void {
  assert(get(task, mm + VMAS) === 0, 'an mm is freed without areas')
  freeRoot(task, mmRoot(task, mm))
  familyDrop(task, mmFamily(task, mm))
  freeObject(task, MM_KIND, mm)
}
