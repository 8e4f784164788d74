/**
 * Recorded answers are what a CPU sees, and that must not depend on the era. Does a part of them come out the same in each that the
 * test device's driver runs on? Does `--era` override what a scenario says, down to its recording?
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { exploreBench } from '../../bench/explore.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { explore } from '../../src/explore.ts'
import { replay } from '../../src/replay.ts'
import { run } from '../../src/run.ts'

const HERE = fileURLToPath(new URL('../../../test/', import.meta.url))
const SCENARIO = join(HERE, 'explore/scenarios/drop-during-device-read.scn')
const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const FAULTY = fileURLToPath(new URL(`../drivers/skips-the-check${extension}`, import.meta.url))

/** Every ninth recorded scenario: all folders have some. */
const RECORDED = readdirSync(join(HERE, 'conformance'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.scn'))
  .sort()
  .filter((_, i) => i % 9 === 0)
  .map((name) => join(HERE, 'conformance', name))

for (const era of ERAS_THERE.filter((one) => one !== 'sequence' && one !== 'events')) {
  t.test(`${era}: the kernel's answers`, async (t) => {
    const result = await run(RECORDED, { era, jobs: 1 })
    t.equal(result.era, era)
    t.same(
      result.files.filter(({ ok }) => !ok),
      [],
    )
    t.equal(result.passed, RECORDED.length)
  })
}

t.test('--era overrides the scenario, and the recording of a find says so', async (t) => {
  const drivers = { svm: FAULTY }
  const { violation } = await explore({ scenario: SCENARIO, era: 'two-pass', schedules: 3000, drivers, shrink: false })
  t.match(violation?.recording.subject, { text: /^era two-pass$/m })
  t.notMatch(violation?.recording.subject, { text: /^era sequence$/m })
  const again = await replay(violation?.token as string)
  t.equal(again.same, true)
  t.equal(again.table, violation?.table)
})

t.test('a protocol of its own has no era', async (t) => {
  const actors = { module: fileURLToPath(new URL(`../explore/protocols/queue${extension}`, import.meta.url)), threads: ['push'] }
  await t.rejects(explore({ actors, era: 'two-pass' }), { message: 'a protocol of its own has no drivers, and so no era' })
})

t.test('a benchmark can be run in an era', async (t) => {
  const results = await exploreBench({ era: 'two-pass', schedules: 100, warmUp: 20 })
  t.equal(results.length, 4)
})
