/**
 * Do random scenarios read back what a plain model of memory contents says, whoever reads, and wherever the page is just now?
 * A quick run here; `npm run test:random` plays ten thousand.
 */
import t from 'tap'
import { bootScenarioMachine } from '../../src/run/lane.ts'
import { runRandom } from './check.ts'
import { Model } from './model.ts'
import type { Page } from './page.ts'

const SEED = 6
const COUNT = 150
/** Enough for either mistake below, which one scenario in ten shows. */
const MISTAKEN_COUNT = 120

for (const notify of ['dispatcher', 'inline'] as const) {
  t.test(`${COUNT} scenarios without a mismatch, callbacks by ${notify}`, async (t) => {
    const boot = () => bootScenarioMachine({ notify })
    const { scenarios, operations, counterexample } = await runRandom({ seed: SEED, count: COUNT, longest: 60, boot })
    t.equal(counterexample, null)
    t.equal(scenarios, COUNT)
    t.comment(`seed ${SEED}: ${scenarios} scenarios, ${operations} operations`)
  })
}

/** A mistaken model: memory that fork copies is one memory for parent and child. */
class SharesOnFork extends Model {
  protected override forkPage(page: Page): Page | undefined {
    return page
  }
}

t.test('the comparison can fail: a model that does not copy on fork is found out, in a few lines', async (t) => {
  const { counterexample } = await runRandom({
    seed: SEED,
    count: MISTAKEN_COUNT,
    longest: 60,
    boot: bootScenarioMachine,
    model: () => new SharesOnFork(),
  })
  t.match(counterexample, /^mmap .* private => ok\n(.*\n)*fork => ok P1\n(.*\n)*# line \d+: the model says/)
  t.ok((counterexample ?? '').split('\n').length <= 6, counterexample ?? 'nothing found')
  t.comment(counterexample)
})

t.test('a driver that forgets to copy a page home is found out, in a few lines', async (t) => {
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const driver = new URL(`../drivers/forgets-the-copy${extension}`, import.meta.url).href
  const { counterexample } = await runRandom({
    seed: SEED,
    count: MISTAKEN_COUNT,
    longest: 60,
    boot: () => bootScenarioMachine({ driver }),
  })
  t.match(counterexample, /migrate_dev .* => ok.*\n(.*\n)*# line \d+: the model says/)
  t.ok((counterexample ?? '').split('\n').length <= 6, counterexample ?? 'nothing found')
  t.comment(counterexample)
})
