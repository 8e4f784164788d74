/**
 * One pass of the driver's loop (hmm/protocol.ts) in one call, for the range that nearly all are: every page present with the rights that
 * all are asked for, no invalidation at the moment, and the mirror's directories there. Anything else is for the loop in TypeScript
 * (hmm/wholepass.ts), which begins from the start: every lock and reference is back then, and pages that were installed before it came to
 * that stay, because they are good.
 *
 * It takes what that loop takes, in the same order, by the same transitions of the same words:
 *
 *     user of the mm · lock of the subscriptions: sequence · mmap_sem read: area by area and leaf by leaf its lock and the snapshot
 *     · update lock: same sequence? mirror alive? · directory by directory its reference, its lock and the entries · all back
 *
 * It differs in one thing: of the directories on the way only the leaf is given a reference. That is enough for who goes straight to it
 * and does not walk on: the directories above live for as long as their child does, of whose life the reference is a part. The TypeScript
 * iterator walks on, and so holds one on each level.
 *
 *     pass                                     another iterator, or an invalidation
 *     rcu section: loads the links to D
 *                                              leaves D: REFS 1 -> 0, clears the link, D waits for a grace period
 *     REFS is 0: D is absent                   [Required: nothing is installed in D]
 *
 * In the form of the module that is explored each of its atomics is a schedule point (atomics.ts). It has fewer than the loop.
 */
import { atomicCas, atomicLoad, atomicStore } from './atomics'
import { validOf, writeOf } from './format'
import {
  ACTOR_RCU, AREA_FLAGS, AREA_LAST, DIRECTORY_ENTRIES_AT, DIRECTORY_LOCK, DIRECTORY_REFS, ENTRIES, EXPLORED, KEPT_MS, KEPT_STAMP,
  MIRROR_KEPT, MIRROR_LIVE, MIRROR_LOCK, MIRROR_MM, MIRROR_ROOT, MIRROR_SEQ, MIRROR_STATE, MIRROR_SUB_WORD, MM_AREAS, MM_MMAP_SEM,
  MM_ROOT, MM_SUBSCRIPTIONS, PAGE_SHIFT, PTE_PRESENT, PTE_WRITE, RANGE_DEFAULT, RANGE_ENCODING, RANGE_MASK, RANGE_MIRROR, RANGE_MM, RANGE_PAGES, RANGE_PFNS,
  RANGE_SEQ, RANGE_SHIFT, RANGE_START, RANGE_SUB, SUBSCRIPTIONS_LOCK, SUBSCRIPTIONS_SEQ, TABLE_DEAD, TABLE_ENTRIES_AT,
  TABLE_LOCK, VM_DEVICE_MEMORY, VM_READ,
} from './layout'
import { copyGenerations, generationsOf, noteGenerations } from './generations'
import { installAlike, snapshotAlike } from './leaf'
import { downRead, drop, mmGet, mmPut, rcuReadLock, rcuReadUnlock, take, upRead } from './locks'
import { areaAt, directoryAt, leafAt } from './walk'

export { installAlike, snapshotAlike }

@external("host", "leaveLast")
declare function leaveLast(mirror: u32, vpn: u32): void

/** Answers that are not a number of pages: not for the pass; an invalidation came in between. */
const ELSEWHERE: i32 = 0
const SPOILT: i32 = -1

/**
 * Mirrors pages [start, start + pages) by `range`, which is idle and has room for them. `me` is the actor that calls, + 1, and `actor` its
 * record. Returns `pages`, ELSEWHERE or SPOILT. Records by their word numbers; no lock held; the span is inside the address space.
 */
export function pass(range: u32, mirror: u32, start: u32, pages: u32, me: i32, actor: u32): i32 {
  const r = range << 2
  const m = mirror << 2
  const record = actor << 2
  if (load<u64>(r, RANGE_MASK) != 0 || load<i32>(record, ACTOR_RCU) != 0) return ELSEWHERE
  if (atomicLoad(m + MIRROR_STATE) != MIRROR_LIVE) return ELSEWHERE
  const mm = load<u32>(m, MIRROR_MM) << 2
  if (!mmGet(mm)) return ELSEWHERE
  bind(r, mirror, mm >> 2, start, pages)
  const done = passOfUser(r, m, mm, start, pages, me, record)
  mmPut(mm)
  return done
}

/** rangeBind. */
@inline
function bind(r: u32, mirror: u32, mm: u32, start: u32, pages: u32): void {
  store<u32>(r, mirror, RANGE_MIRROR)
  store<u32>(r, mirror + MIRROR_SUB_WORD, RANGE_SUB)
  store<u32>(r, mm, RANGE_MM)
  store<u32>(r, start, RANGE_START)
  store<u32>(r, pages, RANGE_PAGES)
  store<u32>(r, PAGE_SHIFT, RANGE_SHIFT)
}

@inline
function passOfUser(r: u32, m: u32, mm: u32, start: u32, pages: u32, me: i32, record: u32): i32 {
  const subscriptions = mm + MM_SUBSCRIPTIONS
  take(subscriptions + SUBSCRIPTIONS_LOCK, me)
  const seq = atomicLoad(m + MIRROR_SEQ)
  const busy = seq == atomicLoad(subscriptions + SUBSCRIPTIONS_SEQ)
  drop(subscriptions + SUBSCRIPTIONS_LOCK, me)
  if (busy) return ELSEWHERE // who waits for the end of an invalidation is not in a hurry
  store<i32>(r, seq, RANGE_SEQ)
  downRead(mm + MM_MMAP_SEM)
  const filled = fill(r, mm, start, pages, me)
  upRead(mm + MM_MMAP_SEM)
  if (!filled) return ELSEWHERE
  take(m + MIRROR_LOCK, me)
  let done = SPOILT
  if (atomicLoad(m + MIRROR_SEQ) == seq) {
    const live = atomicLoad(m + MIRROR_STATE) == MIRROR_LIVE
    done = live && install(r, m, start, pages, me, record) ? pages : ELSEWHERE
  }
  drop(m + MIRROR_LOCK, me)
  return done
}

/** Fills every entry of the range, area by area and leaf by leaf. False: a page is not as it should be. mmap_sem held. */
@inline
function fill(r: u32, mm: u32, start: u32, pages: u32, me: i32): bool {
  const need = needOf(r)
  let pfn = load<u32>(r, RANGE_PFNS) << 2
  let ofArea: u32 = 0 // pages from `vpn` on to the end of the area that was found last
  const end = start + pages // may run over, as `vpn` does
  for (let vpn = start; vpn != end; ) {
    if (ofArea == 0) {
      const area = areaAt(mm + MM_AREAS, vpn)
      if (area == 0 || (load<u32>(area, AREA_FLAGS) & (VM_READ | VM_DEVICE_MEMORY)) != VM_READ) return false
      ofArea = min<u32>(load<u32>(area, AREA_LAST) - vpn, end - vpn - 1) + 1
    }
    const leaf = leafAt(load<u32>(mm, MM_ROOT) << 2, vpn)
    if (leaf == 0) return false
    const count = min<u32>(ENTRIES - (vpn & (ENTRIES - 1)), ofArea)
    const pte = leaf + TABLE_ENTRIES_AT + ((vpn & (ENTRIES - 1)) << 2)
    take(leaf + TABLE_LOCK, me)
    const filled = load<u32>(leaf, TABLE_DEAD) == 0 ? snapshotAlike(pte, pfn, count, need, r + RANGE_ENCODING) : 0
    if (EXPLORED) noteGenerations(pfn, generationsOf(r, vpn - start), filled, r + RANGE_ENCODING)
    drop(leaf + TABLE_LOCK, me)
    if (filled != count) return false
    pfn += count << 3
    vpn += count
    ofArea -= count
  }
  return true
}

/** What of the CPU's entry the range's request needs. A page that is not there is nothing for the pass, asked for or not. */
@inline
function needOf(r: u32): u32 {
  const request = load<u64>(r, RANGE_DEFAULT)
  const valid = validOf(r + RANGE_ENCODING)
  const write = writeOf(r + RANGE_ENCODING)
  const writes = (request & valid) == valid && write != 0 && (request & write) == write
  return writes ? PTE_PRESENT | PTE_WRITE : PTE_PRESENT
}

/** Installs every entry of the range. False: a directory is missing, or an entry is in the way; some may be installed. Update lock held. */
@inline
function install(r: u32, m: u32, start: u32, pages: u32, me: i32, record: u32): bool {
  const root = load<u32>(m, MIRROR_ROOT) << 2
  let pfn = load<u32>(r, RANGE_PFNS) << 2
  const end = start + pages
  for (let vpn = start; vpn != end; ) {
    const leaf = enterDirectory(root, vpn, record)
    if (leaf == 0) return false
    const count = min<u32>(ENTRIES - (vpn & (ENTRIES - 1)), end - vpn)
    const at = leaf + DIRECTORY_ENTRIES_AT + ((vpn & (ENTRIES - 1)) << 2)
    take(leaf + DIRECTORY_LOCK, me)
    if (EXPLORED) copyGenerations(generationsOf(r, vpn - start), at, count)
    const result = installAlike(at, pfn, count, r + RANGE_ENCODING, MIRROR_KEPT)
    drop(leaf + DIRECTORY_LOCK, me)
    leaveDirectory(m, root, leaf, vpn, result >> 16)
    if ((result & 0xffff) != count) return false
    pfn += count << 3
    vpn += count
  }
  return true
}

/** The leaf directory of page `vpn`, with a reference; 0: there is none, or it dies. */
@inline
function enterDirectory(root: u32, vpn: u32, record: u32): u32 {
  rcuReadLock(record)
  let leaf = directoryAt(root, vpn)
  if (leaf != 0) {
    const refs = atomicLoad(leaf + DIRECTORY_REFS)
    if (refs == 0 || atomicCas(leaf + DIRECTORY_REFS, refs, refs + 1) != refs) leaf = 0
  }
  rcuReadUnlock(record)
  return leaf
}

/**
 * Gives the reference up, and counts the entries that became valid, in one step. Who keeps empty directories is told that this one is in use
 * (hmm/kept.ts). A directory that would die of it, since nothing was installed and nobody else is inside, is left to the iterator.
 */
@inline
function leaveDirectory(m: u32, root: u32, leaf: u32, vpn: u32, added: i32): void {
  if (load<i32>(root, KEPT_MS) > 0 && atomicLoad(leaf + KEPT_STAMP) != 0) atomicStore(leaf + KEPT_STAMP, 0)
  for (;;) {
    const refs = atomicLoad(leaf + DIRECTORY_REFS)
    if (refs + added == 1) return leaveLast(m >> 2, vpn)
    if (atomicCas(leaf + DIRECTORY_REFS, refs, refs + added - 1) == refs) return
  }
}
