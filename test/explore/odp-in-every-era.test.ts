/**
 * Two adapters with on-demand paging, one with the whole address space and one with a region, while pages and the region go: is every
 * era right for them? Between the passes of era two-pass pages stay mapped; in era events HMM maps and unmaps them.
 */
import t from 'tap'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { explore, parseConcurrent } from '../../src/index.ts'
import { CROWD, meetingScenario } from '../support/odpmeetings.ts'

const SCHEDULES = 100

for (const era of ERAS_THERE) {
  t.test(`${era}: ${CROWD.question}`, async (t) => {
    const scenario = parseConcurrent('crowd.scn', meetingScenario(CROWD, era))
    const result = await explore({ scenario, schedules: SCHEDULES, jobs: 1 })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES])
  })
}
