/**
 * Cores of the host: which there are for this process, and keeping threads on one of them. The actors of an exploration move one
 * at a time; on one core a hand-over needs no other core to be woken, and two explorations do not get into each other's way.
 *
 * Node can do neither. Linux tells the first in /proc and has taskset(1) for the second; elsewhere, or where that is missing, the
 * host places the threads as it likes: slower, and with the same results.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'

/** Numbers of the cores that this process may use. */
export function usableCores(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
    const cores = list.split(',').flatMap((range) => {
      const [from = Number.NaN, to = from] = range.split('-').map(Number)
      return Array.from({ length: to - from + 1 }, (_, i) => from + i)
    })
    if (cores.length > 0) return cores
  } catch {
    // not Linux
  }
  return Array.from({ length: availableParallelism() }, (_, i) => i)
}

/** Keeps threads of this process on `core`, if the host can. */
export async function keepOnCore(threads: readonly (number | undefined)[], core: number): Promise<void> {
  await Promise.all(
    threads.map(
      (thread) =>
        new Promise<void>((resolve) => {
          if (thread === undefined) resolve()
          else execFile('taskset', ['-c', '-p', String(core), String(thread)], () => resolve())
        }),
    ),
  )
}

/** Keeps each thread of this process on a core: thread i on `cores[i]`, and again from the first. If the host can. */
export async function placeOnCores(threads: readonly (number | undefined)[], cores: readonly number[]): Promise<void> {
  await Promise.all(
    threads.map((thread, i) => {
      const core = cores[i % cores.length]
      return core === undefined ? undefined : keepOnCore([thread], core)
    }),
  )
}
