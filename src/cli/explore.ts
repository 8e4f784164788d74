/** `hmm explore`: controlled schedules of concurrent scenarios; on a find, the interleaving and a way to see it again. */
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { HmmError } from '../../shared/seam/error.ts'
import { document } from '../documents.ts'
import { toFile } from '../explore/recording.ts'
import { readScenario } from '../explore/subjects.ts'
import { type ExploreResult, explore } from '../explore.ts'
import type { ConcurrentScenario } from '../scenario/concurrent.ts'
import { EXIT, grouped, interruptSignal, Output } from './output.ts'

export interface ExploreFlags {
  readonly json?: string
  readonly seed: number
  readonly strategy?: 'random' | 'pct' | 'dfs' | 'dpor'
  readonly depth?: number
  readonly preemptions?: number
  readonly bug?: string
  readonly schedules?: number
  readonly shard?: string
  readonly driver: readonly string[]
  readonly out: string
  readonly shrink: boolean
}

export async function exploreVerb(files: readonly string[], flags: ExploreFlags): Promise<number> {
  const output = new Output(flags.json)
  const signal = interruptSignal()
  if (files.length === 0 && flags.bug === undefined)
    throw new HmmError('HMM_ERR_USAGE', 'hmm explore takes scenario files, or --bug ID')
  const scenarios = files.length === 0 ? [null] : files.map(readScenario)
  const results: object[] = []
  let found = 0
  let unsure = 0
  for (const scenario of scenarios) {
    if (signal.aborted) break
    const result = await exploreOne(scenario, flags, output, signal)
    const file = result.violation === undefined ? null : writeReplay(flags.out, result.name, result)
    for (const line of resultLines(result, file)) output.say(line)
    if (result.violation !== undefined) found++
    else if (result.cut_off > 0) unsure++
    results.push(shown(result, file))
  }
  output.write(document('explore', found === 0, { scenarios: results }))
  if (found > 0) return EXIT.finding
  return signal.aborted || unsure > 0 ? EXIT.failure : EXIT.clean
}

function exploreOne(
  scenario: ConcurrentScenario | null,
  flags: ExploreFlags,
  output: Output,
  signal: AbortSignal,
): Promise<ExploreResult> {
  let told = 0
  return explore({
    ...(scenario === null ? {} : { scenario }),
    ...given('strategy', flags.strategy),
    ...given('depth', flags.depth),
    ...given('preemptions', flags.preemptions),
    ...given('bug', flags.bug),
    seed: flags.seed,
    shrink: flags.shrink,
    signal,
    drivers: Object.fromEntries(flags.driver.map(replacement)),
    ...given('schedules', flags.schedules),
    ...(flags.shard === undefined ? {} : { shard: shardOf(flags.shard) }),
    onProgress: ({ schedules, switches, seconds }) => {
      if (seconds - told < 1) return
      told = seconds
      output.progress(
        `${scenario?.name ?? flags.bug}: ${grouped(schedules)} schedules, ${grouped(schedules / seconds)}/s, ${grouped(switches)} switches`,
      )
    },
  })
}

/** An option, if it was given. */
function given<K extends string, V>(key: K, value: V | undefined): { [k in K]?: V } {
  return value === undefined ? {} : ({ [key]: value } as { [k in K]?: V })
}

/** `svm=./mine.js`: a module in the place of a family. */
function replacement(text: string): [string, string] {
  const [family = '', module = ''] = text.split(/=(.*)/)
  if (family === '' || module === '')
    throw new HmmError('HMM_ERR_USAGE', `--driver takes FAMILY=MODULE, as svm=./my-driver.js, not ${JSON.stringify(text)}`)
  return [family, module]
}

/** `2/8`: the second of eight parts. */
function shardOf(text: string): { index: number; of: number } {
  const match = /^(\d+)\/(\d+)$/.exec(text)
  const [index, of] = [Number(match?.[1]), Number(match?.[2])]
  if (match === null || index < 1 || index > of)
    throw new HmmError('HMM_ERR_USAGE', `--shard takes I/N, as 1/8 to 8/8, not ${JSON.stringify(text)}`)
  return { index: index - 1, of }
}

function writeReplay(folder: string, name: string, { violation }: ExploreResult): string | null {
  if (violation === undefined) return null
  const file = join(folder, `${basename(name)}-${violation.recording.trace.slice(0, 8)}.replay.json`)
  try {
    writeFileSync(file, toFile(violation.recording))
  } catch (error) {
    throw new HmmError('HMM_ERR_OUTPUT', `${file} could not be written: ${error instanceof Error ? error.message : error}`)
  }
  return file
}

/** The result as people read it. */
export function resultLines(result: ExploreResult, file: string | null): string[] {
  const { violation } = result
  const spent = `${grouped(result.schedules)} schedules in ${result.seconds.toFixed(1)} s (${grouped(result.schedules_per_second)}/s)`
  const lines = [`${result.name}: ${spent}, ${result.actors} actors, ${result.base_steps} to ${result.max_steps} points`]
  if (violation === undefined) return [...lines, ...cleanLines(result)]
  return [
    ...lines,
    `found by schedule ${grouped(result.first_hit ?? 0)}; shrunk from ${violation.found.operations} operations, ${violation.found.preemptions} preemptions to ${violation.operations} and ${violation.preemptions}; replayed, and the same`,
    '',
    violation.table,
    '',
    ...(file === null ? [] : [`replay:  hmm replay ${file}`]),
    `token:   ${violation.token}`,
  ]
}

function cleanLines(result: ExploreResult): string[] {
  const cut = result.cut_off === 0 ? '' : `; ${grouped(result.cut_off)} were too long and tell nothing`
  const lines = [
    result.complete
      ? `clean: ${result.strategy === 'dpor' ? 'every behaviour was seen' : 'these are all schedules within the bound'}${cut}`
      : `no violation was found${cut}`,
  ]
  if (result.bound === undefined) return lines
  const missed = (1 - result.bound) ** result.schedules
  return [
    ...lines,
    `a bug of this depth is found by one schedule with a probability of at least ${result.bound.toExponential(1)}: one that is there was missed with at most ${missed.toPrecision(3)}`,
  ]
}

function shown(result: ExploreResult, file: string | null): object {
  const { violation, ...rest } = result
  if (violation === undefined) return rest
  const { recording: _recording, violation: _violation, ...find } = violation
  return { ...rest, violation: { ...find, ...(file === null ? {} : { replay_file: file }) } }
}
