/**
 * One preemption, exactly where it is wanted, on one thread: an actor runs, and at each of its schedule points the test may
 * run another actor's operation as a whole. For races that real threads meet once a year.
 *
 *     const points = atPoints(machine, 1, (walker) => walk(walker), (point) => { if (point === 7) munmap(task, ...) })
 *
 * The seam's noise is what stops at points: with the probability of 1 it reads the clock at each of them, and the clock is
 * ours. What runs at a point must not wait for the actor that stands there: there is only one thread.
 */
import { checkPageGeneration } from '../../shared/check/pagegeneration.ts'
import { registerMm } from '../../shared/mm/mm.ts'
import { NOISE_AT } from '../../shared/seam/superblock.ts'
import { GATE_NOISE, Task } from '../../shared/seam/task.ts'

/** Probability 1, in the 1/65536 of the noise word. */
const ALWAYS = 0x10000
/** Longer than any noise, so that a point reads the clock just twice. */
const STEP_NS = 1e6

/** Runs `run` as actor `actor` and calls `stop` at each point, with the point's number from 0. Returns how many there were. */
export function atPoints(
  machine: { readonly task: Task },
  actor: number,
  run: (task: Task) => void,
  stop: (point: number, task: Task) => void,
): number {
  const { words } = machine.task
  let reads = 0
  const task: Task = new Task({
    buffer: words.buffer as SharedArrayBuffer,
    actor,
    nowNs: () => {
      if (reads++ % 2 === 0) stop(reads >> 1, task)
      return reads * STEP_NS
    },
  })
  registerMm(task)
  checkPageGeneration(task)
  words[NOISE_AT] = ALWAYS
  task.gate = GATE_NOISE
  run(task)
  words[NOISE_AT] = 0
  return reads >> 1
}
