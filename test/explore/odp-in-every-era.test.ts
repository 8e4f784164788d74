/**
 * Two adapters with on-demand paging, one with the whole address space and one with a region, while pages and the region go: is every
 * era right for them? Between the passes of era two-pass pages stay mapped; in era events HMM maps and unmaps them.
 */
import t, { type Test } from 'tap'
import type { Era } from '../../shared/hmm/era.ts'
import { ERAS_THERE } from '../../shared/hmm/protocol.ts'
import { explore, parseConcurrent } from '../../src/index.ts'
import { CROWD, MEETINGS, type Meeting, meetingScenario } from '../support/odpmeetings.ts'

const SCHEDULES = 100

async function isClean(t: Test, meeting: Meeting, era: Era): Promise<void> {
  const scenario = parseConcurrent('crowd.scn', meetingScenario(meeting, era))
  const result = await explore({ scenario, schedules: SCHEDULES, jobs: 1 })
  t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES])
}

for (const era of ERAS_THERE) t.test(`${era}: ${CROWD.question}`, (t) => isClean(t, CROWD, era))

/** Without lists of what is mapped the end of the implicit region looks through HMM's table, and not through all of an address space. */
const first = MEETINGS.find(({ question }) => question === 'the first registration ends the implicit region')
t.test(`events: ${first?.question}`, (t) => isClean(t, first as Meeting, 'events'))
