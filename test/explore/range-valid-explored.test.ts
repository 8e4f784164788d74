/**
 * Do the ranges of 2019 let anything through? Two devices fault, one page is dropped and another write-protected, under PCT and the
 * random walk. That the same search finds the slip they shipped with is test/races (valid-flag-aba).
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore } from '../../src/explore.ts'

const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/range-valid.scn', import.meta.url))

for (const { strategy, schedules } of [
  { strategy: 'pct', schedules: 300 },
  { strategy: 'random', schedules: 60 },
] as const) {
  t.test(`${schedules} schedules by ${strategy}: nothing`, async (t) => {
    const result = await explore({ scenario: SCENARIO, strategy, depth: 3, schedules })
    t.equal(result.violation?.message, undefined)
    t.equal(result.cut_off, 0)
    t.ok(result.schedules >= schedules)
    if (strategy === 'pct') t.ok(result.close_calls > 0, 'and stale entries were kept out')
  })
}
