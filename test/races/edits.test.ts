/** Does an edit of the core change exactly what it names, and is one that does not fit refused? */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { explore, Machine } from '../../src/index.ts'
import { CATALOGUE } from '../../src/races/catalogue.ts'
import { applyEdit, editFlags } from '../../src/races/edit.ts'
import { RACE_IDS, raceById } from '../../src/races/index.ts'

t.test('every edit applies to this build', async (t) => {
  for (const id of RACE_IDS) {
    const { edit } = await raceById(id)
    if (edit !== undefined) t.same(editFlags(edit).slice(0, 1), ['--import'], id)
  }
})

t.test('a text that is not there, or there twice, is refused', async (t) => {
  const edit = { file: 'shared/x.js', replace: [['one', 'two']] as const }
  t.equal(applyEdit(edit, 'a one b'), 'a two b')
  t.throws(() => applyEdit(edit, 'nothing'), /an edit of shared\/x.js does not apply: "one" is not in the built code/)
  t.throws(() => applyEdit(edit, 'one one'), /"one" is 2 times in the built code/)
  await t.rejects(Machine.boot({ edit: { file: 'shared/mm/fault.js', replace: [['no such step', '']] } }), /does not apply/)
})

t.test('the catalogue and the folders say the same', async (t) => {
  const can = CATALOGUE.filter(({ expressible }) => expressible)
  t.same(can.map(({ id }) => id).sort(), [...RACE_IDS].sort())
  for (const entry of can) {
    const race = await raceById(entry.id)
    t.same([race.number, race.depth], [entry.number, entry.depth], entry.id)
  }
  t.same(
    CATALOGUE.map(({ number }) => number),
    Array.from({ length: 58 }, (_, i) => i + 1),
  )
})

t.test('an unknown race is one sentence', async (t) => {
  await t.rejects(explore({ bug: 'nosuch' }), /there is no race "nosuch"; there are valid-flag-aba, range-listed-after-callback/)
})

t.test('the page of the races lists what cannot be put in, with the reasons that hmm bugs gives', (t) => {
  const page = readFileSync(new URL('../../../docs/races.md', import.meta.url), 'utf8')
  const rows = CATALOGUE.flatMap((one) => (one.expressible ? [] : [`| ${one.number} | ${one.id} | ${one.reason} |`]))
  t.same(
    rows.filter((row) => !page.includes(row)),
    [],
  )
  t.end()
})
