/**
 * REF, the reference audit. When the machine stands still, every count equals the sum of its holders; and when everything
 * has been closed, everything has been returned.
 */
import { deviceCount, deviceIommu } from '../device/record.ts'
import {
  FRAME_FREE,
  FRAME_TAIL,
  type Frame,
  frameFlags,
  frameHead,
  frameMaps,
  framePins,
  framePrivate,
  frameRefs,
  MAX_ZONES,
} from '../frame/frames.ts'
import { iommuMappings } from '../frame/iommu.ts'
import { liveCounts } from '../frame/objects.ts'
import { freeFrames, SWAP_ZONE, SYSTEM_ZONE, ZERO_FRAME, zoneFrames } from '../frame/zones.ts'
import { count as range } from '../memory/words.ts'
import { eachCached, type File, NO_FILE } from '../mm/file.ts'
import { mmRoot, mmVmas } from '../mm/mm.ts'
import { ENTRIES, entryAt, entrySpan, isTableEntry, LEAF_LEVEL, type Table, tableOf } from '../mm/pagetable.ts'
import { isExclusive, isMigrationEntry, isSwapEntry, pteFrame, pteMapsFrame } from '../mm/pte.ts'
import { LAST_VPN, NO_VMA, nextVma, type Vma, vmaFile } from '../mm/vma.ts'
import type { Mm } from '../notifier/mmhead.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'
import { intervalFirst } from '../sync/intervaltree.ts'

/**
 * Compares every system frame's counts with what address spaces `mms` and their files hold. The machine stands still, and
 * these are all the address spaces
 * there are. `kept`: files that somebody holds without mapping them.
 */
export function auditFrames(task: Task, mms: readonly Mm[], kept: readonly File[] = []): Violation[] {
  const maps = new Map<Frame, number>()
  const firstMapping = new Map<Frame, string>()
  /** Holders that are no mappings: page cache, swap cache, exclusive and swap entries. */
  const others = new Map<Frame, number>()
  const found: Violation[] = []
  const files = new Set<File>(kept)
  for (const mm of mms) {
    eachEntry(task, mm, (vpn, entry) => {
      const frame = frameHead(task, pteFrame(entry))
      if (frame === ZERO_FRAME) return
      if (pteMapsFrame(entry)) maps.set(frame, (maps.get(frame) ?? 0) + 1)
      else if (isExclusive(entry) || isSwapEntry(entry)) others.set(frame, (others.get(frame) ?? 0) + 1)
      else if (isMigrationEntry(entry)) found.push(finding(`a migration entry was left behind at ${pageName(vpn)}`))
      if (!firstMapping.has(frame)) firstMapping.set(frame, pageName(vpn))
    })
    eachArea(task, mm, (vma) => {
      const file = vmaFile(task, vma)
      if (file !== NO_FILE) files.add(file)
    })
  }
  for (const file of files) eachCached(task, file, (frame) => others.set(frame, (others.get(frame) ?? 0) + 1))
  eachFrame(task, [SWAP_ZONE], (slot) => {
    const cached = framePrivate(task, slot) - 1
    if (frameRefs(task, slot) > 0 && cached >= 0) others.set(cached as Frame, (others.get(cached as Frame) ?? 0) + 1)
  })
  eachFrame(task, range(0, MAX_ZONES), (frame) => {
    const mapped = maps.get(frame) ?? 0
    const held = mapped + (others.get(frame) ?? 0) + framePins(task, frame) // each pin has a reference of its own
    const where = firstMapping.get(frame) ?? 'no page'
    const flags = frameFlags(task, frame)
    if ((flags & FRAME_TAIL) !== 0) return // its head counts for it
    const refs = frameRefs(task, frame)
    if (refs !== held) found.push(finding(`frame ${frame} (${where}) has ${refs} references, its holders are ${held}`))
    if (frameMaps(task, frame) !== mapped) {
      found.push(finding(`frame ${frame} (${where}) counts ${frameMaps(task, frame)} mappings, there are ${mapped}`))
    }
    if (held === 0 && (flags & FRAME_FREE) === 0) found.push(finding(`frame ${frame} has no holder and is not free`))
  })
  return found
}

function eachFrame(task: Task, zones: readonly number[], visit: (frame: Frame) => void): void {
  for (const zone of zones) {
    const { first, count } = zoneFrames(task, zone)
    for (let i = 0; i < count; i++) visit((first + i) as Frame)
  }
}

/** Takes the state everything must return to: live objects by kind, free frames, and what devices have mapped for DMA. */
export function takeInventory(task: Task): ReadonlyMap<string, number> {
  return new Map([
    ...liveCounts(task),
    ...range(0, MAX_ZONES).map((zone) => [`free frames of ${zoneName(zone)}`, freeFrames(task, zone)] as const),
    ...range(0, deviceCount(task)).map(
      (one) => [`DMA mappings of device ${one}`, iommuMappings(task, deviceIommu(task, one))] as const,
    ),
  ])
}

/** What differs from an inventory taken earlier. Everything that was opened since has been closed. */
export function auditInventory(task: Task, before: ReadonlyMap<string, number>): Violation[] {
  const now = takeInventory(task)
  return [...now].flatMap(([name, count]) => {
    const was = before.get(name) ?? 0
    return count === was ? [] : [finding(`${name}: ${count} at the end, ${was} at the start`)]
  })
}

/** Every non-empty entry of an address space that maps pages, small or huge. The machine stands still, so words are read plainly. */
export function eachEntry(task: Task, mm: Mm, visit: (vpn: number, entry: number) => void): void {
  eachEntryBelow(task, mmRoot(task, mm), 0, 0, visit)
}

function eachEntryBelow(
  task: Task,
  table: Table,
  level: number,
  base: number,
  visit: (vpn: number, entry: number) => void,
): void {
  const first = entryAt(table, level, 0)
  const span = entrySpan(level)
  const entries = level === 0 ? (LAST_VPN + 1) / span : ENTRIES
  for (let i = 0; i < entries; i++) {
    const entry = task.words[first + i] as number
    if (entry === 0) continue
    if (level < LEAF_LEVEL && isTableEntry(entry)) eachEntryBelow(task, tableOf(entry), level + 1, base + i * span, visit)
    else visit(base + i * span, entry)
  }
}

function eachArea(task: Task, mm: Mm, visit: (vma: Vma) => void): void {
  for (let vma = intervalFirst(task, mmVmas(mm), 0, LAST_VPN) as Vma; vma !== NO_VMA; vma = nextVma(task, vma)) visit(vma)
}

function zoneName(zone: number): string {
  return zone === SYSTEM_ZONE ? 'system memory' : zone === SWAP_ZONE ? 'swap' : `device ${zone - 1}`
}

function finding(message: string): Violation {
  return { oracle: 'REF', message }
}
