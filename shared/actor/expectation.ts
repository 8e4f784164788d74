/**
 * What a concurrent scenario expects of every schedule: answers of labelled operations, final values, and the combinations of
 * answers that are allowed. A result R matches an answer when its first word and every field that R names agree.
 */
import { contentFrame } from '../check/sum.ts'
import { frameData, NO_FRAME } from '../frame/frames.ts'
import { mmVmas } from '../mm/mm.ts'
import { NO_VMA, VM_RIGHTS, type Vma, vmaFlags } from '../mm/vma.ts'
import { quietLoad } from '../seam/atomics.ts'
import type { Task } from '../seam/task.ts'
import { intervalFirst } from '../sync/intervaltree.ts'
import { runMm } from './rendezvous.ts'
import { answerOf, handlesOnStage } from './stage.ts'

export type Expectation =
  /** The answer of operation `index` matches one of `results`. */
  | {
      readonly kind: 'is'
      readonly line: number
      readonly label: string
      readonly index: number
      readonly results: readonly string[]
    }
  /** What a cpu would load from page `page` of handle `handle`, once everything is over. */
  | {
      readonly kind: 'final'
      readonly line: number
      readonly handle: string
      readonly page: number
      readonly results: readonly string[]
    }
  /** Of all `outcome` lines at least one fits. */
  | { readonly kind: 'outcome'; readonly line: number; readonly parts: readonly OutcomePart[] }

export interface OutcomePart {
  readonly label: string
  readonly index: number
  readonly result: string
}

/** Does `answer` match result `result`? */
export function matches(answer: string, result: string): boolean {
  const [head = '', ...fields] = result.split(' ')
  const [first = '', ...given] = answer.split(' ')
  return head === first && fields.every((field) => given.includes(field))
}

/** What is not as expected, in one sentence; null if all is. Every thread has finished. */
export function unmet(task: Task, expectations: readonly Expectation[]): string | null {
  const { words } = task
  const said = (index: number) => answerOf(words, index) ?? 'no answer'
  for (const one of expectations) {
    if (one.kind === 'outcome') continue
    if (one.kind === 'final') {
      const value = finalValue(task, one.handle, one.page)
      if (!one.results.includes(value))
        return `${one.handle}+${one.page} holds ${value} at the end; expected is ${one.results.join(' or ')}`
      continue
    }
    const answer = said(one.index)
    if (!one.results.some((result) => matches(answer, result)))
      return `${one.label} answered ${answer}; expected is ${one.results.join(' or ')}`
  }
  const outcomes = expectations.filter((one) => one.kind === 'outcome')
  if (outcomes.length === 0) return null
  if (outcomes.some(({ parts }) => parts.every(({ index, result }) => matches(said(index), result)))) return null
  const labels = new Map(outcomes.flatMap(({ parts }) => parts.map(({ label, index }) => [label, index] as const)))
  return `the outcome ${[...labels].map(([label, index]) => `${label}=${said(index)}`).join(' ')} is none of those allowed`
}

/** The first word of a page as a cpu of process 0 would load it, or the signal it would get. The machine stands still. */
function finalValue(task: Task, handle: string, page: number): string {
  const start = handlesOnStage(task.words, 0).get(handle)?.start
  if (start === undefined) return 'SIGSEGV'
  const mm = runMm(task)
  const vma = intervalFirst(task, mmVmas(mm), start + page, start + page) as Vma
  if (vma === NO_VMA || (vmaFlags(task, vma) & VM_RIGHTS) === 0) return 'SIGSEGV'
  const frame = contentFrame(task, mm, start + page)
  return frame === NO_FRAME ? '0' : String(quietLoad(task, frameData(task, frame)) >>> 0)
}
