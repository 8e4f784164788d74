/** `hmm explore`: controlled schedules of concurrent scenarios; on a find, the interleaving and a way to see it again. */
import { writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Era } from '../../shared/hmm/era.ts'
import { HmmError } from '../../shared/seam/error.ts'
import { document } from '../documents.ts'
import { toFile } from '../explore/recording.ts'
import { type ExploreProgress, type ExploreResult, exploreAll } from '../explore.ts'
import { inDocument } from './exploredocument.ts'
import { progressLine, resultLines } from './explorelines.ts'
import { EXIT, interruptSignal, mustBeFolder, Output } from './output.ts'

export interface ExploreFlags {
  readonly json?: string
  readonly seed: number
  readonly strategy?: 'random' | 'pct' | 'dfs' | 'dpor'
  readonly depth?: number
  readonly preemptions?: number
  readonly bug?: string
  readonly era?: Era
  readonly schedules?: number
  readonly shard?: string
  readonly jobs?: number
  readonly driver: readonly string[]
  readonly out: string
  readonly shrink: boolean
}

export async function exploreVerb(files: readonly string[], flags: ExploreFlags): Promise<number> {
  const output = new Output(flags.json)
  mustBeFolder('--out', flags.out)
  const signal = interruptSignal()
  if (files.length === 0 && flags.bug === undefined)
    throw new HmmError('HMM_ERR_USAGE', 'hmm explore takes scenario files, or --bug ID')
  const shown: object[] = []
  const results: ExploreResult[] = []
  const progress = new ProgressLine(output)
  const { campaign, shards } = await exploreAll({
    scenarios: files,
    ...given('strategy', flags.strategy),
    ...given('depth', flags.depth),
    ...given('preemptions', flags.preemptions),
    ...given('bug', flags.bug),
    ...given('era', flags.era),
    ...given('jobs', flags.jobs),
    seed: flags.seed,
    shrink: flags.shrink,
    signal,
    drivers: Object.fromEntries(flags.driver.map(replacement)),
    ...given('schedules', flags.schedules),
    ...(flags.shard === undefined ? {} : { shard: shardOf(flags.shard) }),
    onProgress: (now) => progress.tell(now),
    onResult: (result) => {
      const file = result.violation === undefined ? null : writeReplay(flags.out, result.name, result)
      for (const line of resultLines(result, file)) output.say(line)
      results.push(result)
      shown.push(inDocument(result, file))
    },
  })
  const ok = results.every(({ violation }) => violation === undefined)
  output.write(document('explore', ok, { campaign, shards, scenarios: shown }))
  if (!ok) return EXIT.finding
  return shards.unfinished.length > 0 || results.some(({ cut_off }) => cut_off > 0) ? EXIT.failure : EXIT.clean
}

/** About once a second: how much is done, how fast, how deep, and how near it was. */
class ProgressLine {
  private readonly output: Output
  private told = 0

  constructor(output: Output) {
    this.output = output
  }

  tell(now: ExploreProgress): void {
    if (now.seconds - this.told < 1) return
    this.told = now.seconds
    this.output.progress(progressLine(now))
  }
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
