/**
 * Two cpus drop a page that two devices use, in era two-pass: is the pair of svm correct in every interleaving that PCT and the
 * random walk come by, and are the two mistakes found that such a pair invites? One waits for nothing in its second pass. The other
 * takes an entry that it finds gone for one that is flushed: the invalidation that cleared it has dropped the update lock, and is
 * still between its passes.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore } from '../../src/explore.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/two-devices-one-drop.scn', import.meta.url))

/** As many as the mistaken drivers below need, and more; `npm run test:clean` has the long runs. */
const CLEAN = 300

for (const strategy of ['pct', 'random'] as const) {
  t.test(`the correct pair is clean over ${CLEAN} schedules by ${strategy}`, async (t) => {
    const result = await explore({ scenario: SCENARIO, strategy, schedules: CLEAN })
    t.equal(result.violation, undefined)
    t.equal(result.cut_off, 0)
    t.equal(result.schedules, CLEAN)
    t.ok(result.close_calls > 0, 'some flush had to wait for an access in flight')
  })
}

for (const name of ['forgets-to-wait', 'trusts-an-empty-table']) {
  t.test(`a driver that ${name.replaceAll('-', ' ')} is found by PCT`, async (t) => {
    const svm = fileURLToPath(new URL(`../drivers/${name}${extension}`, import.meta.url))
    const result = await explore({ scenario: SCENARIO, schedules: 3000, drivers: { svm }, teardownEvery: 0, shrink: false })
    const find = result.violation
    t.equal(find?.oracle, 'PG')
    t.match(find?.message, /through a stale entry: frame \d+ had been freed/)
    t.ok(result.schedules < 3000, `after ${result.first_hit} schedules`)
  })
}
