/**
 * SUM, the sum audit. Every atomic add to an audited page is also entered in its actor's ledger; when the machine stands
 * still the pages must hold what the ledgers add up to. A difference is an add that was lost, or that landed in a frame of
 * somebody else: by a CPU, by a device, in a copy that copy-on-write took too early.
 */
import { type Frame, frameData, NO_FRAME } from '../frame/frames.ts'
import { type Mirror, mirrorMm } from '../hmm/mirror.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { NO_FILE, peekCached } from '../mm/file.ts'
import { hugeStart, vmaIsHugetlb } from '../mm/huge.ts'
import { mmVmas } from '../mm/mm.ts'
import { isExclusive, isSwapEntry, pteFrame, pteMapsFrame } from '../mm/pte.ts'
import { NO_VMA, type Vma, vmaFile, vmaIndex } from '../mm/vma.ts'
import type { Mm } from '../notifier/mmhead.ts'
import { quietLoad } from '../seam/atomics.ts'
import { listen } from '../seam/probe.ts'
import { ACTOR_COUNT_AT } from '../seam/superblock.ts'
import type { Task } from '../seam/task.ts'
import { pageName } from '../seam/trace.ts'
import type { Violation } from '../seam/violation.ts'
import { intervalFirst } from '../sync/intervaltree.ts'
import { ledgerAt } from './ledger.ts'

/** Pages whose adds are audited: ledger word `first` counts page `vpn`, and so on for `pages` pages. */
export interface AuditedArea {
  readonly vpn: number
  readonly pages: number
  /** First ledger word. */
  readonly first: number
  /** Word of the page that is added to. */
  readonly word: number
  /** Shared memory: adds through any address space count, and content without an entry is in the page cache. */
  readonly shared: boolean
}

/** Enters the adds to `areas` of `mmOf()` in this actor's ledger. */
export function keepLedger(task: Task, mmOf: () => Mm, areas: readonly AuditedArea[]): void {
  listen(task, 'added', (t, where, vpn, word, amount, byDevice) => {
    const mm = byDevice === 1 ? mirrorMm(t, where as Mirror) : where
    const page = vpn >>> 0
    for (const area of areas) {
      if (page < area.vpn || page >= area.vpn + area.pages || word !== area.word) continue
      if (!area.shared && mm !== mmOf()) continue // a forked child's own copy
      const at = ledgerAt(t.words, t.id) + area.first + (page - area.vpn)
      t.words[at] = ((t.words[at] as number) + amount) | 0
    }
  })
}

/** Compares pages and ledgers. The machine stands still. */
export function auditSums(task: Task, mm: Mm, areas: readonly AuditedArea[]): Violation[] {
  const found: Violation[] = []
  const actors = task.words[ACTOR_COUNT_AT] as number
  for (const area of areas) {
    for (let i = 0; i < area.pages; i++) {
      let expected = 0
      for (let actor = 0; actor < actors; actor++)
        expected = (expected + (task.words[ledgerAt(task.words, actor) + area.first + i] as number)) | 0
      const page = area.vpn + i
      const frame = contentFrame(task, mm, page)
      const actual = frame === NO_FRAME ? 0 : quietLoad(task, frameData(task, frame) + area.word)
      if (actual === expected) continue
      const lost = (expected - actual) | 0
      found.push({
        oracle: 'SUM',
        message: `${pageName(page)} holds ${actual}, the adds to it were ${expected}: ${lost} lost`,
        page,
      })
    }
  }
  return found
}

/** The frame that holds the content of page `vpn`: the mapped or exclusively held one, a swap slot, or the one in the page cache. */
export function contentFrame(task: Task, mm: Mm, vpn: number): Frame {
  const entry = cpuEntry(task, mm, vpn)
  if (pteMapsFrame(entry) || isSwapEntry(entry) || isExclusive(entry)) return pteFrame(entry)
  const vma = intervalFirst(task, mmVmas(mm), vpn, vpn) as Vma
  const file = vma === NO_VMA ? NO_FILE : vmaFile(task, vma)
  if (file === NO_FILE) return NO_FRAME
  const index = vmaIndex(task, vma, vpn)
  if (!vmaIsHugetlb(task, vma)) return peekCached(task, file, index)
  const head = peekCached(task, file, hugeStart(index)) // cached by its block
  return head === NO_FRAME ? NO_FRAME : ((head + index - hugeStart(index)) as Frame)
}
