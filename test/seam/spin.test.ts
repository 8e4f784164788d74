/** Does a waiter spin for as long as that pays, and no longer? One thread with a clock of its own: nobody answers but the test. */
import t from 'tap'
import { regionAt } from '../../shared/memory/regions.ts'
import { WAIT } from '../../shared/seam/park.ts'
import { spinWhile } from '../../shared/seam/spin.ts'
import { AWAKE_AT, CORES_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { solo } from '../support/solo.ts'

/** A thread whose clock goes on by 100 ns at each look; `answerAt` ns from now on the word changes. */
function waiter(): { task: Task; at: number; wait(answerAt: number, kind?: number): { answered: boolean; ns: number } } {
  const { task } = solo()
  const at = regionAt(task.words, 'programs')
  let now = 0
  let answer = Number.POSITIVE_INFINITY
  task.nowNs = () => {
    now += 100
    if (now >= answer) task.words[at] = 1
    return now
  }
  task.words[CORES_AT] = 2
  task.words[AWAKE_AT] = 2
  return {
    task,
    at,
    wait(answerAt, kind = WAIT.dispatch) {
      task.words[at] = 0
      answer = now + answerAt
      const began = now
      const answered = spinWhile(task, kind, at, 0)
      return { answered, ns: now - began }
    },
  }
}

const NEVER = Number.POSITIVE_INFINITY

t.test('who is answered within tens of microseconds never goes to sleep', (t) => {
  const { wait } = waiter()
  const waits = Array.from({ length: 1000 }, (_, i) => wait(i % 2 === 0 ? 15_000 : 500).answered)
  t.notOk(waits.includes(false))
  t.end()
})

t.test('who is never answered stops looking, but for one trial now and then', (t) => {
  const { wait } = waiter()
  const all = Array.from({ length: 2000 }, () => wait(NEVER).ns)
  t.ok((all[0] as number) > 20_000, 'at first it looks for long')
  const later = all.slice(20)
  const trials = later.filter((ns) => ns > 1000).length
  t.ok(trials > 5 && trials <= later.length / 100, `${trials} trials in ${later.length} waits`)
  t.equal(later.filter((ns) => ns === 0).length, later.length - trials, 'the others do not even read the clock')
  t.ok(later.reduce((a, b) => a + b) / later.length < 500, 'on average it costs less than half a microsecond')
  t.end()
})

t.test('and begins again after a trial that was answered', (t) => {
  const { wait } = waiter()
  for (let i = 0; i < 500; i++) wait(NEVER)
  const answered = Array.from({ length: 500 }, () => wait(5_000).answered)
  const first = answered.indexOf(true)
  t.ok(first >= 0 && first < 200, `the trial was wait ${first}`)
  t.notOk(answered.slice(first).includes(false), 'and from then on it looks')
  t.end()
})

t.test('waits of one kind say nothing about another', (t) => {
  const { wait } = waiter()
  for (let i = 0; i < 100; i++) wait(NEVER, WAIT.work)
  t.ok(wait(15_000, WAIT.replay).answered)
  t.end()
})

t.test('nobody spins where no core is free, and whoever does stops when the last one is taken', (t) => {
  const { task, wait } = waiter()
  task.words[AWAKE_AT] = 3
  t.same(wait(500), { answered: false, ns: 0 })
  task.words[AWAKE_AT] = 2
  const { nowNs } = task
  let looks = 0
  task.nowNs = () => {
    if (++looks === 10) task.words[AWAKE_AT] = 3
    return nowNs()
  }
  const { answered, ns } = wait(NEVER)
  t.same([answered, ns], [false, 1000])
  t.end()
})

t.test('a word that has changed already is seen wherever one looks', (t) => {
  const { task, at } = waiter()
  task.words[AWAKE_AT] = 9
  task.words[at] = 5
  t.equal(spinWhile(task, WAIT.ring, at, 4), true)
  t.end()
})
