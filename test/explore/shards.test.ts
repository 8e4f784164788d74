/**
 * Do all shards of a campaign, added up, come to what one run of everything comes to? Each schedule is in one of them, and the first
 * find of all is the find.
 */
import t from 'tap'
import { document } from '../../src/documents.ts'
import { type CampaignOptions, type ExploreDocument, exploreAll, merge } from '../../src/index.ts'
import { ADDING, faulty, SCENARIO, timeless } from './campaigns.ts'

for (const [what, options] of [
  ['clean', { scenarios: [SCENARIO, ADDING], schedules: 20 }],
  ['depth first, whole scenarios', { scenarios: [ADDING, ADDING], strategy: 'dfs', preemptions: 0 }],
] as const satisfies readonly (readonly [string, CampaignOptions])[]) {
  t.test(`three shards added up are the whole: ${what}`, async (t) => {
    const whole = await exploreAll({ ...options, jobs: 1 })
    const shards: ExploreDocument[] = []
    for (const index of [2, 0, 1]) {
      const shard = await exploreAll({ ...options, jobs: 1, shard: { index, of: 3 } })
      shards.push(document('explore', true, shard))
    }
    const { document: sum, gaps } = merge(shards)
    t.same(gaps, [])
    const expected = document('explore', true, { ...whole, shards: { of: 3, parts: [1, 2, 3], unfinished: [] } })
    t.same(timeless(sum as ExploreDocument), timeless(expected))
  })
}

t.test('the first find of three shards is the find of the whole', async (t) => {
  const options = { scenarios: [SCENARIO], drivers: faulty('skips-the-check'), schedules: 240, jobs: 1, shrink: false }
  const whole = await exploreAll(options)
  const shards: ExploreDocument[] = []
  for (const index of [0, 1, 2])
    shards.push(document('explore', false, await exploreAll({ ...options, shard: { index, of: 3 } })))
  const hits = shards.flatMap(({ scenarios }) => scenarios.flatMap(({ first_hit }) => first_hit ?? []))
  t.ok(hits.length > 1, `found by schedules ${hits.join(', ')}`)
  const sum = merge(shards).document as ExploreDocument
  t.equal(sum.ok, false)
  t.equal(sum.scenarios[0]?.first_hit, whole.scenarios[0]?.first_hit)
  t.equal(sum.scenarios[0]?.violation?.token, whole.scenarios[0]?.violation?.token)
})
