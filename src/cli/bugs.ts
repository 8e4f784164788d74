/** `hmm bugs`: the catalogue of known races, and one of them in full. */
import { HmmError } from '../../shared/seam/error.ts'
import { document } from '../documents.ts'
import { CATALOGUE, type CatalogueEntry } from '../races/catalogue.ts'
import { raceById } from '../races/index.ts'
import type { Race } from '../races/race.ts'
import { EXIT, Output } from './output.ts'

export interface BugsFlags {
  readonly json?: string
}

export async function bugsVerb(id: string | undefined, flags: BugsFlags): Promise<number> {
  const output = new Output(flags.json)
  const shown = id === undefined ? CATALOGUE : CATALOGUE.filter((entry) => entry.id === id || String(entry.number) === id)
  if (shown.length === 0)
    throw new HmmError(
      'HMM_ERR_USAGE',
      `there is no race ${JSON.stringify(id)}; hmm bugs lists the ${CATALOGUE.length} there are`,
    )
  const [one] = shown as [CatalogueEntry]
  for (const line of id === undefined ? listLines(shown) : await raceLines(one)) output.say(line)
  output.write(document('bugs', true, { bugs: shown }))
  return EXIT.clean
}

function listLines(entries: readonly CatalogueEntry[]): string[] {
  const width = Math.max(...entries.map(({ id }) => id.length))
  const expressible = entries.filter((entry) => entry.expressible).length
  return [
    ...entries.map(
      ({ number, id, title, expressible: can }) =>
        `${String(number).padStart(3)} ${can ? '*' : ' '} ${id.padEnd(width)}  ${title}`,
    ),
    '',
    `${entries.length} races; the ${expressible} with a * can be put in: hmm explore --bug ID, hmm stress --bug ID`,
  ]
}

async function raceLines(entry: CatalogueEntry): Promise<string[]> {
  const head = `${entry.number}. ${entry.id}: ${entry.title}`
  const facts = `generation ${entry.generation.join(', ')}; seen by ${entry.oracles.join(', ')}; depth ${entry.depth}`
  const kin = [
    ...(entry.kin === undefined ? [] : [`the same mistake as ${entry.kin.map(named).join(' and ')}`]),
    ...(entry.bredBy === undefined ? [] : [`brought in by the cure of ${named(entry.bredBy)}`]),
    ...(entry.bred === undefined ? [] : [`its cure brought in ${named(entry.bred)}`]),
  ]
  if (!entry.expressible) return [head, facts, ...kin, `cannot be put in: ${entry.reason}`]
  const race: Race = await raceById(entry.id)
  return [
    head,
    facts,
    ...kin,
    '',
    `happened   ${race.history}`,
    `correct    ${race.correct}`,
    `mistake    ${race.fault}`,
    '',
    ...race.interleaving.map((step, i) => `  ${i + 1}. ${step}`),
    '',
    race.edit === undefined
      ? `put in as  a driver in the place of ${race.driver?.family}`
      : `put in as  an edit of ${race.edit.file.replace(/\.js$/, '.ts')}`,
    `try        hmm explore --bug ${race.id}`,
  ]
}

function named(number: number): string {
  return `${number} (${CATALOGUE.find((entry) => entry.number === number)?.id})`
}
