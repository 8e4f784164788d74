/**
 * Does `hmm bugs --table` measure what docs/races.md says it does? In its reduced form: two races, few seeds, one second of stress. That
 * each of the others is found, and clean without it, is asked in found-and-fixed.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { passes } from '../../src/bugtable/document.ts'
import { documents, replay } from '../../src/index.ts'
import { hmm } from '../support/command.ts'

const REDUCED = ['--seeds', '3', '--schedules', '150', '--stress-seconds', '0.3'] as const

t.test('a race of a driver: every strategy, the bound, a trace that replays, and nothing without it', async (t) => {
  const folder = t.testdir({ 'page.md': 'before\n<!-- measured -->\nold\n<!-- end -->\nafter\n' })
  const json = join(folder, 'table.json')
  const page = join(folder, 'page.md')
  const ran = hmm(...['bugs', '--table', 'deferred-invalidation', ...REDUCED, '--json', json, '--markdown', page])
  t.equal(ran.status, 0, ran.stderr)
  t.match(ran.stdout, /^ok {4} deferred-invalidation \(d = 2\): PG$/m)
  t.match(ran.stdout, /1 of 1 races as they must be/)
  const { table } = documents.bugs.parse(JSON.parse(readFileSync(json, 'utf8')))
  const [race] = table?.races ?? []
  t.same(
    race?.searches.map(({ search, seeds }) => [search, seeds]),
    [
      ['random', 3],
      ['pct1', 3],
      ['pct2', 3],
      ['pct3', 3],
      ['dfs', 1],
    ],
  )
  t.ok(race?.searches.every(({ fixed }) => fixed.violation === null && fixed.schedules >= 150))
  t.ok((race?.stress?.seconds ?? 0) > 0)
  t.equal((await replay(race?.trace?.token as string)).same, true)
  t.match(
    readFileSync(page, 'utf8'),
    /^before\n<!-- measured -->\n[\s\S]*\n\| deferred-invalidation \| 2 \| PG \|[\s\S]*<!-- end -->\nafter\n$/,
  )
  t.notMatch(readFileSync(page, 'utf8'), /old/)

  const again = hmm(...['bugs', '--table', 'deferred-invalidation', ...REDUCED, '--from', json])
  t.equal(again.status, 0, 'what is measured is not measured again')
  const other = hmm(...['bugs', '--table', 'deferred-invalidation', '--seeds', '4', '--from', json])
  t.equal(other.status, 2)
  t.match(other.stderr, /table\.json.*was measured with 3 seeds of 150 schedules/)
})

t.test('a race of the core, of a primitive alone: no load has it', async (t) => {
  const ran = hmm(
    ...['bugs', '--table', 'interval-remove-unlocked-predicate', '--seeds', '2', '--schedules', '400', '--json', '-'],
  )
  t.equal(ran.status, 0, ran.stderr)
  const { table } = documents.bugs.parse(JSON.parse(ran.stdout))
  t.equal(table?.races[0]?.stress, null)
})

t.test('a race that is not found, or whose cure is not clean, is not as it must be', async (t) => {
  const folder = t.testdir()
  const json = join(folder, 'table.json')
  hmm(...['bugs', '--table', 'write-upgrade-lost', '--seeds', '1', '--schedules', '20', '--stress-seconds', '0', '--json', json])
  const document = JSON.parse(readFileSync(json, 'utf8'))
  const [race] = documents.bugs.parse(document).table?.races ?? []
  t.ok(race !== undefined && passes(race))
  if (race === undefined) return
  const [random, ...others] = race.searches
  const unclean = { ...race, searches: [{ ...random, fixed: { ...random?.fixed, violation: 'PG: x' } }, ...others] }
  t.notOk(passes(unclean as typeof race))
  t.notOk(passes({ ...race, searches: race.searches.map((one) => ({ ...one, median: null })) }))
  t.notOk(passes({ ...race, unexpected: ['LIFE'] }))
  writeFileSync(json, JSON.stringify({ ...document, table: { ...document.table, races: [unclean] } }))
  const ran = hmm(
    ...[
      ...['bugs', '--table', 'write-upgrade-lost', '--seeds', '1', '--schedules', '20', '--stress-seconds', '0', '--from', json],
    ],
  )
  t.equal(ran.status, 1)
  t.match(ran.stdout, /0 of 1 races as they must be/)
})

t.test('a page without a place for the table is refused before anything is measured', async (t) => {
  const folder = t.testdir({ 'page.md': 'nothing\n' })
  const ran = hmm(...['bugs', '--table', '--markdown', join(folder, 'page.md')])
  t.equal(ran.status, 2)
  t.match(ran.stderr, /page\.md has no place for a table/)
})
