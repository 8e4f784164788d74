/** Pages of explorations and of replays: the verdict with its volume and its bound, and each find to step through. */
import { HmmError } from '../../shared/seam/error.ts'
import { ORACLES, type Oracle } from '../../shared/seam/violation.ts'
import type { ExploreDocument, ReplayDocument } from '../documents.ts'
import { boundInWords, missedInWords } from '../explore/bound.ts'
import { sceneOf } from '../explore/scene.ts'
import { retell } from '../replay.ts'
import type { PageModel, Section, TableSection } from './model.ts'
import { pack } from './pack.ts'

type Explored = ExploreDocument['scenarios'][number]

/** More finds than this are listed, and only the first are there to step through: each of them is run again. */
const MAX_STAGES = 12

export async function explorePage(document: ExploreDocument): Promise<PageModel> {
  const { scenarios } = document
  const found = scenarios.filter(({ violation }) => violation !== undefined)
  const sections: Section[] = scenarios.length > 1 ? [scenarioTable(scenarios)] : []
  for (const result of found.slice(0, MAX_STAGES)) sections.push(await findSection(result, scenarios.length > 1))
  const unfinished = document.shards.unfinished.length > 0 || scenarios.some((one) => one.interrupted || one.cut_off > 0)
  const only = scenarios.length === 1 ? scenarios[0] : undefined
  return {
    title: only === undefined ? `Exploration of ${grouped(scenarios.length)} scenarios` : `Exploration of ${only.name}`,
    tone: found.length > 0 ? 'finding' : unfinished ? 'open' : 'clean',
    verdict: only === undefined ? verdictOfAll(scenarios, found) : verdictOf(only),
    facts: [...(only === undefined ? [] : factsOf(only)), ['campaign', document.campaign], ['version', document.version]],
    sections,
  }
}

export async function replayPage(document: ReplayDocument): Promise<PageModel> {
  const { violation, name, steps, table, token, file } = document
  const verdict =
    violation === null
      ? `This schedule of ${grouped(steps)} points shows no violation; of other schedules it says nothing.`
      : `${oracleInWords(violation.oracle)}: ${violation.message}; shown by one schedule of ${grouped(steps)} points${document.same ? ', run again to the byte' : ''}.`
  return {
    title: `Replay of ${name}`,
    tone: violation === null ? 'clean' : 'finding',
    verdict,
    facts: [
      ['file', file],
      ['points', grouped(steps)],
      ['trace', document.trace],
      ['the recorded run', document.same ? 'yes' : 'no'],
      ['version', document.version],
    ],
    sections: [
      await stageOf('The interleaving', { sources: token === undefined ? [] : [token], file, table, note: '' }),
      {
        kind: 'table',
        title: 'What operations answered',
        note: '',
        columns: ['operation', 'answer'],
        numeric: [],
        rows: document.answers.map(({ operation, answer }) => [operation, answer ?? 'not done']),
      },
      { kind: 'text', title: 'At the end', note: 'What each actor did, or did last.', text: document.state.join('\n') },
    ],
  }
}

/** `noted`: the page tells of several finds, so each says what it is. */
async function findSection(result: Explored, noted: boolean): Promise<Section> {
  const violation = result.violation as NonNullable<Explored['violation']>
  const { token, replay_file, table, oracle, message } = violation
  return stageOf(`The interleaving that shows it: ${result.name}`, {
    sources: replay_file === undefined ? [token] : [token, replay_file],
    file: result.file,
    table,
    note: noted ? `${oracleInWords(oracle)}: ${message}` : '',
  })
}

/** A run to step through: the first of `sources` that can be run again here. Otherwise the table, and why. */
async function stageOf(
  title: string,
  { sources, file, table, note }: { sources: readonly string[]; file: string; table: string; note: string },
): Promise<Section> {
  let why = 'the document has no token'
  for (const source of sources) {
    for (const options of [{}, { scenario: file }]) {
      try {
        const { told } = await retell(source, options)
        return { kind: 'stage', title, note, scene: pack(sceneOf(told)) }
      } catch (error) {
        if (!(error instanceof HmmError)) throw error
        why = error.message
      }
    }
  }
  return { kind: 'text', title, note: `This is the table that was printed, without steps to go through: ${why}.`, text: table }
}

function verdictOf(result: Explored): string {
  const { violation, schedules, bound } = result
  const how = `${searched(result)} (${grouped(schedules)} schedules, ${grouped(result.steps)} points)`
  const worth = bound === undefined ? '' : `; ${boundInWords(bound)}`
  if (violation !== undefined)
    return `${oracleInWords(violation.oracle)}: ${violation.message}; found by schedule ${grouped(result.first_hit ?? 0)}, ${how}, shrunk to ${counted(violation.operations, 'operation')} and ${counted(violation.preemptions, 'preemption')}${worth}.`
  const complete = result.strategy === 'dpor' ? 'every behaviour was seen' : 'these are all schedules within the bound'
  const missed = bound === undefined ? '' : `: ${missedInWords(bound, schedules)}`
  const gaps = `${result.cut_off === 0 ? '' : `; ${grouped(result.cut_off)} schedules were too long and tell nothing`}${result.interrupted ? '; it was ended early' : ''}`
  return `No violation was found, ${how}${result.complete ? `; ${complete}` : ''}${gaps}${worth}${missed}.`
}

function verdictOfAll(scenarios: readonly Explored[], found: readonly Explored[]): string {
  const schedules = scenarios.reduce((sum, one) => sum + one.schedules, 0)
  const steps = scenarios.reduce((sum, one) => sum + one.steps, 0)
  const volume = `in ${grouped(schedules)} schedules (${grouped(steps)} points) of ${grouped(scenarios.length)} scenarios`
  if (found.length === 0) return `No violation was found ${volume}; what each search could have missed is in the table.`
  const names = found.map(({ name }) => name)
  return `${grouped(found.length)} of ${grouped(scenarios.length)} scenarios show a violation (${names.slice(0, 5).join(', ')}${names.length > 5 ? ' and others' : ''}), ${volume}.`
}

function searched({ strategy, depth, seed }: Explored): string {
  return `searched by ${strategy}${depth === undefined ? '' : ` to depth ${depth}`} from seed ${seed}`
}

function factsOf(result: Explored): [string, string][] {
  return [
    ['file', result.file],
    ['strategy', result.strategy],
    ...(result.depth === undefined ? [] : [['depth', String(result.depth)] satisfies [string, string]]),
    ['seed', String(result.seed)],
    ['schedules', grouped(result.schedules)],
    ['schedules per second', grouped(result.schedules_per_second)],
    ['seconds', result.seconds.toFixed(1)],
    ['actors', grouped(result.actors)],
    ['points of a schedule', `${grouped(result.base_steps)} to ${grouped(result.max_steps)}`],
    ['close calls', grouped(result.close_calls)],
  ]
}

function scenarioTable(scenarios: readonly Explored[]): TableSection {
  return {
    kind: 'table',
    title: 'Scenarios',
    note: 'Bound: probability with which one schedule finds a bug of the depth that was searched for.',
    columns: ['scenario', 'verdict', 'strategy', 'schedules', 'points', 'close calls', 'bound'],
    numeric: [3, 4, 5, 6],
    rows: scenarios.map((one) => [
      one.name,
      one.violation === undefined
        ? one.complete
          ? 'clean: all schedules'
          : 'no violation was found'
        : `${one.violation.oracle}: ${one.violation.message}`,
      `${one.strategy}${one.depth === undefined ? '' : `, depth ${one.depth}`}`,
      grouped(one.schedules),
      grouped(one.steps),
      grouped(one.close_calls),
      one.bound === undefined ? '' : one.bound.toExponential(1),
    ]),
  }
}

function oracleInWords(oracle: string): string {
  return Object.hasOwn(ORACLES, oracle) ? `${oracle} (${ORACLES[oracle as Oracle]})` : oracle
}

function grouped(n: number): string {
  return Math.round(n).toLocaleString('en-US')
}

function counted(n: number, what: string): string {
  return `${grouped(n)} ${what}${n === 1 ? '' : 's'}`
}
