/** The command `hmm` as a user runs it, in a process of its own. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { workerFlags } from '../../src/remote.ts'

export const CLI = fileURLToPath(
  new URL(`../../src/cli${import.meta.url.slice(import.meta.url.lastIndexOf('.'))}`, import.meta.url),
)

/** Runs it to its end. */
export function hmm(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...workerFlags(), CLI, ...args], { encoding: 'utf8' })
  return { status, stdout, stderr }
}

/** Starts it, for who wants to interrupt it. */
export function hmmStarted(...args: readonly string[]): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [...workerFlags(), CLI, ...args])
}
