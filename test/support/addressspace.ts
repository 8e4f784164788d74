/**
 * What tests of shared/mm say about an address space in one line: its areas, its entries, what a load or a store does, which
 * invalidations a subscriber was told about; and how memory is made to run out.
 *
 *     const mm = newSpace(task)
 *     const watcher = watchEvents(task, mm)
 *     area(task, mm, A, 4, RW)
 *     store(task, A, 7)                                   // 'ok'
 *     entries(task, mm, A, 4)                             // ['rw', '-', '-', '-']
 *     munmap(task, mm, A, 4)
 *     watcher.take()                                      // ['unmap 0..3']
 */

import { auditFrames } from '../../shared/check/references.ts'
import { auditReverseMap } from '../../shared/check/reversemap.ts'
import type { Frame } from '../../shared/frame/frames.ts'
import { allocObject, freeObject, kindById, type ObjectKind } from '../../shared/frame/objects.ts'
import { frameAlloc, framePut, HUGE_ORDER, SYSTEM_ZONE, ZERO_FRAME } from '../../shared/frame/zones.ts'
import { regionAt } from '../../shared/memory/regions.ts'
import { ACCESS, accessValue, userLoad, userStore } from '../../shared/mm/access.ts'
import { cpuEntry } from '../../shared/mm/cpuentry.ts'
import { createDaxFile, createFile, type File, filePut, NO_FILE } from '../../shared/mm/file.ts'
import { ADVICE, madvise } from '../../shared/mm/madvise.ts'
import { createMm, mmVmas } from '../../shared/mm/mm.ts'
import { mmap, PLACE_FIXED } from '../../shared/mm/mmap.ts'
import { PTE_HUGE, PTE_KIND, pteFrame, pteKind, ptePresent, pteWritable } from '../../shared/mm/pte.ts'
import { switchMm } from '../../shared/mm/shootdown.ts'
import {
  LAST_VPN,
  NO_VMA,
  nextVma,
  VM_EXEC,
  VM_READ,
  VM_SHARED,
  VM_WRITE,
  type Vma,
  vmaFlags,
  vmaLast,
  vmaPgoff,
  vmaStart,
} from '../../shared/mm/vma.ts'
import { eventName } from '../../shared/notifier/events.ts'
import { INTERVAL_OPS } from '../../shared/notifier/invalidate.ts'
import { type Mm, NO_MM } from '../../shared/notifier/mmhead.ts'
import { intervalRemove, intervalSubscribe, SUB_WORDS, type Sub, setSeq } from '../../shared/notifier/subscriptions.ts'
import { rangeEvent, rangeLast, rangeStart } from '../../shared/notifier/windows.ts'
import { assert } from '../../shared/seam/error.ts'
import { registerOp } from '../../shared/seam/optable.ts'
import type { Task } from '../../shared/seam/task.ts'
import { intervalFirst } from '../../shared/sync/intervaltree.ts'

export const RW = VM_READ | VM_WRITE
export const RO = VM_READ
export const NONE = 0
/** First page of a span of 2 MiB-aligned addresses that tests use. */
export const A = 0x10000

/** A new address space that `task` runs in. */
export function newSpace(task: Task, asid = 1): Mm {
  const mm = createMm(task, asid)
  assert(mm !== NO_MM, 'there is memory for an address space')
  switchMm(task, mm)
  return mm
}

/** Maps private memory exactly there. */
export function area(task: Task, mm: Mm, start: number, pages: number, flags: number): void {
  assert(mmap(task, mm, start, pages, flags, PLACE_FIXED) === start, `${pages} pages are mapped at ${start}`)
}

/** Maps private memory that may be served by 2 MiB at once. */
export function hugeArea(task: Task, mm: Mm, start: number, pages: number, flags: number): void {
  area(task, mm, start, pages, flags)
  assert(madvise(task, mm, start, pages, ADVICE.hugepage) === 0, 'the advice is taken')
}

/** Maps a new file of `size` pages exactly there; the areas keep it. */
export function fileArea(task: Task, mm: Mm, start: number, pages: number, flags: number, size = pages): File {
  return mapFile(task, mm, start, pages, flags, createFile(task, size))
}

/** The same with a DAX file. */
export function daxArea(task: Task, mm: Mm, start: number, pages: number, flags: number): File {
  return mapFile(task, mm, start, pages, flags, createDaxFile(task, pages))
}

function mapFile(task: Task, mm: Mm, start: number, pages: number, flags: number, file: File): File {
  assert(file !== NO_FILE, 'there is memory for a file')
  assert(mmap(task, mm, start, pages, flags, PLACE_FIXED, file) === start, `${pages} pages are mapped at ${start}`)
  filePut(task, file)
  return file
}

const SIGNALS = Object.keys(ACCESS)

/** Stores into word 0: 'ok', 'segv', 'sigbus' or 'oom'. */
export function store(task: Task, vpn: number, value: number): string {
  return SIGNALS[userStore(task, vpn, 0, value)] as string
}

/** Loads word 0: its value, or 'segv', 'sigbus', 'oom'. */
export function load(task: Task, vpn: number): number | string {
  const ended = userLoad(task, vpn)
  return ended === ACCESS.ok ? accessValue() : (SIGNALS[ended] as string)
}

/** The entry of a page in a word: `-` empty, `0` page of zeros, `ro`, `rw`, `none` for PROT_NONE; `huge rw` and so on for 2 MiB. */
export function entry(task: Task, mm: Mm, vpn: number): string {
  const pte = cpuEntry(task, mm, vpn)
  return (pte & PTE_HUGE) !== 0 ? `huge ${entryName(pte)}` : entryName(pte)
}

function entryName(pte: number): string {
  if (pte === 0) return '-'
  if (!ptePresent(pte)) return pteKind(pte) === PTE_KIND.protNone ? 'none' : `kind ${pteKind(pte)}`
  if (pteFrame(pte) === ZERO_FRAME) return pteWritable(pte) ? 'writable zero page' : '0'
  return pteWritable(pte) ? 'rw' : 'ro'
}

/** The same of many pages, each run of equal ones once: `3 x rw`. */
export function entryRuns(task: Task, mm: Mm, start: number, pages: number): string[] {
  const runs: { name: string; pages: number }[] = []
  for (const name of entries(task, mm, start, pages)) {
    const last = runs.at(-1)
    if (last?.name === name) last.pages++
    else runs.push({ name, pages: 1 })
  }
  return runs.map(({ name, pages }) => `${pages} x ${name}`)
}

export function entries(task: Task, mm: Mm, start: number, pages: number): string[] {
  return Array.from({ length: pages }, (_, i) => entry(task, mm, start + i))
}

/** The frame that a page's entry names. */
export function frameOf(task: Task, mm: Mm, vpn: number): Frame {
  return pteFrame(cpuEntry(task, mm, vpn))
}

export interface Area {
  readonly start: number
  readonly pages: number
  /** `rw-p`, as /proc/PID/maps writes it. */
  readonly rights: string
  readonly pgoff: number
}

/** The areas of an address space, in order. Nobody changes it meanwhile. */
export function areas(task: Task, mm: Mm): Area[] {
  const found: Area[] = []
  for (let vma = intervalFirst(task, mmVmas(mm), 0, LAST_VPN) as Vma; vma !== NO_VMA; vma = nextVma(task, vma)) {
    found.push({
      start: vmaStart(task, vma),
      pages: vmaLast(task, vma) - vmaStart(task, vma) + 1,
      rights: rightsText(vmaFlags(task, vma)),
      pgoff: vmaPgoff(task, vma),
    })
  }
  return found
}

/** `A+0 4 rw-p`: the same in a line each, with starts counted from A. */
export function maps(task: Task, mm: Mm): string[] {
  return areas(task, mm).map(({ start, pages, rights }) => `A+${start - A} ${pages} ${rights}`)
}

function rightsText(flags: number): string {
  const letter = (bit: number, name: string) => ((flags & bit) !== 0 ? name : '-')
  return letter(VM_READ, 'r') + letter(VM_WRITE, 'w') + letter(VM_EXEC, 'x') + ((flags & VM_SHARED) !== 0 ? 's' : 'p')
}

/** What the audits of references and of the reverse map say against frames of these address spaces, the only ones there are. */
export function wrongCounts(task: Task, ...mms: readonly Mm[]): string[] {
  return [...auditFrames(task, mms), ...auditReverseMap(task, mms)].map(({ message }) => message)
}

/** A subscriber that notes what it is told. */
export interface Watcher {
  /** Takes the notes: `EVENT first..last`, counted from A; the last page of all is `end`. */
  take(): string[]
  /** Ends the subscription: before the last hold on the mm goes, or after it. */
  stop(): void
}

/** Callback indexes of devices end below this. */
const FIRST_OP = 100
const MAX_WATCHED = 16
let watched = 0

/** Subscribes to pages [start, last] of `mm`; what `look` says inside the callback is added to each note. */
export function watchEvents(task: Task, mm: Mm, start = 0, last = LAST_VPN, look?: () => string): Watcher {
  const notes: string[] = []
  const index = FIRST_OP + watched++
  registerOp(task, INTERVAL_OPS, index, (t, sub, range, seq) => {
    setSeq(t, sub, seq)
    const page = (vpn: number) => (vpn === LAST_VPN ? 'end' : `${vpn - A}`)
    const seen = look === undefined ? '' : `: ${look()}`
    notes.push(`${eventName(rangeEvent(t, range))} ${page(rangeStart(t, range))}..${page(rangeLast(t, range))}${seen}`)
    return true
  })
  // In `programs`, which is nobody's on a machine without a workload: the record is no heap object to be counted.
  const sub = (regionAt(task.words, 'programs') + (1 + (watched % MAX_WATCHED)) * SUB_WORDS) as Sub
  task.words.fill(0, sub, sub + SUB_WORDS)
  assert(intervalSubscribe(task, sub, mm, start, last, index, 0) === 0, 'the subscription is taken')
  return { take: () => notes.splice(0), stop: () => intervalRemove(task, sub) }
}

/** Kinds of kernel object that tests make scarce, by their numbers (frame/objects.ts). */
const KIND_ID = { 'page table': 3, vma: 7 } as const
/** `block`: 2 MiB of system memory in one piece. */
export type Scarce = keyof typeof KIND_ID | 'frame' | 'block'

/**
 * Takes all there is of something but `leave` pieces of it, and returns what gives it back. Other things stay to be had: a
 * few page tables are put aside first, because areas that run out take the whole heap with them.
 */
export function makeScarce(task: Task, what: Scarce, leave: number): () => void {
  const tables = kindById(KIND_ID['page table'])
  const aside = what === 'vma' ? Array.from({ length: TABLES_ASIDE }, () => allocObject(task, tables)) : []
  const taken: number[] = []
  for (let got = takeOne(task, what); got >= 0; got = takeOne(task, what)) taken.push(got)
  for (const got of taken.splice(0, leave)) dropOne(task, what, got)
  for (const table of aside) freeObject(task, tables, table)
  return () => {
    for (const got of taken) dropOne(task, what, got)
  }
}

/** Takes every object of a kind that there is memory for, and returns what gives them back. */
export function takeAll(task: Task, kind: ObjectKind): () => void {
  const taken: number[] = []
  for (let got = allocObject(task, kind); got !== 0; got = allocObject(task, kind)) taken.push(got)
  return () => {
    for (const got of taken) freeObject(task, kind, got)
  }
}

const TABLES_ASIDE = 8

/** Negative when there is none. */
function takeOne(task: Task, what: Scarce): number {
  if (what === 'block') return frameAlloc(task, SYSTEM_ZONE, 0, HUGE_ORDER)
  return what === 'frame' ? frameAlloc(task, SYSTEM_ZONE) : allocObject(task, kindById(KIND_ID[what])) || -1
}

function dropOne(task: Task, what: Scarce, got: number): void {
  if (what === 'frame' || what === 'block') framePut(task, got as Frame)
  else freeObject(task, kindById(KIND_ID[what]), got)
}
