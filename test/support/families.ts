/**
 * A sequential scenario on a machine with one device of some family: operations in, answers out, and then nothing may be left. For tests of
 * what a family answers; meetings of threads are explored.
 */
import { auditInventory, takeInventory } from '../../shared/check/references.ts'
import { assert } from '../../shared/seam/error.ts'
import { boot, driverUrl } from '../../src/index.ts'
import { parseSequential } from '../../src/scenario/parse.ts'

/** The answer of each of `operations`, in the scenario language, device 0 being of `family`. */
export async function sequential(family: string, operations: readonly string[]): Promise<string[]> {
  const machine = await boot({ cpus: 1, drivers: [driverUrl(family)], swapPages: 16, bytes: 8 * 1024 * 1024 })
  try {
    const before = takeInventory(machine.task)
    const { lines } = parseSequential('family.scn', operations.join('\n'))
    const outcome = await machine.run({ kind: 'sequential', lines })
    assert(outcome.error === null, String(outcome.error?.message))
    const left = [...outcome.violations, ...auditInventory(machine.task, before)].map(({ message }) => message)
    assert(left.length === 0, left.join('; '))
    const [cpu] = outcome.actors
    assert(cpu?.end === 'done' && cpu.answers !== undefined, 'the scenario ran to its end')
    return cpu.answers.map(({ got }) => got)
  } finally {
    await machine.close()
  }
}
