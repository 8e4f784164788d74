/**
 * Does exploring find what stress finds by luck? Four drivers, each with one historic mistake, in a scenario of one cpu
 * operation and two device accesses: each is reported within few schedules, by an oracle that sees stale entries; the find is
 * confirmed by a replay, and shrinks to what the race needs. The correct driver stays clean over many times as many schedules.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore } from '../../src/explore.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/drop-during-device-read.scn', import.meta.url))

function driver(name: string): string {
  return fileURLToPath(new URL(`../drivers/${name}${extension}`, import.meta.url))
}

/** Shrinking costs ten times what finding does: one that looks at a stale sequence, and one whose invalidation comes too late. */
const SHRUNK: ReadonlySet<string> = new Set(['skips-the-check', 'deferred-invalidation'])

/** A driver of the tests, and known races in a scenario that is not made for them. */
const MISTAKES = [
  { name: 'skips-the-check', put: { drivers: { svm: driver('skips-the-check') } } },
  ...['recheck-outside-lock', 'setseq-forgotten', 'deferred-invalidation'].map((bug) => ({ name: bug, put: { bug } })),
]

for (const { name, put } of MISTAKES) {
  t.test(`${name} is found by PCT`, async (t) => {
    const result = await explore({
      scenario: SCENARIO,
      strategy: 'pct',
      depth: 3,
      schedules: 3000,
      ...put,
      shrink: SHRUNK.has(name),
    })
    const find = result.violation
    t.ok(find !== undefined, `after ${result.first_hit} schedules`)
    if (find === undefined) return
    t.ok(['PG', 'SUB', 'PERM'].includes(find.oracle), `${find.oracle}: ${find.message}`)
    t.match(find.table, /dropper \(cpu 0\)/)
    t.match(find.table, /madvise of A\+0/)
    if (!SHRUNK.has(name)) return
    t.equal(find.operations, 2, 'one cpu operation and one device access are left')
    t.ok(find.preemptions <= 3, `${find.preemptions} preemptions are left`)
  })
}

t.test('deferred work that outlives its mirror is found when everything is closed', async (t) => {
  const drivers = { svm: driver('defers-the-invalidation') }
  const { violation } = await explore({ scenario: SCENARIO, schedules: 100, drivers, shrink: false })
  t.equal(violation?.oracle, 'LIFE')
  t.match(violation?.message, /a mirror is touched after it was freed, freed by cpu 0/)
})

for (const strategy of ['pct', 'random'] as const) {
  t.test(`the correct driver is clean over 600 schedules by ${strategy}`, async (t) => {
    const result = await explore({ scenario: SCENARIO, strategy, schedules: 600 })
    t.equal(result.violation, undefined)
    t.equal(result.cut_off, 0)
    t.ok(result.schedules >= 600)
  })
}
