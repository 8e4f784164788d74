/**
 * Courses of a machine (shared/actor/bench/course.ts), run for as long as is wanted. Before the run that counts there are two: the
 * workers have to compile what they run, and an operation takes three times as long until they have; and their difference says how long
 * one lasts, without beginning and end. A machine for measuring is not checked and makes no noise.
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
  /** Smallest size, and the size after which the workers have compiled what they run. */
  readonly least: number
  readonly warm: number
  /** Times that a taker keeps at most for each unit of size. */
  readonly timesPerUnit: number
}

/** Seconds from which on a row is worth the whole warm-up; a shorter one is to see that it runs. */
const FULL_S = 0.4
/** Two runs may take the same time by chance: no course is taken to be shorter than that. */
const SHORTEST_S = 0.02

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
  const warm = Math.max(2 * least, Math.ceil(options.warm * Math.min(1, seconds / FULL_S)))
  const cold = await timed(machine, options, least)
  const each = Math.max((await timed(machine, options, warm)) - cold, SHORTEST_S) / (warm - least)
  return runCourse(machine, options, Math.max(least, Math.ceil(seconds / each)))
}

/** Seconds that a course of one size takes, with its beginning and its end. Leaves the machine as it was. */
async function timed(machine: Machine, options: CourseOptions, size: number): Promise<number> {
  const began = performance.now()
  await runCourse(machine, options, size)
  machine.reset()
  return (performance.now() - began) / 1000
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
