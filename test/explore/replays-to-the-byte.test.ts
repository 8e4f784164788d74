/**
 * Is a controlled run a function of scenario, seed and number alone? The same schedules give the same trace hash: twice on one
 * machine, on another machine whose workers start in another order, in another process, after other schedules or as the
 * first one; and a recorded schedule gives it again when it is replayed.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { replaySchedule } from '../../src/explore/find.ts'
import { Runs } from '../../src/explore/runs.ts'
import { prepareScenario, readScenario } from '../../src/explore/subjects.ts'
import { workerFlags } from '../../src/remote.ts'

const SCENARIO = fileURLToPath(new URL('../../../test/explore/scenarios/drop-during-device-read.scn', import.meta.url))
const scenario = readScenario(SCENARIO)
const { stage } = prepareScenario(scenario)

/** Trace hash of schedule `number`, run after `before` others. */
async function hashOf(runs: Runs, name: 'random' | 'pct', number: number, before: number): Promise<string> {
  const strategy = { name, seed: 7, depth: 3, preemptions: 0, loose: false }
  const report = await runs.run({ strategy, first: number - before, count: before + 1, teardownEvery: 3 })
  t.equal(report.number, number)
  t.equal(report.violation, null)
  return report.hash
}

t.test('the same number, the same trace', async (t) => {
  const one = new Runs(stage)
  const other = new Runs(stage)
  t.teardown(() => Promise.all([one.close(), other.close()]))
  const hashes = new Map<string, Set<string>>()
  for (const name of ['random', 'pct'] as const) {
    for (const number of [40, 41]) {
      const seen = new Set<string>()
      for (const before of [0, 0, 1, 40]) seen.add(await hashOf(one, name, number, before))
      seen.add(await hashOf(other, name, number, 2))
      hashes.set(`${name} ${number}`, seen)
      t.equal(seen.size, 1, `${name} ${number}: ${[...seen].join()}`)
    }
  }
  t.equal(new Set([...hashes.values()].flatMap((seen) => [...seen])).size, 4, 'and other numbers have other traces')
})

t.test('in another process', async (t) => {
  const runs = new Runs(stage)
  t.teardown(() => runs.close())
  const here = await hashOf(runs, 'random', 5, 5)
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const script = `
    import { Runs } from ${JSON.stringify(new URL(`../../src/explore/runs${extension}`, import.meta.url).href)}
    import { prepareScenario, readScenario } from ${JSON.stringify(new URL(`../../src/explore/subjects${extension}`, import.meta.url).href)}
    const runs = new Runs(prepareScenario(readScenario(${JSON.stringify(SCENARIO)})).stage)
    const strategy = { name: 'random', seed: 7, depth: 3, preemptions: 0, loose: false }
    console.log((await runs.run({ strategy, first: 5, count: 1 })).hash)
    await runs.close()`
  const child = spawnSync(process.execPath, [...workerFlags(), '--input-type=module', '-e', script], { encoding: 'utf8' })
  t.equal(child.stdout.trim(), here, child.stderr)
})

t.test('a recorded schedule, replayed', async (t) => {
  const runs = new Runs(stage)
  t.teardown(() => runs.close())
  const strategy = { name: 'random' as const, seed: 3, depth: 3, preemptions: 0, loose: false }
  for (const number of [0, 1, 2, 3, 4, 5, 6, 7]) {
    const report = await runs.run({ strategy, first: number, count: 1 })
    const again = await replaySchedule(runs, stage.subject, report)
    t.equal(again.divergedAt, null)
    t.equal(again.hash, report.hash)
    t.same(again.schedule, report.schedule)
  }
})

t.test('a schedule that does not fit says where', async (t) => {
  const runs = new Runs(stage)
  t.teardown(() => runs.close())
  const strategy = { name: 'random' as const, seed: 3, depth: 3, preemptions: 0, loose: false }
  const { schedule, number, limits } = await runs.run({ strategy, count: 1 })
  const bent = schedule.map(([actor, passes], i) => (i === 6 ? ([actor, passes + 1000] as const) : ([actor, passes] as const)))
  const again = await replaySchedule(runs, stage.subject, { schedule: bent, number, limits })
  t.type(again.divergedAt, 'number')
})
