/**
 * `npm run test:races`: measures every known race that can be put in (measure.ts), and fails where one is not found, is found by
 * an oracle that its folder does not name, is found by PCT more rarely than its bound, or where the variant without it is not clean.
 *
 *   --seeds N       default 20
 *   --schedules N   most schedules of one seed, default 5000
 *   --race ID       only this one; may be given again
 *   --json FILE     what was measured, as a document
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
    markdown: { type: 'boolean', default: false },
  },
})
const asked: Asked = { seeds: Number(values.seeds), most: Number(values.schedules), mostDfs: 100_000 }

const races: Measured[] = []
for (const id of values.race ?? RACE_IDS) {
  const measured = await measure(await raceById(id), asked)
  process.stdout.write(`${passes(measured) ? 'ok    ' : 'FAILED'} ${line(measured, asked)}\n`)
  races.push(measured)
}
const failed = races.filter((race) => !passes(race))
process.stdout.write(`${races.length - failed.length} of ${races.length} races as they must be\n`)

if (values.json !== undefined) {
  const document = { schema: 'hmm-runtime/races/1', ok: failed.length === 0, ...asked, races }
  writeFileSync(values.json, `${JSON.stringify(document, null, 2)}\n`)
}
if (values.markdown) writeTable(markdown(races, asked))
process.exitCode = failed.length === 0 ? 0 : 1

function writeTable(table: string): void {
  const page = new URL('../../../docs/races.md', import.meta.url)
  const [begin, end] = ['<!-- measured -->', '<!-- end -->']
  const text = readFileSync(page, 'utf8')
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/races.md has no ${begin} ... ${end}`)
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n${table}\n${text.slice(to)}`)
}
