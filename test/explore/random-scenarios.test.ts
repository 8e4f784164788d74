/**
 * Is the correct protocol clean in scenarios that nobody thought of? Random ones, each under PCT and under the random walk, with
 * every audit; in half of them everything fails now and then that can. Their number is what a test run can afford; HMM_SCENARIOS runs
 * more, and `npm run test:clean` runs 200,000 schedules.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'
import { randomScenario, scarceScenario } from '../support/randomscenario.ts'

const SCENARIOS = Number(process.env.HMM_SCENARIOS ?? 2)

for (const [what, textOf] of [
  ['random scenarios', randomScenario],
  ['random scenarios in which everything fails now and then', scarceScenario],
] as const) {
  t.test(`${SCENARIOS} ${what}`, async (t) => {
    let schedules = 0
    for (let seed = 1; seed <= SCENARIOS; seed++) {
      const text = textOf(seed)
      const scenario = parseConcurrent(`random-${seed}.scn`, text)
      for (const strategy of ['pct', 'random'] as const) {
        const result = await explore({ scenario, strategy, depth: 1 + (seed % 4), schedules: 40, seed })
        schedules += result.schedules
        if (result.violation !== undefined) t.fail(`${text}\n${result.violation.table}\n${result.violation.token}`)
        t.equal(result.cut_off, 0, `${strategy}, scenario ${seed}`)
      }
    }
    t.ok(schedules >= SCENARIOS * 80)
  })
}

t.test('a faulty driver would have been noticed in them', async (t) => {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const svm = new URL(`../drivers/skips-the-check${extension}`, import.meta.url).href
  let found = false
  for (let seed = 1; seed <= 12 && !found; seed++) {
    const scenario = parseConcurrent(`random-${seed}.scn`, randomScenario(seed))
    const result = await explore({ scenario, schedules: 300, drivers: { svm }, shrink: false })
    found = result.violation !== undefined
  }
  t.ok(found)
})
