/**
 * `doctor`: what this host is, what the primitives cost on it, and which figures can be trusted here. It takes a second or two, and
 * leaves nothing behind.
 */
import { accessSync, constants } from 'node:fs'
import { availableParallelism, cpus } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Clock, theClock } from '../bench/clock.ts'
import { hostLoop } from '../bench/hostloop.ts'
import { hostLoad, shareOfOthers } from './bench/hostload.ts'
import { median } from './bench/median.ts'
import { type AccessCosts, accessCosts } from './doctor/access.ts'
import { type Judgement, judge } from './doctor/judge.ts'
import { type MemoryHere, memoryHere } from './doctor/memory.ts'
import { type RoundTrips, roundTrips } from './doctor/roundtrips.ts'

/** What was measured and looked up. */
export interface Findings {
  readonly node: string
  readonly platform: string
  readonly cpu: string
  /** Cores that this process may use, and those of the host. */
  readonly cores: { readonly usable: number; readonly total: number }
  readonly clock: Clock
  readonly access: AccessCosts
  readonly round_trips: RoundTrips
  readonly memory: MemoryHere
  /** Whether actors can be kept on a core. */
  readonly taskset: boolean
  /** A loop that is always the same: its median, what 80 of 100 differ by as a share of it, and the longest. */
  readonly loop: { readonly p50_ns: number; readonly spread: number; readonly max_ns: number }
  /** Share of the cores' time that other processes used meanwhile, where the host tells. */
  readonly others: number | null
}

/** What was found of a host, and what follows from it. */
export interface DoctorReport {
  /** What a machine cannot do without and is not here: sentences. */
  readonly missing: readonly string[]
  /** null when something is missing: then nothing was measured. */
  readonly found: Findings | null
  readonly judgements: readonly Judgement[]
}

const SECONDS_OF_AN_ACCESS = 0.03
const LOOPS = 600

/** Looks the host over. */
export async function doctor(): Promise<DoctorReport> {
  const missing = missingIn(globalThis)
  if (missing.length > 0) return { missing, found: null, judgements: [] }
  const before = hostLoad()
  const memory = memoryHere()
  if (!memory.shares_machine)
    return { missing: ['64 MiB of memory cannot be shared between threads'], found: null, judgements: [] }
  const loops = hostLoop(LOOPS).sort((a, b) => a - b)
  const at = (share: number) => loops[Math.floor(share * (loops.length - 1))] as number
  let trips: RoundTrips
  try {
    trips = await roundTrips()
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return { missing: [`no worker thread can be started: ${why}`], found: null, judgements: [] }
  }
  const found: Findings = {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: { usable: availableParallelism(), total: cpus().length },
    clock: theClock(),
    access: accessCosts(SECONDS_OF_AN_ACCESS),
    round_trips: trips,
    memory,
    taskset: isProgram('taskset'),
    loop: {
      p50_ns: Math.round(median(loops)),
      spread: Math.round(((at(0.9) - at(0.1)) / median(loops)) * 1000) / 1000,
      max_ns: Math.round(at(1)),
    },
    others: shareOfOthers(before, hostLoad()) ?? null,
  }
  return { missing, found, judgements: judge(found) }
}

/** What of the language a machine is made of and `world` has not. */
export function missingIn(world: object): string[] {
  const lacks = (path: string) => {
    const [holder = '', member] = path.split('.')
    const held: unknown = Reflect.get(world, holder)
    return member === undefined ? held === undefined : Object(held)[member] === undefined
  }
  return ['SharedArrayBuffer', 'Atomics.wait', 'Atomics.notify', 'WebAssembly.Memory']
    .filter(lacks)
    .map((path) => `there is no ${path}: threads cannot share a machine here`)
}

/** Whether a program of this name is on the path. */
function isProgram(name: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}
