/**
 * Does it matter how many machines an exploration is spread over? Not for what it finds: first hit, token, schedules, points,
 * switches and close calls are the same.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { type CampaignOptions, type CampaignResult, type ExploreResult, exploreAll, parseConcurrent } from '../../src/index.ts'

const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/drop-during-device-read.scn', import.meta.url))
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const FAULTY = { svm: fileURLToPath(new URL(`../drivers/checks-before-the-lock${extension}`, import.meta.url)) }
const ADDING = parseConcurrent(
  'adding.scn',
  `scenario adding
device 0 svm
setup
  mmap A 1 rw private
thread cpu0 cpu
  add A 0 1
thread gpu dev 0
  dadd 0 A 0 1 1
expect
  final load A 0 is 2
`,
)

/** Without what may differ: how long it took. */
function timeless({ scenarios, ...rest }: CampaignResult): object {
  return {
    ...rest,
    scenarios: scenarios.map((one) => ({
      ...one,
      seconds: 0,
      schedules_per_second: 0,
      violation: { ...one.violation, recording: 0, violation: 0 },
    })),
  }
}

function ok(scenarios: readonly ExploreResult[]): boolean {
  return scenarios.every(({ violation }) => violation === undefined)
}

for (const [what, options] of [
  ['clean, by PCT', { scenarios: [SCENARIO], schedules: 201 }],
  ['clean, by the random walk', { scenarios: [ADDING], strategy: 'random', schedules: 250 }],
  ['with finds', { scenarios: [SCENARIO, ADDING], drivers: FAULTY, schedules: 100 }],
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
