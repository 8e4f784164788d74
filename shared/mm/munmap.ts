/**
 * munmap: event UNMAP over the whole detached span, one pair.
 *
 *     MMAP_SEM write      split at the edges, detach the areas: no fault finds them any more
 *     downgrade to read   faults elsewhere go on while the entries go
 *     start               every device lets go
 *     zap                 entries cleared, frames gathered
 *     end
 *     unlink the areas from their reverse maps, free tables that no area touches
 *     flush CPU TLBs, free frames
 *
 * (Linux mm/vma.c, 6.12.) The frames are freed after the end, but never before the flush.
 */

import { reapDeferred } from '../frame/deferred.ts'
import { EINVAL, ENOMEM } from '../memory/errno.ts'
import { NOTIFY } from '../notifier/events.ts'
import { invalidateRangeEnd, invalidateRangeStart } from '../notifier/invalidate.ts'
import { type Mm, mmapSem } from '../notifier/mmhead.ts'
import { rangeInit } from '../notifier/windows.ts'
import { tick } from '../seam/point.ts'
import type { Task } from '../seam/task.ts'
import { MMAP_SEM } from '../sync/classes.ts'
import { assertHeldExclusive } from '../sync/held.ts'
import { downgradeWrite, downWrite, upRead, upWrite } from '../sync/rwsem.ts'
import { gatherBegin, gatherCleared, gatherEnd } from './gather.ts'
import { vmaIsHugetlb } from './huge.ts'
import { mergeWithNeighbours } from './merge.ts'
import { MAX_MAP_COUNT, mmRoot, mmVmaCount } from './mm.ts'
import { ENTRIES, freeUnlinked, NO_TABLE, unlinkTables } from './pagetable.ts'
import {
  findVma,
  findVmaIntersection,
  freeVma,
  LAST_VPN,
  NO_VMA,
  type Vma,
  vmaBefore,
  vmaLast,
  vmaListNext,
  vmaSetListNext,
  vmaStart,
} from './vma.ts'
import { detachVma, splitVma, unlinkRmap } from './vmalink.ts'
import { zapRange } from './zap.ts'

/**
 * Unmaps pages [start, start + pages). Holes are fine. 0; -EINVAL for no pages or a span beyond the address space; -ENOMEM
 * when an area cannot be split, and then nothing changed. Takes MMAP_SEM for writing and downgrades it.
 */
export function munmap(task: Task, mm: Mm, start: number, pages: number): number {
  tick(task)
  if (!Number.isInteger(start) || !Number.isInteger(pages) || start < 0 || pages <= 0) return -EINVAL
  const last = start + pages - 1
  if (last > LAST_VPN) return -EINVAL
  downWrite(task, mmapSem(mm), MMAP_SEM)
  if (findVmaIntersection(task, mm, start, last) === NO_VMA) {
    upWrite(task, mmapSem(mm))
    return 0
  }
  const result = splitEdges(task, mm, start, last)
  if (result !== 0) {
    upWrite(task, mmapSem(mm))
    return result
  }
  const span = detachRange(task, mm, start, last)
  downgradeWrite(task, mmapSem(mm), MMAP_SEM)
  zapDetached(task, mm, span)
  upRead(task, mmapSem(mm))
  reapDeferred(task)
  return 0
}

/** As munmap of [start, last], for a caller that holds MMAP_SEM for writing and keeps it. */
export function unmapLocked(task: Task, mm: Mm, start: number, last: number): number {
  assertHeldExclusive(task, mmapSem(mm), 'mmap_sem')
  if (findVmaIntersection(task, mm, start, last) === NO_VMA) return 0
  const result = splitEdges(task, mm, start, last)
  if (result === 0) zapDetached(task, mm, detachRange(task, mm, start, last))
  return result
}

/**
 * Makes area borders at `start` and behind `last`, where an area crosses them. 0; or -ENOMEM, or -EINVAL inside a hugetlb page,
 * and then there is none that was not there before. MMAP_SEM (write) held.
 */
export function splitEdges(task: Task, mm: Mm, start: number, last: number): number {
  for (const at of [start, last + 1]) {
    const vma = at > LAST_VPN ? NO_VMA : findVma(task, mm, at)
    if (vma === NO_VMA || vmaStart(task, vma) >= at) continue
    if (vmaIsHugetlb(task, vma) && at % ENTRIES !== 0) return -EINVAL
    if (mmVmaCount(task, mm) < MAX_MAP_COUNT && splitVma(task, vma, at) !== NO_VMA) continue
    if (at !== start) mergeWithNeighbours(task, findVma(task, mm, start))
    return -ENOMEM
  }
  return 0
}

interface Detached {
  readonly areas: Vma
  readonly first: number
  readonly last: number
  /** Pages around the span that no area touches: the tables wholly inside can go. */
  readonly floor: number
  readonly ceiling: number
}

function detachRange(task: Task, mm: Mm, start: number, last: number): Detached {
  let head = NO_VMA
  let tail = NO_VMA
  let first = LAST_VPN
  let end = 0
  for (let vma = findVmaIntersection(task, mm, start, last); vma !== NO_VMA; vma = findVmaIntersection(task, mm, start, last)) {
    first = Math.min(first, vmaStart(task, vma))
    end = Math.max(end, vmaLast(task, vma))
    detachVma(task, vma)
    vmaSetListNext(task, vma, NO_VMA)
    if (tail === NO_VMA) head = vma
    else vmaSetListNext(task, tail, vma)
    tail = vma
  }
  const before = vmaBefore(task, mm, first)
  const after = end === LAST_VPN ? NO_VMA : findVma(task, mm, end + 1)
  return {
    areas: head,
    first,
    last: end,
    floor: before === NO_VMA ? 0 : vmaLast(task, before) + 1,
    ceiling: after === NO_VMA ? LAST_VPN : vmaStart(task, after) - 1,
  }
}

/** MMAP_SEM held, reading is enough: the areas are nobody's but ours. */
function zapDetached(task: Task, mm: Mm, span: Detached): void {
  const range = rangeInit(task, mm, span.first, span.last, NOTIFY.unmap)
  gatherBegin(task, mm)
  invalidateRangeStart(task, range)
  for (let vma = span.areas; vma !== NO_VMA; vma = vmaListNext(task, vma))
    zapRange(task, vma, vmaStart(task, vma), vmaLast(task, vma))
  invalidateRangeEnd(task, range)
  for (let vma = span.areas; vma !== NO_VMA; vma = vmaListNext(task, vma)) unlinkRmap(task, vma)
  const tables = unlinkTables(task, mmRoot(task, mm), span.floor, span.ceiling)
  if (tables !== NO_TABLE) gatherCleared(task) // the hardware may be walking through one
  gatherEnd(task)
  freeUnlinked(task, tables)
  for (let vma = span.areas; vma !== NO_VMA; ) {
    const next = vmaListNext(task, vma)
    freeVma(task, vma)
    vma = next
  }
}
