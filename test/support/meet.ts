/**
 * How threads of a crew meet: each waits for something that the others do, and unwinds with them if one fails. These order a
 * test's steps; they are not what is tested.
 */
import type { WordAt } from '../../shared/memory/words.ts'
import { actorAt, WAIT_KIND } from '../../shared/seam/actors.ts'
import { atomicAdd, atomicLoad } from '../../shared/seam/atomics.ts'
import { isAsleep, relax, WAIT, type WaitName } from '../../shared/seam/park.ts'
import type { Task } from '../../shared/seam/task.ts'

/** Returns once `parties` actors have come to the word `at`. A word serves once. */
export function meet(task: Task, at: WordAt, parties: number): void {
  atomicAdd(task, at, 1)
  until(task, () => atomicLoad(task, at) >= parties)
}

/** Returns once actor `id` sleeps in a wait of this kind. */
export function untilAsleep(task: Task, id: number, kind: WaitName): void {
  until(task, () => isAsleep(task, id) && task.words[actorAt(task.words, id) + WAIT_KIND] === WAIT[kind])
}

/** Returns once the condition, over words that others change, is true. */
export function until(task: Task, condition: () => boolean): void {
  for (let tries = 0; !condition(); tries++) relax(task, 0, tries)
}
