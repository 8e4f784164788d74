/**
 * Kernel selftests as scenarios: a test writes operations and the answers they must get, the machine plays them, and the
 * reference audit follows. One machine for a file, laid out anew for each test.
 *
 *     const selftest = selftests()
 *     selftest('hmm.migrate', (k) => {
 *       k.does('mmap A 1024 rw private')
 *       k.fill('A', I(1024))
 *       k.answers('migrate_dev 0 A 0 1024', moved(I(1024)))
 *     })
 *
 * The kernel's tests look at every int of a buffer; a scenario looks at the first word of every page. So "int k has value k"
 * becomes I: page p has value 1000 + p; and "int k has value -k" becomes MINUS_I, another value for every page.
 */
import t from 'tap'
import { runs } from '../../shared/actor/interpreter.ts'
import { difference } from '../../src/cli/run.ts'
import type { Machine } from '../../src/machine.ts'
import { bootScenarioMachine, runScenario } from '../../src/run/lane.ts'
import { parseSequential } from '../../src/scenario/parse.ts'

/** Pages of the buffer that the kernel's tests use unless they say otherwise: 4 MiB. */
export const BUFFER = 1024
export const FIRST_I = 1000
export const FIRST_MINUS_I = 500_000

const count = (first: number, pages: number) => Array.from({ length: pages }, (_, i) => String(first + i))

/** What pages [from, from + pages) of a buffer hold that was filled with i. */
export const I = (pages: number, from = 0) => count(FIRST_I + from, pages)
/** The same, filled with -i. */
export const MINUS_I = (pages: number, from = 0) => count(FIRST_MINUS_I + from, pages)
export const ZEROS = (pages: number) => new Array<string>(pages).fill('0')

/** READ returned 0: all of `values`, after `faults` rounds. */
export const read = (values: readonly string[], faults = 1) =>
  `ok cpages=${values.length} faults=${faults} values=${runs(values)}`
/** WRITE returned 0. */
export const wrote = (pages: number, faults = 1) => `ok cpages=${pages} faults=${faults}`
/** MIGRATE_TO_DEV or EXCLUSIVE returned 0, and the mirror buffer shows `values`. */
export const moved = (values: readonly string[]) => `ok cpages=${values.length} values=${runs(values)}`
/** SNAPSHOT returned 0 and these bytes. */
export const perms = (...symbols: string[]) => `ok perms=${symbols.join(',')}`

/** The lines of one test. */
export class Script {
  private readonly lines: string[] = []

  answers(operation: string, answer: string): void {
    this.lines.push(`${operation} => ${answer}`)
  }

  /** Each operation succeeds, with nothing more to say. */
  does(...operations: string[]): void {
    for (const operation of operations) this.answers(operation, 'ok')
  }

  /** The CPU writes `values` to the pages from `from` on. */
  fill(handle: string, values: readonly string[], from = 0): void {
    for (const [i, value] of values.entries()) this.does(`store ${handle} ${from + i} ${value}`)
  }

  /** The CPU reads `values` from the pages from `from` on. */
  holds(handle: string, values: readonly string[], from = 0): void {
    for (const [i, value] of values.entries()) this.answers(`load ${handle} ${from + i}`, value)
  }

  /** A private anonymous buffer, filled. */
  buffer(handle: string, values: readonly string[]): void {
    this.does(`mmap ${handle} ${values.length} rw private`)
    this.fill(handle, values)
  }

  get text(): string {
    return this.lines.join('\n')
  }
}

/** Declares selftests of one file: the function it returns takes the test's name and its lines. */
export function selftests(): (name: string, write: (k: Script) => void) => void {
  let machine: Machine | null = null
  t.teardown(() => machine?.close())
  return (name, write) => {
    t.test(name, async (t) => {
      if (machine?.reusable === true) machine.reset()
      else machine = await bootScenarioMachine()
      t.same(await differences(machine, name, write), [])
    })
  }
}

/** Plays a selftest on a fresh machine. Returns what differs, what was not returned, or what is not modelled. */
export async function differences(machine: Machine, name: string, write: (k: Script) => void): Promise<string[]> {
  const script = new Script()
  write(script)
  const result = await runScenario(machine, parseSequential(name, script.text))
  if (result.skipped !== undefined) return [result.skipped]
  return result.ok ? [] : difference(result)
}
