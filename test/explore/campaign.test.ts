/**
 * Does it matter in which order lanes answer? Not for what a campaign comes to: the find with the smallest place wins, what lies
 * behind it counts for nothing, lanes behind it are told to stop, and an error is thrown unless a find comes before it.
 */
import t from 'tap'
import { NO_COUNTS } from '../../shared/actor/tally.ts'
import { Campaign, type Outcome } from '../../src/explore/campaign.ts'
import type { Find } from '../../src/explore/find.ts'
import type { Portion, Unit } from '../../src/explore/lane.ts'
import type { RunReport } from '../../src/explore/runs.ts'
import { RunFailure } from '../../src/index.ts'

const CHUNK = 10

function portion(schedules: number, found: number | null = null, stopped = false): Portion {
  return {
    kind: 'portion',
    ...NO_COUNTS,
    schedules,
    steps: schedules * 100,
    maxSteps: 120,
    cutOff: 0,
    seconds: 1,
    actors: 3,
    exhausted: false,
    stopped,
    found: found === null ? null : { report: { number: found } as RunReport, place: found },
  }
}

/** A campaign of subjects of `counts` schedules, what it told, and which lanes it stopped. */
function campaignOf(counts: readonly number[], signal?: AbortSignal) {
  const outcomes: Outcome[] = []
  const stopped: number[] = []
  const campaign = new Campaign({
    parts: counts.map((count, subject) => ({ subject, first: 0, count })),
    chunk: CHUNK,
    onOutcome: (outcome) => outcomes.push(outcome),
    signal,
  })
  campaign.stop = (lane) => stopped.push(lane)
  return { campaign, outcomes, stopped, next: (lane: number) => campaign.next(lane)[0] as Unit }
}

const find = { kind: 'find', find: { oracle: 'PG' } as Find } as const

t.test('the find with the smallest place wins, though a later one was heard of first', (t) => {
  const { campaign, outcomes, stopped, next } = campaignOf([100])
  const units = [0, 1, 2, 3].map(next) as [Unit, Unit, Unit, Unit]
  t.match(units[3], { do: 'search', part: { first: 30, count: 10 } })
  campaign.result(2, units[2], portion(5, 24))
  t.same(stopped, [3], 'the lane behind it is stopped')
  t.same(campaign.next(2), [], 'and nothing more is dealt: it is not known yet whether this find is the first')
  campaign.result(1, units[1], portion(3, 12))
  campaign.result(3, units[3], portion(2, null, true))
  t.same(campaign.next(1), [])
  t.same(outcomes, [])
  campaign.result(0, units[0], portion(10))
  const confirm = next(0)
  t.match(confirm, { do: 'confirm', subject: 0, report: { number: 12 } })
  t.same(campaign.next(1), [], 'it is confirmed once')
  campaign.result(0, confirm, find)
  campaign.throwFault()
  t.match(outcomes, [{ schedules: 13, steps: 1300, interrupted: false, find: { oracle: 'PG', place: 12 } }])
  t.end()
})

t.test('an error counts like a find: it is thrown, unless a find comes before it', (t) => {
  for (const [foundBy, thrown] of [
    [0, false],
    [2, true],
  ] as const) {
    const { campaign, outcomes, next } = campaignOf([30])
    const units = [0, 1, 2].map(next) as [Unit, Unit, Unit]
    campaign.fault(1, units[1], new RunFailure('HMM_ERR_HUNG', 'cpu 0 hung'))
    for (const lane of [0, 2])
      campaign.result(lane, units[lane] as Unit, lane === foundBy ? portion(4, lane * 10 + 3) : portion(10))
    if (thrown) t.throws(() => campaign.throwFault(), { code: 'HMM_ERR_HUNG' })
    else {
      campaign.result(0, next(0), find)
      campaign.throwFault()
    }
    t.equal(outcomes.length, thrown ? 0 : 1)
  }
  t.end()
})

t.test('after an error in a subject no other is begun', (t) => {
  const { campaign, outcomes, next, stopped } = campaignOf([10, 10, 10])
  const [one, two] = [next(0), next(1)]
  campaign.fault(0, one, new RunFailure('HMM_ERR_HUNG', 'cpu 0 hung'))
  t.same(stopped, [1])
  t.same(campaign.next(0), [])
  campaign.result(1, two, portion(4, null, true))
  t.same(campaign.next(1), [])
  t.throws(() => campaign.throwFault(), { code: 'HMM_ERR_HUNG' })
  t.same(outcomes, [])
  t.end()
})

t.test('subjects are told in order, each with its own find', (t) => {
  const { campaign, outcomes, next } = campaignOf([10, 10])
  const [one, two] = [next(0), next(1)]
  campaign.result(1, two, portion(2, 1))
  campaign.result(1, next(1), find)
  t.same(outcomes, [], 'the first is not over')
  campaign.result(0, one, portion(10))
  t.match(outcomes, [
    { subject: 0, schedules: 10, find: null },
    { subject: 1, schedules: 2, find: { place: 1 } },
  ])
  t.end()
})

t.test('a signal stops every lane; a find that was made until then is told', (t) => {
  const controller = new AbortController()
  const { campaign, outcomes, stopped, next } = campaignOf([100, 100], controller.signal)
  const units = [0, 1, 2].map(next) as [Unit, Unit, Unit]
  campaign.result(2, units[2], portion(5, 24))
  controller.abort()
  t.same(stopped, [0, 1])
  campaign.result(0, units[0], portion(7, null, true))
  t.same(campaign.next(0), [])
  campaign.result(1, units[1], portion(6, null, true))
  campaign.result(1, next(1), find)
  t.same(campaign.next(1), [], 'the second subject is not begun')
  campaign.throwFault()
  t.match(outcomes, [{ subject: 0, schedules: 18, find: { place: 24 } }])
  t.equal(outcomes.length, 1)
  t.end()
})

t.test('without a find, an early end is said', (t) => {
  const controller = new AbortController()
  const { campaign, outcomes, next } = campaignOf([100], controller.signal)
  const unit = next(0)
  controller.abort()
  campaign.result(0, unit, portion(7, null, true))
  campaign.throwFault()
  t.match(outcomes, [{ schedules: 7, asked: 100, interrupted: true, find: null }])
  t.end()
})
