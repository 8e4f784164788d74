/** Can a wake-up be lost, whether it comes before, during or after the sleep? */
import { isMainThread } from 'node:worker_threads'
import { regionAt } from '../../shared/memory/regions.ts'
import { actorAt, PARK, PHASE, PHASE_RUNNING, PHASE_WAITING, STEPS, WAIT_KIND, WAIT_ON } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad, atomicStore } from '../../shared/seam/atomics.ts'
import { isAsleep, isKilled, kill, nap, park, relax, WAIT, wake } from '../../shared/seam/park.ts'
import { PARK_EMPTY, PARK_TOKEN } from '../../shared/seam/parkword.ts'
import { AWAKE_AT } from '../../shared/seam/superblock.ts'
import type { Task } from '../../shared/seam/task.ts'
import { startCrew } from '../support/crew.ts'
import { meet, until, untilAsleep } from '../support/meet.ts'
import { solo } from '../support/solo.ts'
import { stepped } from '../support/stepped.ts'

const BALL = 0
const START = 16
const INBOX = 32

function words(task: Task): number {
  return regionAt(task.words, 'programs')
}

/** A ball goes to and fro between cpu 0 and cpu 1; who does not have it sleeps. Returns how often this one played. */
export function pingPong(task: Task, rounds: number): number {
  const at = words(task) + BALL
  let played = 0
  for (let i = task.id; i < rounds * 2; i += 2) {
    while (atomicLoad(task, at) !== i) park(task, WAIT.work, at)
    atomicStore(task, at, i + 1)
    wake(task, 1 - task.id)
    played++
  }
  return played
}

/** cpu 0 sleeps until each of the others has put `rounds` messages into its inbox, one at a time. */
export function inbox(task: Task, rounds: number): number {
  const at = words(task) + INBOX
  let done = 0
  if (task.id === 0) {
    for (; done < rounds * 3; ) {
      const found = [1, 2, 3].filter((id) => atomicLoad(task, at + id * 16) === 1)
      if (found.length === 0) park(task, WAIT.work, at)
      for (const id of found) {
        atomicStore(task, at + id * 16, 0)
        wake(task, id)
        done++
      }
    }
    return done
  }
  for (; done < rounds; done++) {
    atomicStore(task, at + task.id * 16, 1)
    wake(task, 0)
    while (atomicLoad(task, at + task.id * 16) === 1) park(task, WAIT.work, at)
  }
  return done
}

/** cpu 0 sleeps; cpu 1 looks how that is published, and how many are awake, and wakes it. */
export function watchASleeper(task: Task): number[] {
  meet(task, words(task) + START, 2)
  if (task.id === 0) {
    park(task, WAIT.replay, 4711)
    return [task.words[task.record + PHASE] as number, task.words[task.record + WAIT_KIND] as number]
  }
  untilAsleep(task, 0, 'replay')
  const at = actorAt(task.words, 0)
  const seen = [task.words[at + PHASE] as number, task.words[at + WAIT_ON] as number]
  until(task, () => atomicLoad(task, AWAKE_AT) === 1) // only this one is: the sleeper says so just after it fell asleep
  wake(task, 0)
  return seen
}

/** cpu 0 naps for an hour; cpu 1 wakes it. Returns how long that took, in seconds. */
export function napForAnHour(task: Task): number {
  meet(task, words(task) + START, 2)
  const start = task.nowNs()
  if (task.id === 0) nap(task, 3_600e9)
  else {
    untilAsleep(task, 0, 'nap')
    wake(task, 0)
  }
  atomicAdd(task, words(task) + BALL, 1)
  return (task.nowNs() - start) / 1e9
}

if (isMainThread) {
  const t = (await import('tap')).default

  t.test('a wake-up before the sleep is kept, once, however often it comes', async (t) => {
    const { task, other } = solo()
    const at = actorAt(task.words, 0) + PARK
    for (let i = 0; i < 3; i++) wake(other(1), 0)
    t.equal(task.words[at], PARK_TOKEN)
    park(task, WAIT.work, 0) // would hang here
    t.equal(task.words[at], PARK_EMPTY)
    let sleeps = false
    const again = stepped(task, 0, ({ sleep }) => {
      if (sleep !== 'work') return
      sleeps = true
      wake(other(1), 0)
    })
    park(again, WAIT.work, 0)
    t.equal(sleeps, true, 'the three were one token')
  })

  t.test('an actor that is awake is not asleep, nor is one with a token', async (t) => {
    const { task, other } = solo()
    t.equal(isAsleep(other(1), 0), false)
    wake(other(1), 0)
    t.equal(isAsleep(other(1), 0), false)
    t.equal(task.words[task.record + PHASE] === PHASE_WAITING, false)
  })

  t.test('two threads play ping-pong with sleeps: 10,000 hops, none lost', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    t.same(await crew.run(import.meta.url, 'pingPong', 5_000), [5_000, 5_000])
    t.equal(crew.task.words[words(crew.task) + BALL], 10_000)
  })

  t.test('the same on one core, where nobody may spin, and with noise', async (t) => {
    const crew = startCrew(t, { cpus: 2, cores: 0, noise: 0.05 })
    t.same(await crew.run(import.meta.url, 'pingPong', 1_000), [1_000, 1_000])
  })

  t.test('three wakers, one sleeper: every message is seen, whichever token announced it', async (t) => {
    const crew = startCrew(t)
    t.same(await crew.run(import.meta.url, 'inbox', 1_500), [4_500, 1_500, 1_500, 1_500])
  })

  t.test('a sleeper publishes what it waits for, and counts as not awake', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const [after, during] = await crew.run(import.meta.url, 'watchASleeper')
    t.same(during, [PHASE_WAITING, 4711])
    t.same(after, [PHASE_RUNNING, WAIT.none])
  })

  t.test('a nap ends when woken', async (t) => {
    const crew = startCrew(t, { cpus: 2 })
    const seconds = (await crew.run(import.meta.url, 'napForAnHour')) as number[]
    t.ok(Math.max(...seconds) < 20)
  })

  t.test('a nap ends by itself, and leaves no trace', async (t) => {
    const { task } = solo()
    nap(task, 50_000)
    t.equal(task.words[actorAt(task.words, 0) + PARK], PARK_EMPTY)
    t.equal(task.words[task.record + WAIT_KIND], WAIT.none)
    wake(task, 0)
    nap(task, 3_600e9) // a token ends it before it begins
    t.equal(task.words[actorAt(task.words, 0) + PARK], PARK_EMPTY)
  })

  t.test('a fatal signal wakes, and stays', async (t) => {
    const { task, other } = solo()
    t.equal(isKilled(task), false)
    kill(other(1), 0)
    park(task, WAIT.work, 0) // would hang here
    t.equal(isKilled(task), true)
  })

  t.test('relaxing is a step: the heartbeat goes on, and no token is spent', async (t) => {
    const { task } = solo()
    wake(task, 0)
    const steps = task.words[task.record + STEPS] as number
    for (let tries = 0; tries < 60; tries++) relax(task, 0, tries)
    t.equal(task.words[task.record + STEPS], steps + 60)
    t.equal(task.words[actorAt(task.words, 0) + PARK], PARK_TOKEN)
    t.equal(atomicLoad(task, AWAKE_AT), 0)
  })
}
