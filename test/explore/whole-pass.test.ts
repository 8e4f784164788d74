/**
 * Is a pass that is one call of the module right in every order of its steps? A driver that uses it though accesses are checked, in the
 * form whose atomics are schedule points, is explored by each scheduler, with all oracles; one whose invalidation is not heard is found.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore } from '../../src/explore.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const SCENARIO = scenario('page-goes-beside-a-mirrored-one')

function scenario(name: string): string {
  return fileURLToPath(new URL(`../../../test/explore/scenarios/${name}.scn`, import.meta.url))
}

function svm(name: string): { svm: string } {
  return { svm: fileURLToPath(new URL(`../drivers/${name}${extension}`, import.meta.url)) }
}

t.test('it is the module that is explored: a page whose directory is there takes it one step', async (t) => {
  const alone = { scenario: scenario('page-beside-a-mirrored-one'), schedules: 200 }
  const result = await explore({ ...alone, drivers: svm('passes-only-whole') })
  t.equal(result.violation, undefined)
  t.equal(result.schedules, 200)
  // And where the page may go in between, it is not always so.
  const beside = explore({ scenario: SCENARIO, schedules: 200, drivers: svm('passes-only-whole'), shrink: false })
  await t.rejects(beside, { message: /was not served by the module alone/ })
})

for (const strategy of ['pct', 'random'] as const) {
  t.test(`clean over 400 schedules by ${strategy}`, async (t) => {
    const result = await explore({ scenario: SCENARIO, strategy, schedules: 400, drivers: svm('passes-whole') })
    t.equal(result.violation, undefined)
    t.equal(result.cut_off, 0)
    t.equal(result.schedules, 400)
  })
}

t.test('clean in every schedule with one preemption', async (t) => {
  const drivers = svm('passes-whole')
  const result = await explore({ scenario: SCENARIO, strategy: 'dfs', preemptions: 1, drivers, schedules: 20_000 })
  t.equal(result.violation, undefined)
  t.equal(result.complete, true, `${result.schedules} schedules`)
})

t.test('an invalidation that is not heard is found', async (t) => {
  const result = await explore({ scenario: SCENARIO, schedules: 2000, drivers: svm('passes-unheard'), shrink: false })
  t.ok(['SUB', 'PG'].includes(result.violation?.oracle ?? ''), `${result.violation?.message}`)
  t.ok(result.schedules < 2000, `after ${result.first_hit} schedules`)
})
