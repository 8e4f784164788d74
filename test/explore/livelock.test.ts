/**
 * Is a livelock told from a long run? Two threads that give way to each other in step are reported with the steps that repeat, and
 * the report replays; so are two that count their rounds, and never come back to the same state. A retry loop that only waits for its turn is not one: the others get theirs. Nor is work that leaves no trace,
 * as long as operations are completed.
 */
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { explore, parseConcurrent, replay } from '../../src/index.ts'

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const module = fileURLToPath(new URL(`./protocols/queue${extension}`, import.meta.url))

t.test('two polite neighbours', async (t) => {
  const result = await explore({
    actors: { module, threads: ['polite', 'polite'], words: 16 },
    strategy: 'dfs',
    preemptions: 2,
  })
  const find = result.violation
  t.equal(find?.oracle, 'PROG', find?.message ?? 'nothing')
  t.match(find?.message, /^livelock: the same 6 steps repeat for ever, and nobody gets on/)
  const again = await replay(find?.token as string)
  t.equal(again.same, true)
})

t.test('two polite neighbours who count their rounds: no state comes back, and nobody completes anything', async (t) => {
  const threads = ['politeAndCounting', 'politeAndCounting']
  const result = await explore({ actors: { module, threads, words: 16 }, strategy: 'pct', depth: 3, schedules: 500 })
  const find = result.violation
  t.equal(find?.oracle, 'PROG', find?.message ?? 'nothing')
  t.match(find?.message, /^livelock: each actor had its turn for [0-9]+ steps, and nobody completed anything/)
  t.match(find?.table, /\n {2}\.\.\. {2}and so on, up to step [0-9,]+\n/, 'and the table shows how it goes, not all of it')
  t.ok((find?.table.split('\n').length as number) < 200)
  t.equal((await replay(find?.token as string)).same, true)
})

t.test('alone in a loop when the schedule becomes fair: what was passed before is in the recording', async (t) => {
  const result = await explore({ bug: 'readonly-vma-write-fault-spin', depth: 2, schedules: 20 })
  t.equal(result.violation?.oracle, 'PROG')
  t.equal((await replay(result.violation?.token as string)).same, true)
})

t.test('two threads that complete one operation after the other, and change nothing', async (t) => {
  const rounds = fileURLToPath(new URL(`./protocols/rounds${extension}`, import.meta.url))
  const result = await explore({ actors: { module: rounds, threads: ['rounds', 'rounds'] }, strategy: 'random', schedules: 2 })
  t.equal(result.violation?.message, undefined)
  t.equal(result.cut_off, 0)
  t.ok(result.base_steps > 10_000, 'long enough that somebody looked')
})

t.test('a fault that waits for a migration gives it its turn, whatever the priorities', async (t) => {
  const text = `scenario migration
device 0 mirror memory=8
setup
  mmap A 2 rw private
  store A 0 7
thread mover cpu
  m: migrate_dev 0 A 0 2
thread user cpu
  l: load A 0
expect
  l is 7
`
  const result = await explore({ scenario: parseConcurrent('x.scn', text), schedules: 300 })
  t.equal(result.violation?.message, undefined)
  t.equal(result.cut_off, 0)
})
