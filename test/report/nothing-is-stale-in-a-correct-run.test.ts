/** Does the page mark an entry only where one is wrong? Correct drivers under schedules left to chance: at no step is one stale. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { MOST_STEPS } from '../../shared/sched/limits.ts'
import { StepLog } from '../../shared/seam/steplog.ts'
import { replaySchedule, telling } from '../../src/explore/find.ts'
import { Runs } from '../../src/explore/runs.ts'
import { sceneOf } from '../../src/explore/scene.ts'
import { prepareScenario } from '../../src/explore/subjects.ts'
import { parseConcurrent } from '../../src/scenario/concurrent.ts'

const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
/** Pages that are dropped, shared and written, and that a device moves to its memory and a CPU takes home. */
const SCENARIOS = ['recheck-outside-lock', 'fork-keeps-device-writable', 'devpriv-fault-without-ref', 'vma-facts-before-seq']
const SCHEDULES = 4

for (const name of SCENARIOS) {
  t.test(name, async (t) => {
    const file = `${ROOT}src/races/${name}/scenario.scn`
    const { stage } = prepareScenario(parseConcurrent(file, readFileSync(file, 'utf8')), {}, null)
    const runs = new Runs(stage)
    t.teardown(() => runs.close())
    let entries = 0
    for (let number = 0; number < SCHEDULES; number++) {
      const strategy = { name: 'random', seed: 1, depth: 1, preemptions: 0, loose: false } as const
      const ran = await runs.run({ strategy, first: number, count: 1 })
      t.equal(ran.violation, null)
      const log = new SharedArrayBuffer(StepLog.bytes(MOST_STEPS))
      const again = await replaySchedule(runs, stage.subject, ran, log)
      t.equal(again.divergedAt, null)
      const { rows, slots, values, initial } = sceneOf(telling(runs, stage.subject, again, log))
      const state = [...initial]
      const marked: string[] = []
      for (const { step, changes } of rows) {
        for (const [slot, value] of changes) {
          state[slot] = value
          if (slots[slot]?.group === 'pages') entries++
        }
        for (const [slot, value] of state.entries()) {
          const why = values[value]?.stale
          if (why !== undefined) marked.push(`schedule ${number}, step ${step}: ${slots[slot]?.label}: ${why}`)
        }
      }
      t.same(marked, [])
      const held =
        rows.length > 0 && state.some((value, slot) => slots[slot]?.group === 'locks' && values[value]?.text !== 'none')
      t.notOk(held, 'at the end nobody holds a lock')
    }
    t.ok(entries > 0, 'entries changed')
    t.end()
  })
}
