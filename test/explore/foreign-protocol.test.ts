/**
 * Can somebody explore a protocol that has nothing to do with HMM? A hand-written queue over a SharedArrayBuffer: the version
 * that loses a wake-up is found, shown and replayed; the right one is clean in every schedule with up to three preemptions.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { toFile } from '../../src/explore/recording.ts'
import { explore, type ForeignActors, replay } from '../../src/index.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const module = fileURLToPath(new URL(`./protocols/queue${extension}`, import.meta.url))

function queue(threads: string[], check = 'check'): ForeignActors {
  return { module, threads, check, words: 16 }
}

for (const strategy of ['dfs', 'pct', 'random'] as const) {
  t.test(`the lost wake-up is found by ${strategy}`, async (t) => {
    const result = await explore({ actors: queue(['consumeCarelessly', 'produce']), strategy, schedules: 5000 })
    const find = result.violation
    t.equal(find?.oracle, 'WAKE')
    t.match(find?.message, /nobody is left to wake: cpu 0.* waits for ring/)
    t.equal(find?.preemptions, 1, 'one preemption is enough')
    t.match(find?.table, /consumeCarelessly +produce/)
    t.match(find?.table, /word 2: 0 -> 1/)
  })
}

t.test('the right queue is clean, and these were all schedules', async (t) => {
  const result = await explore({ actors: queue(['consume', 'produce']), strategy: 'dfs', preemptions: 3 })
  t.equal(result.violation, undefined)
  t.equal(result.complete, true)
  t.ok(result.schedules > 100, `${result.schedules} schedules`)
})

t.test('a lost update is found by what the check says', async (t) => {
  const result = await explore({ actors: queue(['addBadly', 'addBadly'], 'checkAdded'), strategy: 'dfs', preemptions: 1 })
  t.equal(result.violation?.oracle, 'LIN')
  t.equal(result.violation?.message, 'two additions of 1 made 1')
})

t.test('a find replays from its file and from its token', async (t) => {
  const { violation } = await explore({ actors: queue(['consumeCarelessly', 'produce']), strategy: 'pct' })
  if (violation === undefined) throw new Error('nothing was found')
  const file = join(t.testdir(), 'find.replay.json')
  writeFileSync(file, toFile(violation.recording))
  for (const recorded of [file, violation.token]) {
    const again = await replay(recorded)
    t.equal(again.same, true)
    t.equal(again.trace, violation.recording.trace)
    t.equal(again.table, violation.table)
  }
  const other = JSON.stringify({ ...violation.recording, build: '0000' })
  writeFileSync(file, other)
  await t.rejects(replay(file), { message: /made with another build or driver/ })
  writeFileSync(file, '{}')
  await t.rejects(replay(file), { message: /this is no replay file/ })
  await t.rejects(replay('hmm1_x'), { message: /neither a token nor a replay file/ })
})

t.test('what is missing is said in one sentence', async (t) => {
  await t.rejects(explore({}), { message: 'explore takes either a scenario or actors' })
  await t.rejects(explore({ actors: queue(['nobody']) }), { message: /exports no function nobody/ })
})
