/**
 * An adapter with on-demand paging faults on a page while something happens to the page or to its region. Does each meeting end in one
 * of the ways it may end in, with nothing left mapped, used or waited for, whatever the interleaving? And is a driver found that
 * unmaps before it has stopped the device?
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'
import { MEETINGS, type Meeting, meetingScenario } from '../support/odpmeetings.ts'

/** Enough to meet in every step of a page request: each of them takes some 200 points. */
const SCHEDULES = 60

for (const one of MEETINGS) {
  t.test(one.question, async (t) => {
    const scenario = parseConcurrent('meeting.scn', meetingScenario(one))
    const result = await explore({ scenario, schedules: SCHEDULES, jobs: 1 })
    t.same([result.violation?.message, result.cut_off, result.schedules], [undefined, 0, SCHEDULES])
  })
}

t.test('a driver that unmaps too early is found', async (t) => {
  const meeting: Meeting = {
    question: 'a page is dropped under the adapter',
    setup: ['mmap A 1 rw private', 'store A 0 7'],
    threads: ['thread cpu0 cpu', 'madvise A 0 1 dontneed', 'thread nic dev 0', 'dread 0 A 0 1', 'dread 0 A 0 1'],
    expect: [],
  }
  const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
  const result = await explore({
    scenario: parseConcurrent('meeting.scn', meetingScenario(meeting)),
    drivers: { odp: fileURLToPath(new URL(`../drivers/odp-unmaps-too-early${extension}`, import.meta.url)) },
    schedules: 2000,
    jobs: 1,
    shrink: false,
  })
  t.equal(result.violation?.oracle, 'LIFE')
  t.match(result.violation?.message, /device 0 reads A\+0 through I\/O page \d+, which is not mapped for that/)
})
