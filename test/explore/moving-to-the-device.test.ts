/**
 * May a device use its old entry of a page while the page moves into its memory? Its driver ignores its own invalidation, so it has
 * to take the entry away itself, before the copy. It once did not: a write through the entry went into the old frame and
 * was lost, and a read met the frame when it was free already. Found by random scenarios under PCT.
 */
import t from 'tap'
import { explore, parseConcurrent } from '../../src/index.ts'

function scenario(other: string, expect: string): string {
  return `scenario moving
notifier inline
device 0 mirror memory=8
setup
  mmap A 1 rw private
  store A 0 1
  dwrite 0 A 0 1 5
thread mover cpu
  migrate_dev 0 A 0 1
thread user cpu
  a: ${other}
expect
  ${expect}
`
}

for (const [other, expect] of [
  ['dwrite 0 A 0 1 75', 'final load A 0 is 75'],
  ['dread 0 A 0 1', 'a is ok values=5'],
] as const) {
  t.test(`${other} meanwhile`, async (t) => {
    const parsed = parseConcurrent('x.scn', scenario(other, expect))
    const result = await explore({ scenario: parsed, strategy: 'dfs', preemptions: 2, schedules: 2500 })
    t.equal(result.violation?.message, undefined)
    t.ok(result.schedules > 100)
  })
}
