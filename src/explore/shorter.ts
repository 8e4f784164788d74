/**
 * Shorter scenarios: a scenario's text without some of its lines, or with fewer pages in them, parsed again. What is no scenario
 * any more (a line waits for an operation that is gone) is none of them.
 */
import type { ThreadLine } from '../../shared/actor/threadops.ts'
import type { Oracle } from '../../shared/seam/violation.ts'
import { type ConcurrentScenario, parseConcurrent } from '../scenario/concurrent.ts'
import { InputError } from '../scenario/error.ts'

/** An operation with its line, in the set-up or in a thread. */
interface Placed {
  readonly line: number
  readonly op: ThreadLine['op'] | ConcurrentScenario['subject']['setup'][number]['op']
}

/** The scenario without those lines, or null when the rest is no scenario. */
export function withoutLines(scenario: ConcurrentScenario, lines: ReadonlySet<number>): ConcurrentScenario | null {
  return rewritten(scenario, (text, line) => (lines.has(line) ? null : text))
}

/**
 * Lines of operations that may go, from the last to the first. A find about values depends on every operation that decides one,
 * and on those that its expectations name.
 */
export function removableLines(scenario: ConcurrentScenario, oracle: Oracle): number[] {
  const { threads, expect } = scenario.subject
  const named = new Set(
    expect.flatMap((one) =>
      one.kind === 'is' ? [one.index] : one.kind === 'outcome' ? one.parts.map(({ index }) => index) : [],
    ),
  )
  const stays = ({ index, op }: ThreadLine) => oracle === 'LIN' && (named.has(index) || decidesValues(op))
  const lines = threads.flatMap((thread) => thread.lines.filter((one) => !stays(one)).map(({ line }) => line))
  return lines.sort((a, b) => b - a)
}

/** Those of a thread. */
export function linesOfThread(scenario: ConcurrentScenario, oracle: Oracle, thread: number): number[] {
  const own = new Set(scenario.subject.threads[thread]?.lines.map(({ line }) => line))
  return removableLines(scenario, oracle).filter((line) => own.has(line))
}

/** Those of a kind. */
export function linesOfKind(scenario: ConcurrentScenario, oracle: Oracle, kind: string): number[] {
  const own = new Set(placed(scenario).flatMap(({ op, line }) => (op.op === kind ? [line] : [])))
  return removableLines(scenario, oracle).filter((line) => own.has(line))
}

/** Those that have nothing to do with page `page` of their area. */
export function linesBeside(scenario: ConcurrentScenario, oracle: Oracle, page: number): number[] {
  const beside = new Set(
    placed(scenario).flatMap(({ op, line }) => {
      if (!('page' in op)) return []
      return op.page <= page && page < op.page + ('pages' in op ? op.pages : 1) ? [] : [line]
    }),
  )
  return removableLines(scenario, oracle).filter((line) => beside.has(line))
}

/** Kinds of operations in the threads: what takes the most steps first. */
export function kindsOf(scenario: ConcurrentScenario | null): string[] {
  const kinds = new Set(scenario?.subject.threads.flatMap(({ lines }) => lines.map(({ op }) => op.op as string)))
  return [...new Set([...LONGEST, ...kinds])].filter((kind) => kinds.has(kind))
}

const LONGEST = ['mremap', 'mmap', 'munmap', 'migrate_dev', 'migrate_sys', 'madvise', 'mprotect'] as const

/** What a value at the end depends on: without it, or in another order, what is expected would not hold in any schedule. */
function decidesValues(op: ThreadLine['op']): boolean {
  return op.op === 'after' || op.op === 'store' || op.op === 'add' || op.op === 'dwrite' || op.op === 'dadd'
}

/** Lines of the set-up that a thread can do without: all but what makes address space, files and processes. */
export function contentLines(scenario: ConcurrentScenario): number[] {
  return scenario.subject.setup.filter(({ op }) => CONTENT.has(op.op)).map(({ line }) => line)
}

const CONTENT: ReadonlySet<string> = new Set(['store', 'load', 'madvise'])

/** Lines of expectations: they are met or not when all is over, and matter to a find of theirs only. */
export function expectationLines(scenario: ConcurrentScenario): number[] {
  return scenario.subject.expect.map(({ line }) => line)
}

/** The scenario with fewer pages in one operation: its first or its last only, or half of them. Most promising first. */
export function* fewerPages(scenario: ConcurrentScenario): Generator<ConcurrentScenario> {
  for (const { line, op } of placed(scenario)) {
    if (!('page' in op && 'pages' in op) || op.pages < 2) continue
    const half = op.pages >> 1
    const spans: [number, number][] = [
      [op.page, 1],
      [op.page + op.pages - 1, 1],
      ...(half > 1
        ? ([
            [op.page, half],
            [op.page + half, op.pages - half],
          ] as [number, number][])
        : []),
    ]
    for (const [page, pages] of spans) {
      const shorter = rewritten(scenario, (text, at) => (at === line ? withPages(text, op.handle, [page, pages]) : text))
      if (shorter !== null) yield shorter
    }
  }
}

/** The scenario whose areas are as small as what is used of them, from their first page on; null when they are. */
export function smallerAreas(scenario: ConcurrentScenario): ConcurrentScenario | null {
  const all = placed(scenario)
  const edits = new Map<number, (text: string) => string>()
  for (const { line, op } of all) {
    if (op.op !== 'mmap') continue
    const spans = all.flatMap(({ op: one }) =>
      'page' in one && one.handle === op.handle ? [[one.page, one.page + ('pages' in one ? one.pages : 1)] as const] : [],
    )
    const first = Math.min(...spans.map(([from]) => from))
    const pages = Math.max(...spans.map(([, to]) => to)) - first
    if (spans.length === 0 || (first === 0 && pages >= op.pages)) continue
    edits.set(line, (text) => withPages(text, op.handle, [Math.min(pages, op.pages)]))
    for (const { line: at, op: one } of all) {
      if ('page' in one && one.handle === op.handle) edits.set(at, (text) => withPages(text, op.handle, [one.page - first]))
      if (one.op === 'mremap' && one.handle === op.handle && one.pages === op.pages)
        edits.set(at, (text) => withPages(text, op.handle, [pages]))
    }
  }
  return edits.size === 0 ? null : rewritten(scenario, (text, line) => edits.get(line)?.(text) ?? text)
}

function placed({ subject }: ConcurrentScenario): Placed[] {
  return [...subject.setup, ...subject.threads.flatMap(({ lines }) => lines)]
}

/** A line of text with other numbers behind its handle. */
function withPages(text: string, handle: string, numbers: readonly number[]): string {
  const words = text.split(/(\s+)/)
  const at = words.indexOf(handle)
  numbers.forEach((number, i) => {
    words[at + 2 + i * 2] = String(number)
  })
  return words.join('')
}

/** Each line of the text anew; null takes it out. */
function rewritten(
  { file, text }: ConcurrentScenario,
  edit: (text: string, line: number) => string | null,
): ConcurrentScenario | null {
  const lines = text.split('\n').flatMap((one, i) => edit(one, i + 1) ?? [])
  try {
    return parseConcurrent(file, lines.join('\n'))
  } catch (error) {
    if (error instanceof InputError) return null
    throw error
  }
}
