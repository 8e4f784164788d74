/**
 * A task that asks before each of its schedule points: for replaying one interleaving, step by step, on one thread. The hook
 * may let other actors of the machine run, as long as they need nothing that the stepped actor holds.
 *
 *     const cpu0 = stepped(task, 0, (step) => { if (step.number === 7) upWrite(cpu1, sem) })
 *     downRead(cpu0, sem, MMAP_SEM)
 *
 * It rides on the noise of the seam: with noise at every point, each point reads the clock twice, and the clock is ours. An
 * actor that is about to sleep without a wake-up waiting for it would hang the test, because nobody else runs: it throws.
 */
import { PARK, PHASE, PHASE_WAITING, WAIT_KIND } from '../../shared/seam/actors.ts'
import { WAIT, WAIT_NAMES, type WaitName } from '../../shared/seam/park.ts'
import { PARK_TOKEN } from '../../shared/seam/parkword.ts'
import { CORES_AT, NOISE_AT } from '../../shared/seam/superblock.ts'
import { GATE_NOISE, Task } from '../../shared/seam/task.ts'

export interface Step {
  /** Counts the points of this task from 0. */
  readonly number: number
  /** What it is about to sleep for; 'none' at an ordinary point. */
  readonly sleep: WaitName
}

export function stepped(of: Task, actor: number, before: (step: Step) => void): Task {
  let asked = 0
  let now = 0
  const task: Task = new Task({
    buffer: of.words.buffer as SharedArrayBuffer,
    actor,
    nowNs: () => {
      if (asked++ % 2 === 0) atPoint(task, asked >> 1, before)
      now += 1e6
      return now
    },
  })
  task.gate = GATE_NOISE
  task.words[NOISE_AT] = 0x10000
  task.words[CORES_AT] = -1 // no core is ever free: nobody spins, so that only points read the clock
  return task
}

/** One actor waits, another does what it waits for. Made anew for every point. */
export interface Scene {
  /** Any task of the machine. */
  readonly task: Task
  /** What cpu 0 does. */
  wait(cpu0: Task): void
  /** What the other does: once, all of it in one go. */
  intrude(): void
  /** False while cpu 0 has a lock that `intrude` needs. */
  possible?(): boolean
}

/**
 * Plays a scene once for each point of cpu 0, with `intrude` in front of that point; where that is not possible, at the last
 * moment before cpu 0 sleeps. Throws when cpu 0 then sleeps all the same. Returns at how many points the other intruded.
 */
export function intrudeEverywhere(make: () => Scene): number {
  let intruded = 0
  for (let at = 0; ; at++) {
    const scene = make()
    let done = false
    let last = -1
    const cpu0 = stepped(scene.task, 0, ({ number, sleep }) => {
      last = number
      const now = number === at && (scene.possible?.() ?? true)
      if (done || !(now || sleep !== 'none')) return
      if (now) intruded++
      done = true
      scene.intrude()
    })
    scene.wait(cpu0)
    if (last < at) return intruded
  }
}

function atPoint(task: Task, number: number, before: (step: Step) => void): void {
  const { words, record } = task
  const kind = words[record + PHASE] === PHASE_WAITING ? (words[record + WAIT_KIND] as number) : WAIT.none
  const sleep = WAIT_NAMES[kind] as WaitName
  before({ number, sleep })
  if (sleep !== 'none' && words[record + PARK] !== PARK_TOKEN) throw new Error(`sleeps for ever, waiting for ${sleep}`)
}
