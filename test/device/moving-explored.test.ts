/**
 * May a device keep, or lose, a page that it moves to its memory while somebody else touches, drops, shares or evicts it? Meetings of two
 * or three threads under PCT. All oracles look on.
 */
import t from 'tap'
import { explore } from '../../src/index.ts'
import { MEETINGS, scenarioOf } from './meetings.ts'

/** Each costs a few hundred points; threads of two operations meet in them often enough. */
const SCHEDULES = 30

for (const meeting of MEETINGS) {
  for (const era of meeting.eras) {
    t.test(`${era}: ${meeting.question}`, async (t) => {
      const result = await explore({ scenario: scenarioOf(meeting, era), schedules: SCHEDULES, jobs: 1, shrink: false })
      t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES])
    })
  }
}
