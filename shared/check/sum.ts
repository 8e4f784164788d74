/**
 * SUM, the sum audit. Every atomic add to an audited page is also entered in its actor's ledger; when the machine stands
 * still the pages must hold what the ledgers add up to. A difference is an add that was lost, or that landed in a frame of
 * somebody else: by a CPU, by a device, in a copy that copy-on-write took too early.
 */
import { type Frame, frameData, NO_FRAME } from '../frame/frames.ts'
import { type Mirror, mirrorMm } from '../hmm/mirror.ts'
import { HUGE_PAGES } from '../memory/words.ts'
import { cpuEntry } from '../mm/cpuentry.ts'
import { NO_FILE, peekCached } from '../mm/file.ts'
import { hugeStart, vmaIsHugetlb } from '../mm/huge.ts'
import { mmVmas } from '../mm/mm.ts'
import { isExclusive, isSwapEntry, PTE_HUGE, pteFrame, pteMapsFrame } from '../mm/pte.ts'
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
import { eachEntry } from './references.ts'

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
  /** Ledger words that the pages of a private area share: page i counts in word i mod `fold`. Missing: each page has its own. */
  readonly fold?: number
}

/** Enters the adds to `areas` of `mmOf()` in this actor's ledger. */
export function keepLedger(task: Task, mmOf: () => Mm, areas: readonly AuditedArea[]): void {
  listen(task, 'added', (t, where, vpn, word, amount, byDevice) => {
    const mm = byDevice === 1 ? mirrorMm(t, where as Mirror) : where
    const page = vpn >>> 0
    for (const area of areas) {
      if (page < area.vpn || page >= area.vpn + area.pages || word !== area.word) continue
      if (!area.shared && mm !== mmOf()) continue // a forked child's own copy
      const at = ledgerAt(t.words, t.id) + wordOfPage(area, page)
      t.words[at] = ((t.words[at] as number) + amount) | 0
    }
  })
}

/** Ledger word of `page`, which lies in `area`. */
function wordOfPage({ vpn, first, fold = Number.POSITIVE_INFINITY }: AuditedArea, page: number): number {
  return first + ((page - vpn) % fold)
}

/** Compares pages and ledgers. The machine stands still. */
export function auditSums(task: Task, mm: Mm, areas: readonly AuditedArea[]): Violation[] {
  return areas.flatMap((area) => (area.fold === undefined ? auditPages(task, mm, area) : auditFolded(task, mm, area, area.fold)))
}

function auditPages(task: Task, mm: Mm, area: AuditedArea): Violation[] {
  const found: Violation[] = []
  for (let page = area.vpn; page < area.vpn + area.pages; page++) {
    const expected = entered(task, wordOfPage(area, page))
    const actual = contentOf(task, mm, page, area.word)
    if (actual === expected) continue
    const lost = (expected - actual) | 0
    found.push({
      oracle: 'SUM',
      message: `${pageName(page)} holds ${actual}, the adds to it were ${expected}: ${lost} lost`,
      page,
    })
  }
  return found
}

/** Most pages that a report names of those that share a ledger word. */
const NAMED_PAGES = 4

/** Of a folded area only pages with an entry are looked at: it may be far larger than what is mapped. */
function auditFolded(task: Task, mm: Mm, area: AuditedArea, fold: number): Violation[] {
  const sums = Array.from({ length: fold }, () => ({ actual: 0, pages: [] as number[] }))
  eachEntry(task, mm, (vpn, entry) => {
    const pages = (entry & PTE_HUGE) === 0 ? 1 : HUGE_PAGES
    for (let page = vpn; page < vpn + pages; page++) {
      const sum = sums[wordOfPage(area, page) - area.first]
      if (page < area.vpn || page >= area.vpn + area.pages || sum === undefined) continue
      sum.actual = (sum.actual + contentOf(task, mm, page, area.word)) | 0
      sum.pages.push(page)
    }
  })
  return sums.flatMap(({ actual, pages }, i): Violation[] => {
    const expected = entered(task, area.first + i)
    if (actual === expected) return []
    const [page] = pages
    const more = pages.length - NAMED_PAGES
    const names = `${pages.slice(0, NAMED_PAGES).map(pageName).join(', ') || 'no page'}${more > 0 ? ` and ${more} more` : ''}`
    const message = `${names} (one ledger word) hold ${actual}, the adds to them were ${expected}: ${(expected - actual) | 0} lost`
    return [{ oracle: 'SUM', message, ...(page === undefined ? {} : { page }) }]
  })
}

/** What all actors together have entered in ledger word `word`. */
function entered(task: Task, word: number): number {
  let sum = 0
  for (let actor = 0; actor < (task.words[ACTOR_COUNT_AT] as number); actor++)
    sum = (sum + (task.words[ledgerAt(task.words, actor) + word] as number)) | 0
  return sum
}

function contentOf(task: Task, mm: Mm, page: number, word: number): number {
  const frame = contentFrame(task, mm, page)
  return frame === NO_FRAME ? 0 : quietLoad(task, frameData(task, frame) + word)
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
