/**
 * `--floor PROGRAM`: the same steps in another language, run in the same minute. The program prints one JSON object of times in
 * nanoseconds, `{"mirror_range_512_ns": 1495, ...}`; how it finds them out is its own affair.
 *
 * It is run before a benchmark and after each repetition that has a result with a floor in it; a repetition is held against the mean of
 * the figures before and after it.
 */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { promisify } from 'node:util'
import { z } from 'zod'
import { medianOf } from '../../bench/measure.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { type CombinedResult, withRatios } from './combine.ts'
import { median } from './median.ts'
import type { Repetition } from './repetition.ts'

/** What the program said, by its own names. */
export type FloorFigures = Readonly<Record<string, number>>

/** The figure that a result is held against. */
const FLOOR_OF: Readonly<Record<string, string>> = {
  'mirror-range/512': 'mirror_range_512_ns',
  'mirror-range/1': 'mirror_range_1_ns',
  'scale/pages/512': 'mirror_range_512_ns',
  'invalidate/1/dispatcher/idle': 'invalidate_round_trip_futex_ns',
  'mailbox/parked': 'futex_echo_ns',
  'mailbox/awake': 'spin_echo_ns',
  'floor/copy-page': 'copy_page_ns',
}

/** A program that takes longer than this measures something else. */
const LONGEST_MS = 60_000

const printed = z.record(z.string().regex(/^[a-z0-9_]+_ns$/), z.number().positive())

/** Runs the program. Throws HmmError when it fails, or prints something else than figures. */
export async function floorFigures(program: string): Promise<FloorFigures> {
  const file = existsSync(program) ? resolve(program) : program
  let said: string
  try {
    said = (await promisify(execFile)(file, [], { timeout: LONGEST_MS, encoding: 'utf8' })).stdout
  } catch (error) {
    throw refused(program, reasonOf(error))
  }
  let json: unknown
  try {
    json = JSON.parse(said)
  } catch {
    throw refused(program, `it printed ${excerpt(said)}, which is no JSON object`)
  }
  const checked = printed.safeParse(json)
  if (!checked.success || Object.keys(checked.data).length === 0)
    throw refused(program, `it printed ${excerpt(said)}, which is no object of times like {"cas_ns": 2.4}`)
  return checked.data
}

function refused(program: string, why: string): HmmError {
  return new HmmError('HMM_ERR_USAGE', `the floor program ${program} is of no use: ${why}`)
}

function reasonOf(error: unknown): string {
  const { code, signal, killed } = error as { code?: unknown; signal?: unknown; killed?: unknown }
  if (code === 'ENOENT') return 'there is no such program'
  if (code === 'EACCES') return 'it may not be executed'
  if (killed === true) return `it was still running after ${LONGEST_MS / 1000} s`
  if (typeof code === 'number') return `it ended with code ${code}`
  return typeof signal === 'string' ? `it was ended by ${signal}` : (String((error as Error).message).split('\n')[0] ?? '')
}

function excerpt(text: string): string {
  const [line = ''] = text.trim().split('\n')
  return line === '' ? 'nothing' : JSON.stringify(line.length > 60 ? `${line.slice(0, 60)}...` : line)
}

/** `mirror_range_512_ns` -> `floor/c/mirror-range-512`. */
function nameOf(key: string): string {
  return `floor/c/${key.replace(/_ns$/, '').replaceAll('_', '-')}`
}

/** Whether a program's figure is the floor of one of these. */
export function hasFloor(repetition: Repetition, figures: FloorFigures): boolean {
  return repetition.results.some(({ name }) => figures[FLOOR_OF[name] ?? ''] !== undefined)
}

/** Ratios of `result` to its floor, if it has one: `around[i]` is what the program said around repetition i. */
export function besideFloor(result: CombinedResult, around: readonly (readonly FloorFigures[])[]): CombinedResult {
  const key = FLOOR_OF[result.name]
  if (key === undefined) return result
  const ratios = result.repetitions.flatMap((ns, i) => {
    const floors = (around[i] ?? []).flatMap((figures) => figures[key] ?? [])
    return floors.length === 0 ? [] : [ns / median(floors)]
  })
  return ratios.length < result.repetitions.length ? result : withRatios(result, { [nameOf(key)]: ratios })
}

/** The program's figures as results: percentiles are over its runs. */
export function floorResults(runs: readonly FloorFigures[]): CombinedResult[] {
  return Object.keys(runs[0] ?? {}).map((key) => {
    const times = runs.flatMap((one) => one[key] ?? []).sort((a, b) => a - b)
    const middle = median(times)
    const least = Math.round(times[0] ?? middle)
    const most = Math.round(times.at(-1) ?? middle)
    const mean = times.reduce((sum, ns) => sum + ns, 0) / times.length
    const result = {
      name: nameOf(key),
      benchmark: 'floor',
      n: times.length,
      min_ns: least,
      p50_ns: Math.round(middle),
      p90_ns: most,
      p99_ns: most,
      p999_ns: most,
      max_ns: most,
      mean_ns: Math.round(mean),
      median_ns: middle,
      ops_per_s: 1e9 / mean,
      relative_to: {},
      repetitions: times,
      ratios: {},
    }
    return { ...result, spread: ((times.at(-1) ?? middle) - (times[0] ?? middle)) / medianOf(result) }
  })
}
