/**
 * What a find under load leaves behind: the last operations per actor on the page it is about, as a concurrent scenario that
 * `hmm explore` can take up. Load has many devices and thousands of operations; a scenario is small, so it has the one device that
 * was seen, and of each cpu what it last did to the page.
 */

import { ADVICE } from '../shared/mm/madvise.ts'
import { actorName } from '../shared/seam/actors.ts'
import type { Task } from '../shared/seam/task.ts'
import { lastChanges, lastOps, pageName, SLOT_PAGES, type TracedOp } from '../shared/seam/trace.ts'
import type { Violation } from '../shared/seam/violation.ts'

/** Operations of one cpu in the scenario. */
const PER_CPU = 4

/** What is left of a find under load: a scenario for `hmm explore` with the last operations on its page. */
export interface Aftermath {
  /** Text of the scenario. */
  readonly scenario: string
  /** Number of its device under load: it is device 0 in the scenario. */
  readonly device: number
}

/**
 * The scenario of a find on a page, or null for one that is about none. `setup` maps what the workload maps; `settings` are those of its
 * device.
 */
export function aftermath(
  task: Task,
  violation: Violation,
  cpus: number,
  setup: readonly string[],
  settings = '',
): Aftermath | null {
  const { page } = violation
  if (page === undefined || setup.length === 0) return null
  const device = violation.device ?? 0
  const threads = Array.from({ length: cpus }, (_, cpu) => ({ cpu, lines: linesOf(task, cpu, page) }))
  const said = (violation.operations ?? []).map((one) => `#   ${one}`)
  const at = place(page)
  return {
    device,
    scenario: [
      `scenario after-${violation.oracle.toLowerCase()}`,
      `# ${violation.oracle} under load: ${violation.message}`,
      ...said,
      `device 0 svm${settings}`,
      'setup',
      ...setup.map((line) => `  ${line}`),
      `  store ${at} 1`,
      ...threads
        .filter(({ lines }) => lines.length > 0)
        .flatMap(({ cpu, lines }) => [
          `thread ${actorName(task.words, cpu).replace(' ', '')} cpu`,
          ...lines.map((line) => `  ${line}`),
        ]),
      'thread gpu dev 0',
      `  dwrite 0 ${at} 1 5`,
      `  dwrite 0 ${at} 1 6`,
      '',
    ].join('\n'),
  }
}

/** What a cpu did last to page `vpn`, oldest first: changes, then accesses. */
function linesOf(task: Task, cpu: number, vpn: number): string[] {
  const covers = ({ a, b }: TracedOp) => a <= vpn && vpn < a + Math.max(b, 1)
  const ops = new Map([...lastChanges(task.words, cpu), ...lastOps(task.words, cpu)].filter(covers).map((op) => [op.order, op]))
  return [...ops.values()]
    .sort((a, b) => a.order - b.order)
    .flatMap((op) => lineOf(op) ?? [])
    .slice(-PER_CPU)
}

/** The operation in the scenario language; null for one that a thread cannot do. */
function lineOf({ op, a, b, c }: TracedOp): string | null {
  const at = place(a)
  switch (op) {
    case 'load':
      return `load ${at}`
    case 'store':
      return `store ${at} 2`
    case 'add':
      return `add ${at} 3`
    case 'munmap':
      return `munmap ${at} ${b}`
    case 'mprotect':
      return `mprotect ${at} ${b} ${rights(c)}`
    case 'madvise':
      return c === ADVICE.dontneed ? `madvise ${at} ${b} dontneed` : null
    default:
      return null
  }
}

function rights(bits: number): string {
  return ['r', 'w', 'x'].filter((_, i) => (bits & (1 << i)) !== 0).join('') || '-'
}

/** `B 12`: a page by its handle. */
function place(vpn: number): string {
  return `${pageName(vpn).split('+')[0]} ${vpn % SLOT_PAGES}`
}
