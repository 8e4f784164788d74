/** What `hmm explore` and `hmm merge` say of explorations, as people read it. */
import type { ExploreDocument } from '../documents.ts'
import { boundInWords, missedInWords } from '../explore/bound.ts'
import type { ExploreProgress } from '../explore.ts'
import { grouped } from './output.ts'

/** A result, as it is in the document: of one run, or added up. */
export type ShownResult = ExploreDocument['scenarios'][number]

/** One line of progress. What a strategy does not have is not in it. */
export function progressLine(now: ExploreProgress): string {
  const asked = now.asked === undefined ? '' : ` of ${grouped(now.asked)}`
  const reached = {
    pct: [`depth ${now.deepest + 1} of ${now.depth}`],
    random: [],
    dfs: [`${grouped(now.deepest)} decisions deep`],
    dpor: [`${grouped(now.deepest)} decisions deep`],
  }
  return [
    `${now.name}: ${grouped(now.schedules)}${asked} schedules`,
    `${grouped(now.schedules / now.seconds)}/s`,
    `${(now.switches / Math.max(1, now.schedules)).toFixed(1)} switches each`,
    ...reached[now.strategy],
    `${grouped(now.closeCalls)} close calls`,
  ].join(', ')
}

/** The result as people read it. */
export function resultLines(result: ShownResult, file: string | null): string[] {
  const { violation } = result
  const spent = `${grouped(result.schedules)} schedules in ${result.seconds.toFixed(1)} s (${grouped(result.schedules_per_second)}/s)`
  const lines = [`${result.name}: ${spent}, ${result.actors} actors, ${result.base_steps} to ${result.max_steps} points`]
  if (violation === undefined) return [...lines, ...cleanLines(result)]
  return [
    ...lines,
    `found by schedule ${grouped(result.first_hit ?? 0)}; ${sizeLine(violation)}; replayed, and the same`,
    '',
    violation.table,
    '',
    ...(file === null ? [] : [`replay:  hmm replay ${file}`]),
    `token:   ${violation.token}`,
  ]
}

/** How much there is to read, and how much it was. */
function sizeLine({ found, operations, preemptions }: NonNullable<ShownResult['violation']>): string {
  const was = `${found.operations} operations, ${found.preemptions} preemptions`
  const isSmaller = operations < found.operations || preemptions < found.preemptions
  return isSmaller ? `shrunk from ${was} to ${operations} and ${preemptions}` : was
}

function cleanLines(result: ShownResult): string[] {
  const early = result.interrupted ? '; ended early' : ''
  const cut = result.cut_off === 0 ? '' : `; ${grouped(result.cut_off)} were too long and tell nothing`
  const lines = [
    result.complete
      ? `clean: ${result.strategy === 'dpor' ? 'every behaviour was seen' : 'these are all schedules within the bound'}${cut}`
      : `no violation was found${cut}${early}`,
  ]
  if (result.bound === undefined) return lines
  return [...lines, `${boundInWords(result.bound)}: ${missedInWords(result.bound, result.schedules)}`]
}
