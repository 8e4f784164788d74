/** `hmm doctor`: what this host is, and which figures can be trusted on it. */
import { doctor, type Findings } from '../doctor.ts'
import { document } from '../documents.ts'
import { duration, EXIT, Output } from './output.ts'

export async function doctorVerb(flags: { readonly json?: string }): Promise<number> {
  const output = new Output(flags.json)
  const report = await doctor()
  for (const line of report.found === null ? [] : factLines(report.found)) output.say(line)
  const width = Math.max(0, ...report.judgements.map(({ trust }) => trust.length))
  if (report.judgements.length > 0) output.say('what can be trusted here')
  for (const { what, trust, why } of report.judgements) {
    output.say(`  ${trust.padEnd(width)}  ${what}`)
    output.say(`  ${' '.repeat(width)}    ${why}`)
  }
  for (const sentence of report.missing) output.say(`missing: ${sentence}`)
  const ok = report.missing.length === 0
  output.say(ok ? 'verdict: machines run here.' : 'verdict: no machine runs here.')
  output.write(document('doctor', ok, report))
  return ok ? EXIT.clean : EXIT.failure
}

function factLines(found: Findings): string[] {
  const { access, clock, cores, loop, memory, others, round_trips: trips } = found
  const trip = (ns: number | null) => (ns === null ? 'no answer' : time(ns))
  const facts: [string, string][] = [
    ['host', `node ${found.node}, ${found.platform}, ${found.cpu}`],
    ['cores', `${cores.usable} usable of ${cores.total}${found.taskset ? '; taskset is there' : '; no taskset'}`],
    ['clock', `steps of ${time(clock.step_ns)}; a reading costs ${time(clock.cost_ns)}`],
    ['plain access', `load ${time(access.plain_load_ns)}, store ${time(access.plain_store_ns)}`],
    [
      'Atomics',
      `load ${time(access.atomic_load_ns)}, store ${time(access.atomic_store_ns)}, add ${time(access.atomic_add_ns)}, compareExchange ${time(access.atomic_cas_ns)}`,
    ],
    ['there and back', `spinning ${trip(trips.spin_ns)}, woken ${trip(trips.futex_ns)}, by message ${trip(trips.message_ns)}`],
    [
      'memory',
      `${size(memory.total_bytes)}, ${size(memory.free_bytes)} free${memory.limit_bytes === null ? '' : `, limited to ${size(memory.limit_bytes)}`}; up to ${size(memory.shares_bytes)} shared by threads`,
    ],
    [
      'evenness',
      `a loop of ${time(loop.p50_ns)} takes ${Math.round(100 * loop.spread)} % more or less, ${time(loop.max_ns)} at worst${others === null ? '' : `; other processes use ${Math.round(100 * others)} % of the cores`}`,
    ],
  ]
  const width = Math.max(...facts.map(([name]) => name.length))
  return facts.map(([name, fact]) => `${name.padEnd(width)}  ${fact}`)
}

function time(ns: number): string {
  if (ns < 10) return `${ns.toFixed(1)} ns`
  return ns < 1000 ? `${Math.round(ns)} ns` : duration(ns)
}

function size(bytes: number): string {
  return bytes < 2 ** 30 ? `${Math.round(bytes / 2 ** 20)} MiB` : `${(bytes / 2 ** 30).toFixed(1)} GiB`
}
