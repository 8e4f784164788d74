/** One thread of a crew (crew.ts). */
import { parentPort, workerData } from 'node:worker_threads'
import { registerMm } from '../../shared/mm/mm.ts'
import { quietAdd } from '../../shared/seam/atomics.ts'
import { HaltSignal, haltMachine } from '../../shared/seam/halt.ts'
import { AWAKE_AT, NOISE_AT } from '../../shared/seam/superblock.ts'
import { GATE_NOISE, Task } from '../../shared/seam/task.ts'

const { buffer, actor, module, name, args } = workerData as {
  buffer: SharedArrayBuffer
  actor: number
  module: string
  name: string
  args: unknown[]
}
const task = new Task({ buffer, actor, nowNs: () => performance.now() * 1e6 })
registerMm(task)
if ((task.words[NOISE_AT] as number) > 0) task.gate = GATE_NOISE
quietAdd(task, AWAKE_AT, 1)
try {
  const functions = (await import(module)) as Record<string, (task: Task, ...args: unknown[]) => unknown>
  parentPort?.postMessage({ result: functions[name]?.(task, ...args) })
} catch (thrown) {
  haltMachine(task.words, 'failure', actor)
  const violation = (thrown as { violation?: { oracle: string; message: string } }).violation
  const text =
    thrown instanceof HaltSignal
      ? 'halted'
      : violation
        ? `${violation.oracle}: ${violation.message}`
        : String((thrown as Error)?.stack ?? thrown)
  if (!(thrown instanceof HaltSignal)) parentPort?.postMessage({ error: text })
}
