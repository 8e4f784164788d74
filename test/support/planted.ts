/**
 * What the oracles say to a scenario when a mistake is planted into one step of the core, and when none is: schedules of the random
 * walk and of PCT, each on a machine that was booted with the edit.
 *
 *     await planted({ scenario, edit })      'SEC: cpu 0 reaches A+0 ...'
 *     await planted({ scenario })            null
 */
import { Runs } from '../../src/explore/runs.ts'
import { prepareScenario } from '../../src/explore/subjects.ts'
import type { CoreEdit } from '../../src/races/edit.ts'
import { parseConcurrent } from '../../src/scenario/concurrent.ts'

export interface Planted {
  readonly scenario: string
  readonly edit?: CoreEdit
  /** Default 40. */
  readonly schedules?: number
}

/** The first report, as `ORACLE: message`; null if there is none. */
export async function planted({ scenario, edit, schedules = 40 }: Planted): Promise<string | null> {
  const { stage } = prepareScenario(parseConcurrent('planted.scn', scenario))
  const runs = new Runs(edit === undefined ? stage : { ...stage, edit })
  try {
    for (const name of ['random', 'pct'] as const) {
      const strategy = { name, seed: 1, depth: 3, preemptions: 0, loose: false }
      const { violation } = await runs.run({ strategy, count: schedules, teardownEvery: 8 })
      if (violation !== null) return `${violation.oracle}: ${violation.message}`
    }
    return null
  } finally {
    await runs.close()
  }
}
