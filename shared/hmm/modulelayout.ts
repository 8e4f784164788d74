/**
 * Where the module (hmm/module) finds what it reads and writes. Said by the rooms whose records these are, and written out as constants
 * for its compiler when the runtime is built (src/assemble.mjs). Offsets are in bytes; the others are bits and numbers.
 */
import { FRAME_AT, FRAME_WORDS } from '../frame/frames.ts'
import { regionWordAt } from '../memory/regions.ts'
import { PAGE_SHIFT, WORD_BYTES } from '../memory/words.ts'
import { MM_AT } from '../mm/mm.ts'
import { ENTRIES, entrySpan, TABLE_AT } from '../mm/pagetable.ts'
import { FRAME_SHIFT, PTE_PRESENT, PTE_TABLE, PTE_WRITE } from '../mm/pte.ts'
import { VM_DEVICE_MEMORY, VM_READ, VMA_AT } from '../mm/vma.ts'
import { MM_USERS, mmapSem, mmSubscriptions, NO_MM } from '../notifier/mmhead.ts'
import { SUBSCRIPTIONS_AT } from '../notifier/subscriptions.ts'
import { RCU } from '../seam/actors.ts'
import { POINT_LOAD, POINT_RMW, POINT_STORE } from '../seam/point.ts'
import { RCU_EPOCH_AT, RCU_WAITERS_AT } from '../seam/superblock.ts'
import { INTERVAL_AT } from '../sync/intervaltree.ts'
import { NESTING_BITS } from '../sync/rcu.ts'
import { RWSEM_COUNT } from '../sync/rwsem.ts'
import { DIRECTORY_AT, NO_DIRECTORY, pdeOf } from './directory.ts'
import { ENCODING_AT } from './encoding.ts'
import { DIRECTORY_ENTRIES } from './geometry.ts'
import { KEPT_AT } from './kept.ts'
import { MIRROR_AT, MIRROR_GEOMETRY, MIRROR_LIVE, mirrorSub, NO_MIRROR } from './mirror.ts'
import { MIRROR_VALID, MIRROR_VALID_PFN, MIRROR_WRITE } from './mirrorpte.ts'
import { MIRROR_KEPT } from './mirrortable.ts'
import { RANGE_AT } from './range.ts'

const bytes = (word: number): number => word * WORD_BYTES

/** log2 of the pages that an entry of a level above the leaves spans. */
const levelShift = (level: number): number => {
  const span = MIRROR_GEOMETRY.span[level] as number
  // The table of the CPU and that of a mirror have the same levels: the module has one way down for both.
  if (MIRROR_GEOMETRY.leafLevel !== 3 || span !== entrySpan(level)) throw new Error('the two tables differ in their levels')
  return Math.log2(span)
}

if (ENTRIES !== DIRECTORY_ENTRIES) throw new Error('the leaves of the two tables differ in size')

export const MODULE_LAYOUT = {
  POINT_LOAD,
  POINT_STORE,
  POINT_RMW,
  PAGE_SHIFT,
  FRAME_SHIFT,
  ENTRIES,
  LEVEL_0_SHIFT: levelShift(0),
  LEVEL_1_SHIFT: levelShift(1),
  LEVEL_2_SHIFT: levelShift(2),

  MM_USERS: bytes(MM_USERS),
  MM_MMAP_SEM: bytes(mmapSem(NO_MM) + RWSEM_COUNT.at),
  MM_SUBSCRIPTIONS: bytes(mmSubscriptions(NO_MM)),
  MM_ROOT: bytes(MM_AT.root),
  MM_AREAS: bytes(MM_AT.vmas),
  SUBSCRIPTIONS_LOCK: bytes(SUBSCRIPTIONS_AT.lock),
  SUBSCRIPTIONS_SEQ: bytes(SUBSCRIPTIONS_AT.seq),
  AREA_START: bytes(INTERVAL_AT.start),
  AREA_LAST: bytes(INTERVAL_AT.last),
  AREA_LEFT: bytes(INTERVAL_AT.left),
  AREA_RIGHT: bytes(INTERVAL_AT.right),
  AREA_FLAGS: bytes(VMA_AT.flags),
  VM_READ,
  VM_DEVICE_MEMORY,
  TABLE_LOCK: bytes(TABLE_AT.lock),
  TABLE_DEAD: bytes(TABLE_AT.dead),
  TABLE_ENTRIES_AT: bytes(TABLE_AT.entries),
  PTE_PRESENT,
  PTE_WRITE,
  PTE_WRITE_BIT: Math.log2(PTE_WRITE),
  PTE_TABLE,

  MIRROR_LOCK: bytes(MIRROR_AT.lock),
  MIRROR_MM: bytes(MIRROR_AT.mm),
  MIRROR_ROOT: bytes(MIRROR_AT.root),
  MIRROR_STATE: bytes(MIRROR_AT.state),
  MIRROR_LIVE,
  MIRROR_SUB_WORD: mirrorSub(NO_MIRROR),
  MIRROR_SEQ: bytes(mirrorSub(NO_MIRROR) + SUBSCRIPTIONS_AT.seqOfOne),
  DIRECTORY_LOCK: bytes(DIRECTORY_AT.lock),
  DIRECTORY_REFS: bytes(DIRECTORY_AT.refs),
  DIRECTORY_ENTRIES_AT: bytes(DIRECTORY_AT.entries),
  DIRECTORY_GENERATIONS_AT: bytes(DIRECTORY_AT.generations),
  PDE_VALID: pdeOf(NO_DIRECTORY),
  KEPT_MS: bytes(KEPT_AT.ms),
  KEPT_STAMP: bytes(KEPT_AT.stamp),
  MIRROR_VALID,
  MIRROR_VALID_PFN,
  MIRROR_WRITE,
  MIRROR_KEPT,

  RANGE_MIRROR: bytes(RANGE_AT.mirror),
  RANGE_SUB: bytes(RANGE_AT.sub),
  RANGE_MM: bytes(RANGE_AT.mm),
  RANGE_START: bytes(RANGE_AT.start),
  RANGE_PAGES: bytes(RANGE_AT.pages),
  RANGE_PFNS: bytes(RANGE_AT.pfns),
  RANGE_GENERATIONS: bytes(RANGE_AT.generations),
  RANGE_SEQ: bytes(RANGE_AT.seq),
  RANGE_SHIFT: bytes(RANGE_AT.shift),
  RANGE_DEFAULT: bytes(RANGE_AT.defaultFlags),
  RANGE_MASK: bytes(RANGE_AT.mask),
  RANGE_ENCODING: bytes(RANGE_AT.encoding),
  ENCODING_VALID: bytes(ENCODING_AT.valid),
  ENCODING_WRITE: bytes(ENCODING_AT.write),
  ENCODING_PRIVATE: bytes(ENCODING_AT.devicePrivate),
  ENCODING_SHIFT: bytes(ENCODING_AT.shift),

  FRAMES_REGION: bytes(regionWordAt('frames')),
  FRAME_RECORDS: bytes(FRAME_AT.records),
  FRAME_GENERATION: bytes(FRAME_AT.generation),
  FRAME_BYTES: bytes(FRAME_WORDS),

  ACTOR_RCU: bytes(RCU),
  RCU_EPOCH: bytes(RCU_EPOCH_AT),
  RCU_WAITERS: bytes(RCU_WAITERS_AT),
  RCU_NESTING_BITS: NESTING_BITS,
  RWSEM_WRITER: RWSEM_COUNT.writer,
  RWSEM_WAITERS: RWSEM_COUNT.waiters,
  RWSEM_HANDOFF: RWSEM_COUNT.handoff,
  RWSEM_READER: RWSEM_COUNT.reader,
} as const satisfies Record<string, number>
