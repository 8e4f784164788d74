/**
 * Courses of a machine (shared/actor/bench/course.ts), run for as long as is wanted: a short one first, in which the workers compile
 * what they run, then another, which says how long one lasts, then the one that counts. A machine for measuring is not checked and makes no noise.
 */
import type { BenchProgram, Course } from '../shared/actor/bench/course.ts'
import { Samples } from '../shared/actor/bench/samples.ts'
import { HmmError } from '../shared/seam/error.ts'
import { readStat, type StatName } from '../shared/seam/stats.ts'
import { type BootOptions, Machine } from '../src/machine.ts'
import { type BenchResult, ofSamples } from './measure.ts'

/** What a course was. */
export interface CourseRun {
  /** All times that were taken, ns. */
  readonly ns: readonly number[]
  /** Actors of the machine, of which some sleep: on fewer cores they share them. */
  readonly actors: number
  /** A counter over all actors. */
  stat(name: StatName): number
}

export interface CourseOptions {
  readonly name: string
  readonly seconds: number
  /** Actors that take times: 1, or the engines. Default 1. */
  readonly takers?: number
  /** The course in that size. */
  course(size: number): Course
  /** Size of the short run, and times that a taker keeps at most for each unit of size. */
  readonly least: number
  readonly timesPerUnit: number
}

/** A machine for measuring: hands it to `use`, and closes it. */
export async function onMachine<T>(options: BootOptions, use: (machine: Machine) => Promise<T>): Promise<T> {
  const machine = await Machine.boot({ checked: false, ...options })
  try {
    return await use(machine)
  } finally {
    await machine.close()
  }
}

/** Runs a course for about `seconds` of it. */
export async function measureCourse(machine: Machine, options: CourseOptions): Promise<CourseRun> {
  const { least, seconds } = options
  await runCourse(machine, options, least)
  machine.reset()
  const began = performance.now()
  await runCourse(machine, options, least)
  const each = (performance.now() - began) / 1000 / least
  machine.reset()
  return runCourse(machine, options, Math.max(least, Math.ceil(seconds / each)))
}

/** Runs a course of one size. Throws HmmError where it was not what it should be. */
export async function runCourse(machine: Machine, options: CourseOptions, size: number): Promise<CourseRun> {
  const { name, takers = 1, timesPerUnit } = options
  const samples = Array.from({ length: takers }, () => Samples.create(Math.ceil(size * timesPerUnit)))
  const program: BenchProgram = { kind: 'bench', course: options.course(size), samples }
  const { error, violations } = await machine.run(program)
  const [violation] = violations
  if (violation !== undefined) throw new HmmError('HMM_ERR_BENCH', `${name}: ${violation.message}`)
  if (error !== null) throw new HmmError('HMM_ERR_BENCH', `${name}: ${error.message}`, { cause: error })
  const actors = machine.actorNames.length
  return {
    ns: samples.flatMap((buffer) => new Samples(buffer).list()),
    actors,
    stat: (stat) => readStat(machine.task.words, actors, stat),
  }
}

/** The row of a course. */
export function courseRow(name: string, run: CourseRun, operations = 1): BenchResult {
  return { ...ofSamples(name, run.ns, operations), actors: run.actors }
}
