/**
 * Does it matter how many machines an exploration is spread over? Not for what it finds: first hit, token, schedules, points,
 * switches and close calls are the same.
 */
import t from 'tap'
import { type CampaignOptions, type ExploreResult, exploreAll } from '../../src/index.ts'
import { ADDING, faulty, SCENARIO, timeless } from './campaigns.ts'

/** Not shrunk: that is done by one lane, to a find that is the same. */
const FAULTY = { drivers: faulty('checks-before-the-lock'), shrink: false }

function ok(scenarios: readonly ExploreResult[]): boolean {
  return scenarios.every(({ violation }) => violation === undefined)
}

for (const [what, options] of [
  ['clean, by PCT', { scenarios: [SCENARIO], schedules: 201 }],
  ['clean, by the random walk', { scenarios: [ADDING], strategy: 'random', schedules: 250 }],
  ['with finds', { scenarios: [SCENARIO, ADDING], ...FAULTY, schedules: 100 }],
  ['depth first', { scenarios: [ADDING, ADDING], strategy: 'dfs', preemptions: 0 }],
] as const satisfies readonly (readonly [string, CampaignOptions])[]) {
  t.test(`one job and two: ${what}`, async (t) => {
    const one = await exploreAll({ ...options, jobs: 1 })
    const two = await exploreAll({ ...options, jobs: 2 })
    t.same(timeless(two), timeless(one))
    t.equal(ok(one.scenarios), what !== 'with finds')
    if (what === 'clean, by PCT') {
      t.same(
        one.scenarios.map(({ schedules }) => schedules),
        [201],
      )
      t.ok((one.scenarios[0]?.close_calls ?? 0) > 0, `${one.scenarios[0]?.close_calls} close calls`)
    }
  })
}
