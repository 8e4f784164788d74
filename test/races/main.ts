/**
 * `npm run test:races`: measures every known race that can be put in (measure.ts), and fails where one is not found, is found by
 * an oracle that its folder does not name, is found by PCT more rarely than its bound, or where the variant without it is not clean.
 *
 *   --seeds N       default 20
 *   --schedules N   most schedules of one seed, default 5000
 *   --race ID       only this one; may be given again
 *   --json FILE     what was measured, as a document; written after each race
 *   --from FILE     what such a document has is not measured again; may be given again
 *   --markdown      writes the table of docs/races.md, between its two markers
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { RACE_IDS, raceById } from '../../src/races/index.ts'
import { type Asked, type Measured, measure, passes } from './measure.ts'
import { line, markdown } from './report.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '20' },
    schedules: { type: 'string', default: '5000' },
    race: { type: 'string', multiple: true },
    json: { type: 'string' },
    from: { type: 'string', multiple: true, default: [] },
    markdown: { type: 'boolean', default: false },
  },
})
const SCHEMA = 'hmm-runtime/races/1'
const asked: Asked = { seeds: Number(values.seeds), most: Number(values.schedules), mostDfs: 100_000 }

const before = values.from.flatMap((file) => known(file))
const races: Measured[] = []
for (const id of values.race ?? RACE_IDS) {
  const measured = before.find((race) => race.id === id) ?? (await measure(await raceById(id), asked))
  process.stdout.write(`${passes(measured) ? 'ok    ' : 'FAILED'} ${line(measured, asked)}\n`)
  races.push(measured)
  if (values.json !== undefined) {
    const document = { schema: SCHEMA, ok: races.every(passes), ...asked, races }
    writeFileSync(values.json, `${JSON.stringify(document, null, 2)}\n`)
  }
}
const failed = races.filter((race) => !passes(race))
process.stdout.write(`${races.length - failed.length} of ${races.length} races as they must be\n`)

if (values.markdown) writeTable(markdown(races, asked))
process.exitCode = failed.length === 0 ? 0 : 1

/** Races that were measured before, with the same seeds and schedules. */
function known(file: string): Measured[] {
  const document = JSON.parse(readFileSync(file, 'utf8')) as { schema: string; races: Measured[] } & Asked
  const same = document.schema === SCHEMA && document.seeds === asked.seeds && document.most === asked.most
  if (!same) throw new Error(`${file} was measured with other seeds or schedules`)
  return document.races
}

function writeTable(table: string): void {
  const page = new URL('../../../docs/races.md', import.meta.url)
  const [begin, end] = ['<!-- measured -->', '<!-- end -->']
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/races.md has no ${begin} ... ${end}`)
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`)
}
