/** Finds written into a folder, and replayed from there by another process: by this node or by another one. */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { toFile } from '../../src/explore/recording.ts'
import { explore } from '../../src/index.ts'
import { workerFlags } from '../../src/remote.ts'
import type { Source } from './finds.ts'

/** How one file came out of a replay. */
export interface Replayed {
  readonly file: string
  readonly trace: string
  readonly oracle: string | null
  /** Why there was none, or that it was not the same run; null when all is well. */
  readonly problem: string | null
}

const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'))
const CHILD = fileURLToPath(new URL(`./replayall${extension}`, import.meta.url))
const CLI = fileURLToPath(new URL(`../../src/cli${extension}`, import.meta.url))

/** Looks for `source` with `seed`, and writes what is found, as it is found. Returns its oracle, or null. */
export async function record(folder: string, source: Source, seed: number): Promise<string | null> {
  const { violation } = await explore({ ...source.options(seed), shrink: false })
  if (violation === undefined) return null
  const name = `${source.name} ${seed}`.replaceAll(/\W+/g, '-')
  writeFileSync(join(folder, `${name}.replay.json`), toFile(violation.recording))
  return violation.oracle
}

/** The files of a folder. */
export function recordings(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.replay.json'))
    .sort()
    .map((name) => join(folder, name))
}

/** Replays all of a folder in one process of `node`, and says what is not as it was recorded. */
export function replayAll(node: string, folder: string): Replayed[] {
  const child = spawnSync(node, [...workerFlags(), CHILD, folder], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  const replayed = child.stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => judged(JSON.parse(line) as Replayed))
  const missing = recordings(folder).slice(replayed.length)
  return [...replayed, ...missing.map((file) => ({ file, trace: '', oracle: null, problem: child.stderr.slice(-500) }))]
}

/** Replays one file as a user does, in a process of its own. */
export function replayOne(node: string, file: string): Replayed {
  const child = spawnSync(node, [...workerFlags(), CLI, 'replay', file, '--json', '-'], { encoding: 'utf8', maxBuffer: 2 ** 26 })
  if (child.status !== 1) return { file, trace: '', oracle: null, problem: `exit ${child.status}: ${child.stderr.slice(-500)}` }
  const { trace, violation } = JSON.parse(child.stdout) as { trace: string; violation: { oracle: string } }
  return judged({ file, trace, oracle: violation.oracle, problem: null })
}

function judged(replayed: Replayed): Replayed {
  const { trace, oracle } = JSON.parse(readFileSync(replayed.file, 'utf8')) as { trace: string; oracle: string }
  if (replayed.problem !== null || (replayed.trace === trace && replayed.oracle === oracle)) return replayed
  return { ...replayed, problem: `${replayed.oracle}, trace ${replayed.trace}; recorded were ${oracle}, ${trace}` }
}
