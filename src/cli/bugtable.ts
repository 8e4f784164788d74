/** `hmm bugs --table`: measures the known races, and writes the table of docs/races.md. */
import { readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { HmmError } from '../../shared/seam/error.ts'
import { type Asked, type Measured, passes, type TableDocument, tableSchema } from '../bugtable/document.ts'
import { measureRaces } from '../bugtable/measure.ts'
import { lines, markdown, withTable } from '../bugtable/report.ts'
import { bugsDocument, document } from '../documents.ts'
import { CATALOGUE } from '../races/catalogue.ts'
import { RACE_IDS, raceById } from '../races/index.ts'
import { InputError } from '../scenario/error.ts'
import { EXIT, interruptSignal, Output } from './output.ts'

export interface TableFlags {
  readonly json?: string
  readonly seeds: number
  readonly schedules: number
  readonly stressSeconds: number
  readonly jobs?: number
  readonly from: readonly string[]
  readonly markdown?: string
}

/** Measures `id`, or all of them. Exit code 1 where one is not as it must be. */
export async function tableVerb(id: string | undefined, flags: TableFlags): Promise<number> {
  const output = new Output(flags.json)
  const asked: Asked = { seeds: flags.seeds, most: flags.schedules, stress_seconds: flags.stressSeconds }
  const page = flags.markdown === undefined ? null : readPage(flags.markdown)
  const known = flags.from.flatMap((file) => knownFrom(file, asked))
  const ids = id === undefined ? RACE_IDS : [(await raceById(id)).id]
  const signal = interruptSignal()
  const races = await measureRaces({
    ids,
    asked,
    known,
    signal,
    ...(flags.jobs === undefined ? {} : { jobs: flags.jobs }),
    onMeasured: (race, done) => {
      for (const line of lines(race, asked)) output.say(line)
      // What takes an hour is not lost with its last minute.
      if (flags.json !== '-') output.write(tableDocument(asked, done, false))
    },
  })
  const failed = races.filter((race) => !passes(race))
  const whole = races.length === ids.length && !signal.aborted
  output.say('')
  output.say(`${races.length - failed.length} of ${races.length} races as they must be${whole ? '' : '; ended early'}`)
  output.write(tableDocument(asked, races, whole && failed.length === 0))
  if (page !== null && whole) writeFileSync(page.file, page.with(markdown(races, asked, machine())))
  if (!whole) return EXIT.failure
  return failed.length === 0 ? EXIT.clean : EXIT.finding
}

function tableDocument(asked: Asked, races: readonly Measured[], ok: boolean) {
  const table: TableDocument = { asked, races: [...races] }
  const ids = new Set(races.map(({ id }) => id))
  return document('bugs', ok, { bugs: CATALOGUE.filter(({ id }) => ids.has(id)), table })
}

/** What was measured before. Throws InputError for another document, or one of other numbers. */
function knownFrom(file: string, asked: Asked): Measured[] {
  let json: unknown
  try {
    json = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new InputError(file, 0, `cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  const parsed = bugsDocument.safeParse(json)
  const table = parsed.success ? tableSchema.safeParse(parsed.data.table) : parsed
  if (!table.success || !('races' in table.data)) throw new InputError(file, 0, 'is no result of hmm bugs --table')
  const { seeds, most, stress_seconds } = table.data.asked
  if (seeds !== asked.seeds || most !== asked.most || stress_seconds !== asked.stress_seconds)
    throw new InputError(file, 0, `was measured with ${seeds} seeds of ${most} schedules and ${stress_seconds} s of stress`)
  return table.data.races
}

function readPage(file: string) {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new InputError(file, 0, `cannot be read: ${error instanceof Error ? error.message : error}`)
  }
  if (withTable(text, '') === null)
    throw new HmmError('HMM_ERR_INPUT', `${file} has no place for a table: <!-- measured --> and <!-- end -->`)
  return { file, with: (table: string) => withTable(text, table) as string }
}

function machine(): string {
  return `Measured on ${cpus().length} cores of ${cpus()[0]?.model.trim() ?? 'an unknown processor'}, node ${process.version}.`
}
