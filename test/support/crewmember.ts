/** One thread of crews (crew.ts): it runs what it is told on one machine after the other, and lives until its process ends. */
import { parentPort } from 'node:worker_threads'
import { adoptMemory, type SharedMemory } from '../../shared/memory/regions.ts'
import { registerMm } from '../../shared/mm/mm.ts'
import { quietAdd } from '../../shared/seam/atomics.ts'
import { HaltSignal, haltMachine } from '../../shared/seam/halt.ts'
import { AWAKE_AT, NOISE_AT } from '../../shared/seam/superblock.ts'
import { GATE_NOISE, Task } from '../../shared/seam/task.ts'

/** What a thread is told to run. */
export interface Duty {
  readonly buffer: SharedArrayBuffer
  /** What the buffer is the memory of. */
  readonly memory: SharedMemory | null
  readonly actor: number
  readonly module: string
  readonly name: string
  readonly args: readonly unknown[]
}

/** How it came out. Of a run that was halted from outside nothing is told. */
export interface DutyEnd {
  readonly result?: unknown
  readonly error?: string
}

async function serve({ buffer: sent, memory, actor, module, name, args }: Duty): Promise<void> {
  const buffer = memory === null ? sent : adoptMemory(memory)
  const task = new Task({ buffer, actor, nowNs: () => performance.now() * 1e6 })
  registerMm(task)
  if ((task.words[NOISE_AT] as number) > 0) task.gate = GATE_NOISE
  quietAdd(task, AWAKE_AT, 1)
  try {
    const functions = (await import(module)) as Record<string, (task: Task, ...args: readonly unknown[]) => unknown>
    parentPort?.postMessage({ result: functions[name]?.(task, ...args) } satisfies DutyEnd)
  } catch (thrown) {
    haltMachine(task.words, 'failure', actor)
    if (!(thrown instanceof HaltSignal)) parentPort?.postMessage({ error: textOf(thrown) } satisfies DutyEnd)
  }
}

function textOf(thrown: unknown): string {
  const { violation } = thrown as { violation?: { oracle: string; message: string } }
  return violation ? `${violation.oracle}: ${violation.message}` : String((thrown as Error)?.stack ?? thrown)
}

parentPort?.on('message', serve)
