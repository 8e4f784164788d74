/** Which part each actor has in a course (course.ts). */
import { ENGINE_KERNELS, type EngineKernel } from '../../device/command.ts'
import { registerOp } from '../../seam/optable.ts'
import type { Task } from '../../seam/task.ts'
import { contentionKernel, leadContention } from './contention.ts'
import { type BenchProgram, type Course, mustBe } from './course.ts'
import { faultKernel, leadFaults } from './fault.ts'
import { joinLocks, leadLocks } from './locks.ts'
import { answerMail, askByMail } from './mailbox.ts'
import { Samples } from './samples.ts'
import { leadUnmap, unmapKernel } from './unmap.ts'

/** Makes this worker ready for a course: what its engines run. */
export function prepareCourse(task: Task, { course, samples }: BenchProgram): void {
  const kept = samples.map((buffer) => new Samples(buffer))
  let kernel: EngineKernel | undefined
  if (course.name === 'unmap') kernel = unmapKernel
  if (course.name === 'fault') kernel = faultKernel(first(kept))
  if (course.name === 'contention') kernel = contentionKernel(kept)
  if (kernel !== undefined) registerOp(task, ENGINE_KERNELS, 0, kernel)
}

/** The part of cpu `cpu`. */
export function runCourse(task: Task, cpu: number, { course, samples }: BenchProgram): void {
  if (cpu === 0) lead(task, course, first(samples.map((buffer) => new Samples(buffer))))
  if (cpu !== 1) return
  if (course.name === 'mailbox') answerMail(task)
  if (course.name === 'locks') joinLocks(task, course)
}

function lead(task: Task, course: Course, samples: Samples): void {
  if (course.name === 'mailbox') askByMail(task, course, samples)
  if (course.name === 'unmap') leadUnmap(task, course, samples)
  if (course.name === 'fault') leadFaults(task, course)
  if (course.name === 'contention') leadContention(task, course)
  if (course.name === 'locks') leadLocks(task, course, samples)
}

function first(kept: readonly Samples[]): Samples {
  const [one] = kept
  mustBe(one !== undefined, 'a course has room for its times')
  return one
}
